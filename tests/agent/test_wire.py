import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.agent.wire import Message, Wire, WireError

HEADS = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "bytes"), st.integers() | st.text(), max_size=3
)


@given(st.lists(st.tuples(HEADS, st.binary(max_size=50)), max_size=5))
def test_messages_come_as_they_were_sent(messages: list[tuple[dict[str, object], bytes]]) -> None:
    pipe = io.BytesIO()
    for head, payload in messages:
        Wire(pipe, pipe).send(head, payload)
    pipe.seek(0)
    wire = Wire(pipe, pipe)
    assert [wire.receive() for _ in messages] == [Message(head, payload) for head, payload in messages]
    assert wire.receive() is None


def test_a_message_that_was_cut_off_is_the_end() -> None:
    pipe = io.BytesIO()
    Wire(pipe, pipe).send({"id": 1}, b"payload")
    whole = pipe.getvalue()
    for length in range(len(whole)):
        cut = io.BytesIO(whole[:length])
        assert Wire(cut, cut).receive() is None


@given(st.binary(max_size=60))
def test_anything_else_is_refused_and_not_believed(data: bytes) -> None:
    pipe = io.BytesIO(data)
    try:
        message = Wire(pipe, pipe).receive()
    except WireError:
        return
    assert message is None or b'"bytes"' in data


@pytest.mark.parametrize(
    "line", [b"[1]\n", b"{}\n", b'{"bytes":-1}\n', b'{"bytes":1e9}\n', b'{"bytes":NaN}\n']
)
def test_a_line_that_is_no_message_is_an_error(line: bytes) -> None:
    pipe = io.BytesIO(line)
    with pytest.raises(WireError, match="no message"):
        Wire(pipe, pipe).receive()
