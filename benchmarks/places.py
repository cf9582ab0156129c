"""Where somebody types in a file: by one rule in generated files and in real ones, so tuned to none."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from jouleline.app.analyse import parse_file
from jouleline.core.source import SourceText

_SHARES: Final = (0.0, 0.25, 0.5, 0.75)
"""How far into a kernel, in its statements."""
_WINDOW: Final = 60  # lines of an editor's window


class Place(NamedTuple):
    """As the protocol has it."""

    line: int
    character: int

    @property
    def seen(self) -> tuple[int, int]:
        """The lines of a window with the place in its middle."""
        first = max(0, self.line - _WINDOW // 2)
        return first, first + _WINDOW


class Places(NamedTuple):
    """Where to type, in all kernels, small or big, and in ``main``; where to hover."""

    typed: list[Place]
    named: list[Place]
    host: Place


def places(data: bytes) -> Places:
    """The places of a file that has kernels and a ``main``."""
    text = SourceText(data)
    kernels = [kernel for _, kernel in parse_file(data).kernels]
    named = [data.index(kernel.name.encode(), kernel.start) for kernel in kernels if kernel.directive is None]
    begun = re.search(rb"\bint\s+main\s*\(", data)
    assert begun is not None, "the file has a main"
    return Places(
        [_place(text, offset) for _, offset in ends_of_statements(data)],
        [_place(text, offset) for offset in named],
        _place(text, data.index(b";", begun.end())),
    )


def ends_of_statements(data: bytes) -> list[tuple[int, int]]:
    """Some of each kernel: its number in the file and the offset, one kernel after the other."""
    found = []
    for number, (_, kernel) in enumerate(parse_file(data).kernels):
        ends = [one.start() for one in re.finditer(rb";", data[kernel.anchor : kernel.end])]
        found += [(number, kernel.anchor + ends[int(share * len(ends))]) for share in _SHARES if ends]
    return found


def evenly(count: int, turns: int) -> list[int]:
    """So many numbers below a count, over all of it; all of them, again and again, where they are few."""
    return [turn % count if count < turns else turn * count // turns for turn in range(turns)]


def digit(turn: int, count: int) -> str:
    """What is typed: it changes the tokens, and is another one when a place's turn comes again."""
    return str(1 + turn // count % 9)


def _place(text: SourceText, offset: int) -> Place:
    return Place(*text.position(offset, "utf-16"))
