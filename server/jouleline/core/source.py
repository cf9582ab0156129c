"""A source file as bytes with a line index, and edits to it.

Offsets are bytes from the start of the file. A :class:`Point` counts lines from 0 and columns in
bytes, as tree-sitter does; :meth:`SourceText.point_at` and :meth:`SourceText.character` translate
to the code units that an editor counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple

from .kept import cached_property
from .offsets import Offsets

Encoding = Literal["utf-8", "utf-16", "utf-32"]

# What the language server protocol calls the end of a line; a form feed or U+2028 is not one.
_LINE_END = re.compile(rb"\r\n|\n|\r")
_UNIT_BYTES: dict[Encoding, tuple[str, int]] = {
    "utf-8": ("utf-8", 1),
    "utf-16": ("utf-16-le", 2),
    "utf-32": ("utf-32-le", 4),
}
# Bytes of a UTF-8 character by the upper half of its first byte; one for all others.
_LEAD_LENGTH = {0xC: 2, 0xD: 2, 0xE: 3, 0xF: 4}
# What "surrogateescape" makes of a byte that is no UTF-8.
_ESCAPED = tuple(map(chr, range(0xDC80, 0xDD00)))


class Point(NamedTuple):
    """A place in a text: line from 0, column in bytes from 0."""

    line: int
    column: int


class EditConflictError(ValueError):
    """Edits overlap or lie outside the text they are meant for."""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the bytes ``start:end`` of a text by ``replacement``."""

    start: int
    end: int
    replacement: bytes

    def moved(self, by: int) -> Edit:
        """The same edit so many bytes further on."""
        return Edit(self.start + by, self.end + by, self.replacement)

    def touches(self, other: Edit) -> bool:
        """Whether the two replace a common byte or insert at the same place."""
        if self.start == self.end and other.start == other.end:
            return self.start == other.start
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class SourceText:
    """The bytes of one file. Immutable; an edit makes a new text."""

    data: bytes

    @cached_property
    def line_starts(self) -> Offsets:
        """Byte offset of the start of each line."""
        lines = self.data.splitlines(keepends=True)  # of bytes: as the protocol splits them
        starts = [0, *accumulate(map(len, lines))]
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            starts.pop()
        return Offsets(starts)

    def edited(self, edit: Edit, data: bytes) -> SourceText:
        """The text after an edit, which made ``data`` of it; lines are not counted again."""
        text = SourceText(data)
        if b"\r" not in edit.replacement and b"\r" not in self.data:
            starts = self.line_starts
            low, high = starts.before(edit.start + 1), starts.before(edit.end + 1)
            by = len(edit.replacement) - (edit.end - edit.start)
            new = [edit.start + place.end() for place in _LINE_END.finditer(edit.replacement)]
            text.__dict__["line_starts"] = starts.replaced(low, high, new, by)
        return text

    @property
    def line_count(self) -> int:
        """Number of lines; a text that ends in a line break has an empty last line."""
        return len(self.line_starts)

    def point(self, offset: int) -> Point:
        """The line and byte column of an offset (clamped to the text)."""
        offset = min(max(offset, 0), len(self.data))
        line = self.line_of(offset)
        return Point(line, offset - self.line_starts[line])

    def line_of(self, offset: int) -> int:
        """The line of an offset in the text."""
        return self.line_starts.before(offset + 1) - 1

    def position(self, offset: int, encoding: Encoding) -> Point:
        """The line of an offset and the column in code units of ``encoding``, as :meth:`character` has it."""
        line = self.line_of(offset)
        head = self.data[self.line_starts[line] : offset]
        if head.isascii():
            return Point(line, len(head.rstrip(b"\r\n")))
        return Point(line, self.character(self.point(offset), encoding))

    def offset(self, point: Point) -> int:
        """The offset of a point, clamped to the line and to the text."""
        if point.line < 0:
            return 0
        if point.line >= self.line_count:
            return len(self.data)
        return self.line_starts[point.line] + min(max(point.column, 0), len(self.line_bytes(point.line)))

    def line_bytes(self, line: int) -> bytes:
        """The bytes of a line without its line break."""
        start = self.line_starts[line]
        end = self.line_starts[line + 1] if line + 1 < self.line_count else len(self.data)
        return self.data[start:end].rstrip(b"\r\n")

    def character(self, point: Point, encoding: Encoding) -> int:
        """The column of a point in code units of ``encoding``; inside a character, of its start."""
        content = self.line_bytes(point.line)
        if content.isascii():
            return min(max(point.column, 0), len(content))
        column = _character_start(content, point.column)
        if encoding == "utf-8":
            return column
        codec, width = _UNIT_BYTES[encoding]
        return len(_decoded(content[:column]).encode(codec, "surrogatepass")) // width

    def point_at(self, line: int, character: int, encoding: Encoding) -> Point:
        """The point at ``character`` code units of ``encoding`` in ``line``, clamped to it."""
        if line >= self.line_count:
            return self.point(len(self.data))
        if line < 0:
            return Point(0, 0)
        content, character = self.line_bytes(line), max(character, 0)
        if content.isascii():
            return Point(line, min(character, len(content)))
        if encoding == "utf-8":
            return Point(line, _character_start(content, character))
        codec, width = _UNIT_BYTES[encoding]
        units = _decoded(content).encode(codec, "surrogatepass")
        end = character * width
        if encoding == "utf-16" and _splits_pair(units, end):
            end -= width
        head = units[:end].decode(codec, "surrogatepass")
        return Point(line, len(head.encode("utf-8", "surrogateescape")))

    def apply(self, edits: Iterable[Edit]) -> SourceText:
        """The text after all ``edits``, which are given in offsets of this text.

        Raises:
            EditConflictError: if edits overlap or reach outside the text.
        """
        pieces: list[bytes] = []
        position = 0
        previous: Edit | None = None
        for edit in sorted(edits):
            if not position <= edit.start <= edit.end <= len(self.data):
                raise EditConflictError(
                    f"edit of bytes {edit.start}-{edit.end} overlaps another or lies outside "
                    f"the text of {len(self.data)} bytes"
                )
            if previous is not None and edit.touches(previous):
                raise EditConflictError(f"two edits insert at byte {edit.start}")
            pieces += [self.data[position : edit.start], edit.replacement]
            position = edit.end
            previous = edit
        pieces.append(self.data[position:])
        return SourceText(b"".join(pieces))


