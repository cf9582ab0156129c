"""Pragmas between the head of a statement and its body that has no braces.

``for (...)``, a ``#pragma unroll`` in a line of its own, and the loop that it is about: to a grammar a
directive is a statement of its own, and the first loop would end in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .blanked import Blanked

REACH: Final = 1000
"""No pragma is longer, and none is further from the head that it follows (bytes)."""
HEAD: Final = b"[[pragma"
TAIL: Final = b"]]"
"""An attribute of the statement behind it stands in a pragma's place, as C++ has it: ``[[omp::...]]``."""
_MOST: Final = 8
"""More pragmas than these in a row belong to no head: each looks back over those in front of it."""
_WORD: Final = re.compile(rb"ragma\b")
_DIRECTIVE: Final = re.compile(rb"#[ \t]*pragma\b(?:[^\\\r\n/]+|/(?!\*)|\\(?:\r?\n|.?)|\r(?!\n))*")
_PRAGMA: Final = re.compile(rb"[ \t]*#[ \t]*pragma\b")
_OPERATOR: Final = re.compile(rb'_Pragma[ \t]*\([ \t]*"(?:[^"\\\n]|\\.)*"[ \t]*\)')
_LAST_OPERATOR: Final = re.compile(_OPERATOR.pattern + rb"\Z")
_TOKEN: Final = re.compile(
    rb"//[^\n]*(?P<comment>)|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.){1,4}'|[()](?P<bracket>)",
    re.DOTALL,
)
_LAST_KEYWORD: Final = re.compile(rb"\b(?:(?:for|while)\s*|if\s*(?:constexpr\s*)?)\Z")
_LAST_WORD: Final = re.compile(rb"\b(?:else|do)\Z")


def inner_pragmas(data: bytes, first: int, last: int) -> Iterator[Blanked]:
    """Such pragmas that start in the whole lines ``first:last``.

    What is told depends on a pragma's own line and on the REACH bytes in front of it and behind its start.
    """
    for word in _WORD.finditer(data, first, last):
        at = word.start() - 1
        line = data.rfind(b"\n", 0, at) + 1
        ahead = data[line:at].lstrip()
        is_directive = ahead.rstrip() == b"#"
        start = at - len(ahead) if is_directive else at - 1
        if ahead.startswith(b"#") is not is_directive or not _wants_body(data, max(0, start - REACH), start):
            continue
        found = (_DIRECTIVE if is_directive else _OPERATOR).match(data, start)
        if found and len(HEAD + TAIL) <= len(found[0]) <= REACH and b"\n" not in found[0][-2:]:
            yield Blanked("pragma", *found.span(), found[0])


def _wants_body(data: bytes, floor: int, end: int) -> bool:
    """Whether the head of a statement is the last in ``floor:end`` but for comments and pragmas."""
    passed = 0
    while passed < _MOST and (code := data[floor:end].rstrip()):
        first, end = floor + code.rfind(b"\n") + 1, floor + len(code)
        line = data[first:end]
        if code.endswith((b";", b"{", b"}")) and b"//" not in line:  # as most do
            return False
        if code.endswith(b"*/"):
            end = max(floor, data.rfind(b"/*", floor, end))
        elif (start := _logical_start(data, floor, first)) < first or line.lstrip().startswith(b"#"):
            if _PRAGMA.match(data, start) is None:
                return False
            end, passed = start, passed + 1
        elif (comment := _comment(line)) is not None:
            end = first + comment
        elif line.endswith(b'")') and (operator := _LAST_OPERATOR.search(line)):
            end, passed = first + operator.start(), passed + 1
        elif line.endswith(b")"):
            return _follows_keyword(data, floor, end)
        else:
            return _LAST_WORD.search(line) is not None
    return False


def _logical_start(data: bytes, floor: int, start: int) -> int:
    """Where the line starts that a physical one is a part of."""
    while start > floor and data.endswith((b"\\\n", b"\\\r\n"), floor, start):
        start = data.rfind(b"\n", floor, start - 1) + 1 or floor
    return start


def _comment(line: bytes) -> int | None:
    """Where a comment starts that takes the rest of a line."""
    place = line.find(b"//")
    if place <= 0 or line[:place].isspace():
        return place if place >= 0 else None
    return next((found.start() for found in _TOKEN.finditer(line) if found.lastgroup == "comment"), None)


def _follows_keyword(data: bytes, floor: int, end: int) -> bool:
    """Whether the brackets at the end of a stretch are those of a loop's or a condition's head."""
    depth = 0
    brackets = [found for found in _TOKEN.finditer(data, floor, end) if found.lastgroup == "bracket"]
    for bracket in reversed(brackets):
        depth += 1 if bracket[0] == b")" else -1
        if depth == 0:
            head = data[max(floor, bracket.start() - 40) : bracket.start()]
            return _LAST_KEYWORD.search(head) is not None
    return False
