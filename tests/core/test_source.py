"""Offsets, points and code units of a text, and edits to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.source import Edit, EditConflictError, Encoding, Point, SourceText, difference

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
CODECS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
WIDTHS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}

# One, two, three and four bytes in UTF-8; the last is two code units in UTF-16.
TEXT = st.text(st.sampled_from("aé€😀\t\f\u2028\r\n"), max_size=30)
BYTES = st.lists(
    st.sampled_from([b"a", b"\r\n", b"\n", b"\r", "é".encode(), "😀".encode(), b"\xff", b"\xf0\x9f"]),
    max_size=20,
).map(b"".join)


def test_lines_end_as_the_language_server_protocol_says() -> None:
    text = SourceText("a\nb\r\nc\rd\fe\u2028f".encode())
    assert text.line_count == 4
    assert [text.line_bytes(line) for line in range(3)] == [b"a", b"b", b"c"]
    assert SourceText(b"").line_count == 1
    assert SourceText(b"a\n").line_count == 2


def test_a_character_outside_the_basic_plane_is_two_units_in_utf_16() -> None:
    text = SourceText("x😀y".encode())
    assert [text.character(Point(0, 5), encoding) for encoding in ENCODINGS] == [5, 3, 2]
    assert text.point_at(0, 5, "utf-8") == Point(0, 5)
    assert text.point_at(0, 3, "utf-16") == Point(0, 5)
    assert text.point_at(0, 2, "utf-32") == Point(0, 5)


def test_a_position_inside_a_character_means_its_start() -> None:
    text = SourceText("x😀y".encode())
    assert text.point_at(0, 2, "utf-16") == Point(0, 1)
    assert text.point_at(0, 3, "utf-8") == Point(0, 1)
    for inside in (2, 3, 4):
        assert [text.character(Point(0, inside), encoding) for encoding in ENCODINGS] == [1, 1, 1]


def test_places_outside_the_text_are_clamped_to_it() -> None:
    text = SourceText(b"ab\r\ncd")
    assert text.offset(Point(-1, 5)) == 0
    assert text.offset(Point(0, 99)) == 2
    assert text.offset(Point(9, 0)) == 6
    assert text.point(99) == Point(1, 2)
    assert text.point_at(0, 99, "utf-16") == Point(0, 2)
    assert text.point_at(9, 0, "utf-16") == Point(1, 2)
    assert text.point_at(-1, 3, "utf-16") == Point(0, 0)


@given(BYTES, st.integers(-2, 60))
def test_an_offset_survives_the_way_to_a_point_and_back(data: bytes, offset: int) -> None:
    text = SourceText(data)
    point = text.point(offset)
    clamped = min(max(offset, 0), len(data))
    inside_a_line_break = data[clamped - 1 : clamped + 1] == b"\r\n"
    assert text.offset(point) == clamped - (1 if inside_a_line_break and clamped else 0)


@given(TEXT, st.sampled_from(ENCODINGS), st.data())
def test_code_units_are_what_the_codec_says(content: str, encoding: Encoding, data: st.DataObject) -> None:
    text = SourceText(content.encode())
    line = data.draw(st.integers(0, text.line_count - 1))
    characters = text.line_bytes(line).decode()
    reach = data.draw(st.integers(0, len(characters)))
    head = characters[:reach]
    units = len(head.encode(CODECS[encoding])) // WIDTHS[encoding]
    point = Point(line, len(head.encode()))
    assert text.character(point, encoding) == units
    assert text.point_at(line, units, encoding) == point


@given(BYTES, st.sampled_from(ENCODINGS), st.integers(0, 40))
def test_invalid_utf_8_is_kept_and_counted_one_unit_a_byte(
    data: bytes, encoding: Encoding, offset: int
) -> None:
    text = SourceText(data)
    point = text.point(offset)
    back = text.point_at(point.line, text.character(point, encoding), encoding)
    assert back.line == point.line
    assert point.column - 3 <= back.column <= point.column
    assert text.point_at(back.line, text.character(back, encoding), encoding) == back


@given(BYTES, BYTES)
def test_the_difference_turns_the_old_text_into_the_new(old: bytes, new: bytes) -> None:
    edit = difference(old, new)
    assert (edit is None) == (old == new)
    assert SourceText(old).apply([edit] if edit else []).data == new


def test_the_difference_is_as_small_as_one_edit_can_be() -> None:
    assert difference(b"for (;;) {}", b"for (int i;;) {}") == Edit(5, 5, b"int i")
    assert difference(b"aaa", b"aa") == Edit(2, 3, b"")


@given(BYTES, st.data())
def test_edits_replace_what_they_name_and_nothing_else(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    edits = [Edit(a, b, b"<new>") for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    expected = text
    for edit in reversed(edits):
        expected = expected[: edit.start] + edit.replacement + expected[edit.end :]
    shuffled = data.draw(st.permutations(edits))
    assert SourceText(text).apply(shuffled).data == expected


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 2, b""), Edit(1, 3, b"")],
        [Edit(1, 1, b"a"), Edit(1, 1, b"b")],
        [Edit(0, 5, b"")],
        [Edit(2, 1, b"")],
        [Edit(-1, 0, b"")],
    ],
)
def test_edits_that_collide_or_lie_outside_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(EditConflictError):
        SourceText(b"abcd").apply(edits)


def test_an_insertion_beside_a_replacement_is_no_collision() -> None:
    assert SourceText(b"abcd").apply([Edit(1, 1, b"+"), Edit(1, 3, b"-")]).data == b"a+-d"


@given(BYTES, st.floats(0, 1), st.integers(0, 5), BYTES)
def test_the_lines_after_an_edit_are_those_of_the_new_text(
    data: bytes, share: float, removed: int, piece: bytes
) -> None:
    start = int(share * len(data))
    edit = Edit(start, min(len(data), start + removed), piece)
    text = SourceText(data)
    after = text.apply([edit]).data
    assert text.edited(edit, after).line_starts == SourceText(after).line_starts
