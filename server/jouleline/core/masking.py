"""Blank out CUDA and HIP syntax so that a C++ grammar parses the rest.

Every blanked character becomes a space and line breaks stay, so offsets in the masked text are
offsets in the original. What was blanked is returned beside it: attributes and launch
configurations are read from there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

_ATTRIBUTE = (
    rb"_(?:global|device|host|shared|constant|managed|grid_constant|restrict|forceinline"
    rb"|noinline|tile_static|cudart_builtin)__\b"
)
# Each alternative starts with a character, so that the search skips to one of these: what comes before
# it is looked at behind it. Empty groups say which alternative it was.
_TOKEN = re.compile(
    rb"//[^\n]*"  # comments and strings are skipped, whatever they contain
    rb"|/\*.*?(?:\*/|\Z)"
    rb'|R(?:(?<!\wR)|(?<=\b[uUL]R)|(?<=\bu8R))"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'
    rb'|"(?:[^"\\\n]|\\.)*"'
    rb"|'(?:[^'\\\n]|\\.){1,4}'"
    rb"|_(?<!\w_)" + _ATTRIBUTE + rb"(?P<attribute>)"
    rb"|_(?<!\w_)_launch_bounds__\s*\((?P<bounds>)"
    rb"|<<<(?P<launch>)",
    re.DOTALL,
)
_QUICK = re.compile(rb"__[a-z]|<<<")
_LAUNCH_MARK = re.compile(rb"[()\[\]{};]|>>>")
_HEAD = b"for(;;)"
_LOOP_MACRO = re.compile(rb"[A-Z](?<!\w.)[A-Z0-9]*_[A-Z0-9_]+[ \t]*\(")
_AFTER_HEAD = re.compile(rb"\s*\{")
_NOT_BREAK = re.compile(rb"[^\r\n]")
# A launch configuration longer than this is an unclosed bracket in a half-typed file.
_LAUNCH_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Blanked:
    """A stretch ``start:end`` of bytes that was blanked.

    ``kind`` is ``attribute``, ``bounds`` (launch bounds), ``launch`` or ``loop``; ``text`` is the word,
    the content of the parentheses, or the content between ``<<<`` and ``>>>``. A ``loop`` is a macro's
    call that is the head of a loop: ``FOR_EACH(i, n) {``; an endless loop's head stands in its place.
    """

    kind: str
    start: int
    end: int
    text: bytes

    @property
    def content_start(self) -> int:
        """Offset of the first byte of ``text`` in the file."""
        return self.start + 3 if self.kind == "launch" else self.end - 1 - len(self.text)


@dataclass(frozen=True)
class Masked:
    """A text of the same length as the original, and what was blanked, in order."""

    data: bytes
    blanked: tuple[Blanked, ...]

    @cached_property
    def _starts(self) -> list[int]:
        return [item.start for item in self.blanked]

    def within(self, start: int, end: int) -> tuple[Blanked, ...]:
        """What was blanked inside ``start:end``."""
        low = bisect_left(self._starts, start)
        return self.blanked[low : bisect_left(self._starts, end, low)] if end > start else ()


def mask(data: bytes) -> Masked:
    """Blank CUDA and HIP attributes and launch configurations in ``data``; give loop macros a head."""
    loops = _loop_macros(data)
    if not loops and not _QUICK.search(data):
        return Masked(data, ())
    found: list[Blanked] = []
    position = 0
    while match := _TOKEN.search(data, position):
        position = match.end()
        kind = match.lastgroup
        if kind == "attribute":
            if _in_definition(data, match.start()):
                continue  # a macro of blanks would take the next lines for its value
            found.append(Blanked("attribute", match.start(), match.end(), match[0]))
        elif kind == "bounds":
            end = _closing(data, match.end(), b"(", b")")
            found.append(Blanked("bounds", match.start(), end, data[match.end() : end - 1]))
            position = end
        elif kind == "launch":
            end, closed = _launch_end(data, match.end())
            content = data[match.end() : end - 3 if closed else end]
            found.append(Blanked("launch", match.start(), end, content))
            position = end
    masked = bytearray(data)
    for item in (*found, *loops):
        blank = _NOT_BREAK.sub(b" ", data[item.start : item.end])
        masked[item.start : item.end] = _HEAD + blank[len(_HEAD) :] if item.kind == "loop" else blank
    return Masked(bytes(masked), tuple(sorted((*found, *loops), key=lambda item: item.start)))


def _loop_macros(data: bytes) -> list[Blanked]:
    """Calls of macros, inside of functions, after which a block opens."""
    found = []
    for match in _LOOP_MACRO.finditer(data):
        end = _closing(data, match.end(), b"(", b")")
        start = match.start()
        opens = _AFTER_HEAD.match(data, end)
        if opens and end - start >= len(_HEAD) and _starts_statement(data, start):
            found.append(Blanked("loop", start, end, data[start:end]))
    return found


def _starts_statement(data: bytes, position: int) -> bool:
    """Whether a statement may begin here; a macro at the start of a line defines something: TEST(a, b) {."""
    before = data[data.rfind(b"\n", 0, position) + 1 : position]
    ahead = before.rstrip(b" \t")
    if not ahead:
        return bool(before)
    return ahead.endswith((b";", b"{", b"}")) and not before.lstrip().startswith(b"#")


def _in_definition(data: bytes, position: int) -> bool:
    line = data.rfind(b"\n", 0, position) + 1
    return data[line:position].lstrip().startswith(b"#")


def _closing(data: bytes, position: int, opening: bytes, closing: bytes) -> int:
    """The offset after the bracket that closes the one just before ``position``.

    A bracket that is never closed ends at its line's end.
    """
    depth = 1
    for index in range(position, min(len(data), position + _LAUNCH_LIMIT)):
        character = data[index : index + 1]
        if character == opening:
            depth += 1
        elif character == closing:
            depth -= 1
            if depth == 0:
                return index + 1
    return _line_end(data, position)


def _launch_end(data: bytes, position: int) -> tuple[int, bool]:
    """The end of a launch configuration that starts at ``position``, and whether it is closed.

    A ``>>>`` inside brackets closes template arguments, unless the bracket itself is half typed.
    One that is never closed ends with its statement or its line.
    """
    depth, first = 0, None
    for mark in _LAUNCH_MARK.finditer(data, position, position + _LAUNCH_LIMIT):
        if mark[0] == b";":
            break
        if mark[0] == b">>>":
            first = first or mark.end()
            if depth <= 0:
                return mark.end(), True
        else:
            depth += 1 if mark[0] in b"([{" else -1
    if first is not None:
        return first, True
    statement_end = data.find(b";", position, position + _LAUNCH_LIMIT)
    line_end = _line_end(data, position)
    return (line_end if statement_end < 0 else min(line_end, statement_end)), False


def _line_end(data: bytes, position: int) -> int:
    end = data.find(b"\n", position)
    return len(data) if end < 0 else end