def _decoded(content: bytes) -> str:
    """A line as text; bytes that are no UTF-8 are kept as one lone surrogate each."""
    return content.decode("utf-8", "surrogateescape")


def _character_start(content: bytes, column: int) -> int:
    """``column`` clamped to the line, and to the start of the character that it lies in."""
    column = min(max(column, 0), len(content))
    for start in range(column - 1, max(-1, column - 4), -1):
        if content[start] & 0xC0 == 0x80:
            continue  # a continuation byte: the character's first byte is further left
        length = _LEAD_LENGTH.get(content[start] >> 4, 1)
        whole = content[start : start + length]
        inside = start + length > column and not _decoded(whole).startswith(_ESCAPED)
        return start if inside else column
    return column


def _splits_pair(units: bytes, end: int) -> bool:
    """Whether ``end`` lies between the two halves of a UTF-16 surrogate pair."""
    if not 2 <= end < len(units):
        return False
    high, low = units[end - 1], units[end + 1]
    return high & 0xFC == 0xD8 and low & 0xFC == 0xDC


def difference(old: bytes, new: bytes) -> Edit | None:
    """The smallest single edit that turns ``old`` into ``new``; None when they are equal."""
    if old == new:
        return None
    prefix = _common_prefix(old, new)
    limit = min(len(old), len(new)) - prefix
    suffix = _common_suffix(old, new, limit)
    return Edit(prefix, len(old) - suffix, new[prefix : len(new) - suffix])


def _common_prefix(left: bytes, right: bytes) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left.startswith(right[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(left: bytes, right: bytes, limit: int) -> int:
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if left.endswith(right[len(right) - middle : len(right) - low], 0, len(left) - low):
            low = middle
        else:
            high = middle - 1
    return low
