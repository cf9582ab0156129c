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

from .polynomial import Polynomial
from .syntax import ParsedSource

Line = tuple[str, int]
"""A file of the program, and a line that counts from 1."""
# Each alternative starts with a character, which the search skips to.
_CHOICE: Final = re.compile(rb"[?]|&&|[|][|]|m(?<!\w.)(?:ax|in)\b|M(?<!\w.)(?:AX|IN)\b|s(?<!\w.)witch\b")


@dataclass(frozen=True, slots=True)
class SourceLoop:
    """A loop in lines ``first`` to ``last``, entered ``entries`` times for ``iterations`` in all.

    ``step`` is what its variable changes by; None if that is no known number. Of a loop that is ``shared``
    the threads that get there do some iterations each; it is entered once for all of them.
    """

    file: str
    first: int
    last: int
    entries: float
    iterations: float
    step: float | None = None
    shared: bool = False

    @property
    def trips(self) -> float:
        """Iterations each time the loop is reached."""
        return self.iterations / self.entries if self.entries > 0 else 0.0

    def plus(self, other: SourceLoop) -> SourceLoop:
        """The same loop, as often as it is reached in two ways."""
        return SourceLoop(
            self.file,
            self.first,
            self.last,
            self.entries + other.entries,
            self.iterations + other.iterations,
            self.step if self.step == other.step else None,
            self.shared,
        )

    def holds(self, line: Line) -> bool:
        """Whether a line is part of the loop, its head included."""
        return line[0] == self.file and self.first <= line[1] <= self.last


@dataclass(frozen=True)
class Visits:
    """Executions over all threads of one launch, by the line on which a statement starts.

    ``forks`` are lines on which the source itself decides something: a branch, a choice of values.
    ``entered`` is how often the kernel's body starts, as does what is in no loop or branch, and ``start``
    where the kernel stands. ``tries`` says how often a thread tries an update that is a loop of compare and
    swap, for the lines that have one.
    """

    lines: Mapping[Line, float] = field(default_factory=dict)
    loops: tuple[SourceLoop, ...] = ()
    forks: frozenset[Line] = frozenset()
    entered: float = 1.0
    start: Line = ("", 0)
    tries: Mapping[Line, float] = field(default_factory=dict)


class LoopVisits(NamedTuple):
    """How often a loop is entered and iterates, and what its variable changes by, if that is known.

    See :class:`SourceLoop`.
    """

    entries: Polynomial
    iterations: Polynomial
    step: float | None = None
    shared: bool = False

    def plus(self, other: LoopVisits) -> LoopVisits:
        """These and the others."""
        step = self.step if self.step == other.step else None
        return LoopVisits(self.entries + other.entries, self.iterations + other.iterations, step, self.shared)


@dataclass
class VisitCounter:
    """Gathers visits during a walk, places being the identity of a source, and rows and columns in it.

    ``parts`` are what others gathered, with how often they run.
    """

    statements: dict[tuple[int, int, int], Polynomial] = field(default_factory=dict)
    loops: dict[tuple[int, int, int], LoopVisits] = field(default_factory=dict)
    forks: set[tuple[int, int]] = field(default_factory=set)
    attempts: dict[tuple[int, int], tuple[Polynomial, Polynomial]] = field(default_factory=dict)
    parts: list[tuple[VisitCounter, Polynomial]] = field(default_factory=list)

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
        self.loops[place] = visits if known is None else known.plus(visits)

    def attempt(self, source: ParsedSource, node: Node, times: Polynomial, attempts: Polynomial) -> None:
        """Note how often an atomic update is tried that happens ``times`` times."""
        self.attempts[id(source), node.start_point.row] = times, attempts

    def add(self, part: VisitCounter, times: Polynomial) -> None:
        """Add a part that runs ``times`` times."""
        self.parts.append((part, times))

    def evaluated(
        self, files: Mapping[int, str], value_of: Callable[[str], float], entered: float, start: Line
    ) -> Visits:
        """The visits as numbers. ``files`` names the sources by their identity; others are left out."""
        statements: dict[tuple[int, int, int], float] = {}
        loops: dict[tuple[int, int, int], SourceLoop] = {}
        forks: set[Line] = set()
        tries: dict[Line, float] = {}
        weights = {id(self): 1.0}
        for counter in reversed(self._inner_first({})):
            weight = weights[id(counter)]
            for place, often in counter.statements.items():
                statements[place] = statements.get(place, 0.0) + _product(weight, often.evaluate(value_of))
            for place, visits in counter.loops.items():
                if file := files.get(place[0]):
                    entries, iterations = (_product(weight, one.evaluate(value_of)) for one in visits[:2])
                    loop = SourceLoop(file, place[1] + 1, place[2] + 1, entries, iterations, *visits[2:])
                    loops[place] = loop.plus(loops[place]) if place in loops else loop
            forks.update((files[source], row + 1) for source, row in counter.forks if source in files)
            for (source, row), amounts in counter.attempts.items():
                updates, attempts = (amount.evaluate(value_of) for amount in amounts)
                if updates and source in files:
                    tries[files[source], row + 1] = attempts / updates
            for part, times in counter.parts:
                often_here = _product(weight, times.evaluate(value_of))
                weights[id(part)] = weights.get(id(part), 0.0) + often_here
        lines: dict[Line, float] = {}
        for (source, row, _), runs in statements.items():
            if file := files.get(source):
                # Of several statements on a line, all but the first may depend on it.
                line = (file, row + 1)
                lines[line] = max(lines.get(line, 0.0), runs)
        return Visits(lines, tuple(loops.values()), frozenset(forks), entered, start, tries)

    def _inner_first(self, found: dict[int, VisitCounter]) -> list[VisitCounter]:
        """This and its parts, theirs included, each behind those that are in it."""
        for part, _ in self.parts:
            if id(part) not in found:
                part._inner_first(found)  # noqa: SLF001  # of its own kind
        found[id(self)] = self
        return [*found.values()]


def _product(left: float, right: float) -> float:
    """What never runs does not, however long it would take."""
    return left * right if left and right else 0.0
