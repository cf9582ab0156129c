"""How often a place in the source is reached, as far as its line tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .loop_matching import around
from .visits import Line, SourceLoop, Visits

_STATEMENT_LINES: Final = 12
"""A statement may reach over this many lines; the compiler names any of them."""


@dataclass(frozen=True)
class LineVisits:
    """The ``visits`` of lines in code that ``threads`` threads run."""

    visits: Visits
    threads: float
    _around: dict[Line, tuple[SourceLoop, ...]] = field(default_factory=dict, compare=False, repr=False)

    def loops(self, line: Line) -> tuple[SourceLoop, ...]:
        """The loops around a line, inner ones first."""
        found = self._around.get(line)
        if found is None:
            found = self._around[line] = tuple(around((line,), self.visits.loops))
        return found

    def reached(self, line: Line, within: tuple[SourceLoop, ...]) -> float | None:
        """How often a line is reached, loops that are not in ``within`` counted as one visit an entry."""
        loops = self.loops(line)
        inner = [loop for loop in loops if loop not in within]
        if inner:
            return self._entering(inner[-1])
        file, number = line
        for earlier in range(number, number - _STATEMENT_LINES, -1):
            if number >= self._start(file) > earlier:
                break  # what stands before a kernel is no part of its statements
            often = self.visits.lines.get((file, earlier))
            if often is not None and self.loops((file, earlier)) == loops:
                return often
        return None

    def own(self, line: Line) -> float | None:
        """How often a line runs; None if it heads a loop, parts of which run once and others each time."""
        loops = self.loops(line)
        if loops and line[1] == loops[0].first < loops[0].last:
            return None
        return self.reached(line, loops)

    def decides(self, line: Line) -> bool:
        """Whether a branch may be the program's own: its line has a choice, or nothing is known of it."""
        if line in self.visits.forks or any(line == (loop.file, loop.first) for loop in self.visits.loops):
            return True
        of_program = any(line[0] == file for file, _ in self.visits.lines)
        return of_program and self.reached(line, self.loops(line)) is None

    def in_kernel(self, line: Line) -> bool:
        """Whether a line is of the kernel itself, rather than of a function that stands before it."""
        file, number = self.visits.start
        return line[0] == file and line[1] >= number

    def _start(self, file: str) -> int:
        return self.visits.start[1] if self.visits.start[0] == file else 0

    def _entering(self, loop: SourceLoop) -> float:
        """How many threads get to a loop."""
        if loop.shared:
            return max(loop.entries, min(loop.iterations, self.threads))
        return loop.entries
