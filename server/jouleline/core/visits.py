"""How often each line and loop of the source runs in one launch, as source evidence expects it.

Compiled evidence weights machine code with these: the compiler tells which line an instruction came
from, and the source how often that line runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tree_sitter import Node

from .polynomial import ONE, ZERO, Polynomial
from .syntax import ParsedSource

Line = tuple[str, int]
"""A file of the program, and a line that counts from 1."""
# Each alternative starts with a character, which the search skips to.
_CHOICE: Final = re.compile(rb"[?]|&&|[|][|]|m(?<!\w.)(?:ax|in)\b|M(?<!\w.)(?:AX|IN)\b|s(?<!\w.)witch\b")


@dataclass(frozen=True, slots=True)
class SourceLoop:
    """A loop in lines ``first`` to ``last``, entered ``entries`` times for ``iterations`` in all.

    ``step`` is what its variable changes by; None if that is no known number.
    """

    file: str
    first: int
    last: int
    entries: float
    iterations: float
    step: float | None = None

    @property
    def trips(self) -> float:
        """Iterations each time the loop is reached."""
        return self.iterations / self.entries if self.entries > 0 else 0.0

    def holds(self, line: Line) -> bool:
        """Whether a line is part of the loop, its head included."""
        return line[0] == self.file and self.first <= line[1] <= self.last


@dataclass(frozen=True)
class Visits:
    """Executions over all threads of one launch, by the line on which a statement starts.

    ``forks`` are lines on which the source itself decides something: a branch, a choice of values.
    ``entered`` is how often the kernel's body starts: what is in no loop or branch runs as often.
    """

    lines: Mapping[Line, float] = field(default_factory=dict)
    loops: tuple[SourceLoop, ...] = ()
    forks: frozenset[Line] = frozenset()
    entered: float = 1.0


class LoopVisits(NamedTuple):
    """How often a loop is entered and iterates, and what its variable changes by, if that is known."""

    entries: Polynomial
    iterations: Polynomial
    step: float | None = None

    def plus(self, other: LoopVisits, times: Polynomial) -> LoopVisits:
        """These and ``times`` the others."""
        entries = self.entries + other.entries * times
        iterations = self.iterations + other.iterations * times
        return LoopVisits(entries, iterations, self.step if self.step == other.step else None)


@dataclass
class VisitCounter:
    """Gathers visits during a walk, places being the identity of a source, and rows and columns in it."""

    statements: dict[tuple[int, int, int], Polynomial] = field(default_factory=dict)
    loops: dict[tuple[int, int, int], LoopVisits] = field(default_factory=dict)
    forks: set[tuple[int, int]] = field(default_factory=set)

    def statement(self, source: ParsedSource, node: Node, times: Polynomial) -> None:
        """Note how often a statement runs."""
        row, column = node.start_point
        place = (id(source), row, column)
        known = self.statements.get(place)
        self.statements[place] = times if known is None else known + times
        if node.type == "if_statement":
            self.forks.add(place[:2])
        elif _CHOICE.search(node.text or b""):
            self.forks |= {(place[0], line) for line in range(row, node.end_point.row + 1)}

    def loop(self, source: ParsedSource, node: Node, visits: LoopVisits) -> None:
        """Note how often a loop is entered and iterates."""
        place = (id(source), node.start_point.row, node.end_point.row)
        known = self.loops.get(place)
        self.loops[place] = visits if known is None else known.plus(visits, ONE)

    def add(self, part: VisitCounter, times: Polynomial) -> None:
        """Add a part that runs ``times`` times."""
        for place, often in part.statements.items():
            self.statements[place] = self.statements.get(place, ZERO) + often * times
        for place, visits in part.loops.items():
            known = self.loops.get(place, LoopVisits(ZERO, ZERO, visits.step))
            self.loops[place] = known.plus(visits, times)

    def evaluated(self, files: Mapping[int, str], value_of: Callable[[str], float], entered: float) -> Visits:
        """The visits as numbers. ``files`` names the sources by their identity; others are left out."""
        lines: dict[Line, float] = {}
        for (source, row, _), often in self.statements.items():
            if file := files.get(source):
                # Of several statements on a line, all but the first may depend on it.
                line = (file, row + 1)
                lines[line] = max(lines.get(line, 0.0), often.evaluate(value_of))
        loops = tuple(
            SourceLoop(
                file,
                first + 1,
                last + 1,
                visits.entries.evaluate(value_of),
                visits.iterations.evaluate(value_of),
                visits.step,
            )
            for (source, first, last), visits in self.loops.items()
            if (file := files.get(source))
        )
        forks = frozenset((files[source], row + 1) for source, row in self.forks if source in files)
        return Visits(lines, loops, forks, entered)
