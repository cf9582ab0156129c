"""For which share of the threads that run a block the predicates of its instructions hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median_low
from typing import Final

from .line_visits import LineVisits
from .sass import Instruction
from .visits import Line, SourceLoop

EVEN: Final = 0.5
"""Share of threads that take a branch of which nothing is known (assumed)."""

_Level = tuple[tuple[SourceLoop, ...], tuple[Line, ...]]
"""The loops around a line, and the calls through which its function came here."""


def active_shares(instructions: Sequence[Instruction], lines: LineVisits) -> list[float]:
    """The share of threads for each instruction of a block.

    A line runs as often as its like in the block that have no predicate, or less: in the same loops, for what
    was written out of a loop stands beside it, and in the same call, for a function may come in several.
    """
    plain: defaultdict[_Level, list[float]] = defaultdict(list)
    for each in instructions:
        if not each.predicate:
            for level, often in _levels(each, lines):
                plain[level].append(often)
    usual = {level: median_low(often) for level, often in plain.items()}
    return [_share(each, usual, lines) for each in instructions]


def _levels(instruction: Instruction, lines: LineVisits) -> Iterator[tuple[_Level, float]]:
    places = instruction.places
    for depth, line in enumerate(places):
        if (often := lines.own(line)) is not None:
            yield (lines.loops(line), places[depth + 1 :]), often


def _share(instruction: Instruction, usual: dict[_Level, float], lines: LineVisits) -> float:
    predicate = instruction.predicate
    if predicate in ("", "PT", "UPT"):
        return 1.0
    if predicate in ("!PT", "!UPT"):
        return 0.0
    shares = [
        often / whole
        for level, often in _levels(instruction, lines)
        if (whole := usual.get(level) or _iterations(level))
    ]
    least = min(shares, default=1.0)
    if least < 1.0:
        return least
    return EVEN if not shares or any(lines.decides(line) for line in instruction.places) else 1.0


def _iterations(level: _Level) -> float:
    loops, _ = level
    return loops[0].iterations if loops else 0.0
