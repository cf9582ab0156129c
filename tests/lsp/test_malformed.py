"""Whatever arrives, the server goes on, and says to whom it can what was wrong."""

import json

import pytest

from tests.lsp.client import Client, Message, ServerError

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, NOT_INITIALIZED = -32700, -32600, -32602, -32002


def raw(client: Client, *pieces: bytes) -> None:
    with client._writing:
        client._output.write(b"".join(pieces))
        client._output.flush()


def framed(body: bytes, length: int | None = None) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body) if length is None else length, body)


def complaint(client: Client) -> int:
    """The code of an error that belongs to no request."""
    answer: Message = client.take(lambda one: "error" in one and one.get("id") is None)
    return int(answer["error"]["code"])


def still_serves(client: Client) -> None:
    assert client.execute("jouleline.devices")["current"] == "a100-sxm4-40gb"


def test_bad_json_is_complained_of(client: Client) -> None:
    client.initialize()
    for body in (b"{", b"\xff\xfe", b"[" * 100_000, b'{"jsonrpc": "2.0", "id": 1'):
        raw(client, framed(body))
        assert complaint(client) == PARSE_ERROR
    still_serves(client)


@pytest.mark.parametrize("body", [b"7", b"null", b"[]", b"{}", b'{"id": 3, "method": "shutdown"}', b'"x"'])
def test_what_is_no_message_is_complained_of(client: Client, body: bytes) -> None:
    client.initialize()
    raw(client, framed(body))
    assert complaint(client) == INVALID_REQUEST
    still_serves(client)


@pytest.mark.parametrize(
    "message",
    [
        {"id": [1], "result": None},
        {"id": {"a": 1}, "error": {"code": 1, "message": "x"}},
        {"method": "$/cancelRequest", "params": {"id": [1]}},
    ],
)
def test_an_id_is_a_number_or_a_string(client: Client, message: dict[str, object]) -> None:
    client.initialize()
    client.send(message)
    answer = client.take(lambda one: one.get("id") is None and "error" in one)
    assert answer["error"]["message"] == "the id of a message is a number or a string"
    assert client.execute("jouleline.devices")["current"]


REQUEST = json.dumps({"jsonrpc": "2.0", "id": "lost", "method": "shutdown"}).encode()


@pytest.mark.parametrize(
    "broken",
    [
        b"Content-Length: abc\r\n\r\n" + REQUEST,
        b"Content-Length: -5\r\n\r\n" + REQUEST,
        b"Content-Length: 0\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"x" * 3_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_has_no_length_is_passed_over(client: Client, broken: bytes) -> None:
    client.initialize()
    raw(client, broken)
    still_serves(client)


def test_a_wrong_length_loses_no_more_than_the_messages_it_spans(client: Client) -> None:
    client.initialize()
    raw(client, framed(REQUEST, len(REQUEST) - 5))
    assert complaint(client) == PARSE_ERROR
    still_serves(client)
    raw(client, framed(REQUEST, len(REQUEST) + 7))
    client.notify("$/somethingNew", {})
    assert complaint(client) == PARSE_ERROR
    still_serves(client)


def test_parameters_of_another_shape_are_told_to_who_asks(client: Client) -> None:
    client.initialize()
    requests: list[tuple[str, object]] = [
        ("textDocument/inlayHint", {"textDocument": 7}),
        ("textDocument/hover", []),
        ("textDocument/hover", None),
        ("workspace/executeCommand", {"command": ["x"]}),
        ("jouleline.never", "x"),
    ]
    for method, params in requests:
        with pytest.raises(ServerError):
            client.request(method, params)
    notifications: list[tuple[str, object]] = [
        ("textDocument/didOpen", {"textDocument": {"uri": 5}}),
        ("textDocument/didChange", {"contentChanges": "no"}),
        ("$/cancelRequest", {"id": 12345}),
        ("$/cancelRequest", {}),
        ("window/workDoneProgress/cancel", {"token": "never"}),
        ("workspace/didChangeConfiguration", {"settings": {"jouleline": {"gpu": {"deep": []}}}}),
    ]
    for method, params in notifications:
        client.notify(method, params)
    client.send({"id": "an answer to nothing", "result": 5}, {"id": 99, "error": {"code": 1, "message": "x"}})
    still_serves(client)
    client.drop("window/showMessage")


def test_what_comes_before_initialize_is_refused(client: Client) -> None:
    client.notify("textDocument/didOpen", {"textDocument": {"uri": "file:///k.cu"}})
    for method in ("textDocument/hover", "shutdown"):
        with pytest.raises(ServerError) as refused:
            client.request(method, {})
        assert refused.value.code == NOT_INITIALIZED
    client.initialize()
    still_serves(client)
