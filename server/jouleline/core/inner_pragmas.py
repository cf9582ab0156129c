"""Pragmas between the head of a statement and its body that has no braces.

``for (...)``, a ``#pragma unroll`` in a line of its own, and the loop that it is about: to a grammar a
directive is a statement of its own, and the first loop would end in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

REACH: Final = 1000
"""No pragma is longer, and none is further from the head that it follows (bytes)."""
HEAD: Final = b"[[pragma"
TAIL: Final = b"]]"
"""An attribute of the statement behind it stands in a pragma's place, as C++ has it: ``[[omp::...]]``."""
_WORD: Final = re.compile(rb"ragma\b")
_DIRECTIVE: Final = re.compile(rb"#[ \t]*pragma\b(?:[^\\\r\n/]+|/(?!\*)|\\(?:\r?\n|.?)|\r(?!\n))*")
_OPERATOR: Final = re.compile(rb'_Pragma[ \t]*\([ \t]*"(?:[^"\\\n]|\\.)*"[ \t]*\)')
_LAST_OPERATOR: Final = re.compile(_OPERATOR.pattern + rb"\Z")
_COMMENT: Final = re.compile(rb"""//(?P<comment>)|/\*.*?\*/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)+'""")
_BRACKET: Final = re.compile(rb"[()]")
_KEYWORD: Final = re.compile(rb"\b(?:(?:for|while)\s*|if\s*(?:constexpr\s*)?)\Z")
_WORD_HEAD: Final = re.compile(rb"\b(?:else|do)\Z")


def inner_pragmas(data: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The start and the end of each such pragma that starts in the whole lines ``first:last``.

    What is told depends on a pragma's own line and on the REACH bytes in front of it and behind its start.
    """
    for word in _WORD.finditer(data, first, last):
        at = word.start() - 1
        line = data.rfind(b"\n", 0, at) + 1
        if data[line:at].strip() == b"#":
            found = _DIRECTIVE.match(data, data.index(b"#", line))
        else:
            found = _OPERATOR.match(data, at - 1)
        if found is None or not len(HEAD + TAIL) <= len(found[0]) <= REACH or b"\n" in found[0][-2:]:
            continue
        start, end = found.span()
        if _wants_body(data[max(0, start - REACH) : start]):
            yield start, end


def _wants_body(code: bytes) -> bool:
    """Whether the head of a statement is the last in a text but for comments and pragmas."""
    while code := code.rstrip():
        if code.endswith(b"*/"):
            code = code[: max(0, code.rfind(b"/*"))]
            continue
        first = code.rfind(b"\n")
        while first > 0 and code.endswith((b"\\", b"\\\r"), 0, first):
            first = code.rfind(b"\n", 0, first)
        line = code[first + 1 :]
        if line.lstrip().startswith(b"#"):
            if _DIRECTIVE.match(line.lstrip()) is None:
                return False
            code = code[: first + 1]
        elif comment := _comment(line):
            code = code[: first + 1 + comment.start()]
        elif code.endswith(b'")') and (operator := _LAST_OPERATOR.search(line)):
            code = code[: first + 1 + operator.start()]
        else:
            break
    return _follows_keyword(code) if code.endswith(b")") else _WORD_HEAD.search(code[-5:]) is not None


def _comment(line: bytes) -> re.Match[bytes] | None:
    if b"//" not in line:
        return None
    return next((found for found in _COMMENT.finditer(line) if found["comment"] is not None), None)


def _follows_keyword(code: bytes) -> bool:
    """Whether the brackets at the end of a text are those of a loop's or a condition's head."""
    depth = 0
    for bracket in reversed([*_BRACKET.finditer(code)]):
        depth += 1 if bracket[0] == b")" else -1
        if depth == 0:
            return _KEYWORD.search(code, max(0, bracket.start() - 40), bracket.start()) is not None
    return False
