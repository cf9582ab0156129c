"""How often each block of machine code runs, from how often its source lines do.

Loops take their iterations from the source loop they came from, which also counts where the compiler
changed the way in. In between, threads flow along the branches: to a block that only one branch leads
to go as many as its lines run, compared with the lines before the branch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median_low
from typing import Final

from .controlflow import Block, Graph
from .loop_matching import MatchedLoop, around, match_loops
from .sass import Instruction
from .visits import Line, SourceLoop, Visits

EVEN: Final = 0.5
"""Share of threads that take a branch of which nothing is known (assumed)."""
RARE: Final = 0.02
"""Share that takes the path for special values of a division or a root (assumed)."""
_WIDE: Final = 0.1
"""Share of 64-bit divisions whose operands do not fit 32 bits (assumed)."""
_STATEMENT_LINES: Final = 12
"""A statement may reach over this many lines; the compiler names any of them."""
_HIDDEN_TRIPS: Final = 1.0
"""Iterations of a loop that the source does not show: retries of an atomic update, for instance."""
_UNSEEN_TRIPS: Final = 2.0
"""Iterations of a loop made by the compiler, such as the steps of a reduction (assumed)."""


@dataclass
class Flow:
    """Executions of the blocks of one kernel or function. ``threads`` enter it."""

    graph: Graph
    visits: Visits
    threads: float
    often: dict[int, float] = field(default_factory=dict)
    """Executions of each block, by its index."""

    def __post_init__(self) -> None:
        """Let the threads flow."""
        self._run(None, self.graph.entry, self.threads)

    @cached_property
    def matched(self) -> list[MatchedLoop]:
        """The loops of the code with their sources."""
        return match_loops(self.graph, self.visits)

    @cached_property
    def _headed(self) -> dict[int, int]:
        return {matched.loop.header: place for place, matched in enumerate(self.matched)}

    @cached_property
    def _innermost(self) -> dict[int, int]:
        """The innermost loop of each block."""
        found: dict[int, int] = {}
        for place, matched in enumerate(self.matched):
            found.update(dict.fromkeys(matched.loop.blocks, place))
        return found

    # Loops

    def _run(self, place: int | None, header: int, iterations: float) -> list[tuple[int, float]]:
        """Run the code of a loop (or all of it): ``iterations`` come to its header.

        Returns where threads leave it, with weights.
        """
        blocks = self.matched[place].loop.blocks if place is not None else frozenset(self.graph.order)
        waiting: defaultdict[int, float] = defaultdict(float)
        waiting[header] = iterations
        leaving: list[tuple[int, float]] = []
        for index in self.graph.order:
            if index not in blocks:
                continue
            inner = self._headed.get(index)
            if inner is not None and inner != place and self.matched[inner].loop.parent == place:
                flow = waiting[index]
                exits = self._run(inner, index, self._iterations(inner, flow))
                ways = self._shared(exits, flow)
            elif self._innermost.get(index) == place:
                flow = self.often[index] = waiting[index]
                ways = [(to, flow * share) for to, share in self._ways(self.graph.blocks[index], flow, place)]
            else:
                continue
            staying = [(to, amount) for to, amount in ways if to in blocks]
            leaving += [(to, amount) for to, amount in ways if to not in blocks]
            kept = sum(amount for _, amount in staying)
            # Who leaves a loop does so once in many iterations.
            scale = flow / kept if place is not None and len(staying) < len(ways) and kept > 0 else 1.0
            for to, amount in staying:
                if to != header:
                    waiting[to] += amount * scale
        return leaving

    @staticmethod
    def _shared(exits: Sequence[tuple[int, float]], flow: float) -> list[tuple[int, float]]:
        total = sum(weight for _, weight in exits)
        if total <= 0:
            return [(to, flow / len(exits)) for to, _ in exits]
        return [(to, flow * weight / total) for to, weight in exits]

    def _iterations(self, place: int, flow: float) -> float:
        """Iterations of a loop that ``flow`` threads enter."""
        matched = self.matched[place]
        source = matched.source
        if source is None:
            # Loops that deal out the iterations of a parallel loop are around the one that does them:
            # one to each thread of a chunk, and again until none is left.
            dealt = [other.source for other in self.matched if other.source and other.loop.parent == place]
            shared = [loop.iterations for loop in dealt if loop.entries < flow]
            if shared:
                return max(flow, *shared)
            return flow * (_HIDDEN_TRIPS if matched.foreign or dealt else _UNSEEN_TRIPS)
        beside = [
            other
            for other in self.matched
            if other.source == source and other.loop.parent == matched.loop.parent
        ]
        elsewhere = any(
            other.source == source and other.loop.parent != matched.loop.parent for other in self.matched
        )
        total = flow * source.trips if elsewhere else source.iterations
        alike = sum(other.unrolled == matched.unrolled for other in beside)
        trips = source.trips if source.entries >= flow > 0 else source.iterations / max(flow, 1.0)
        share = _share_of(matched.unrolled, {other.unrolled for other in beside}, trips)
        return total * share / (matched.unrolled * alike)

    # Branches

    def _ways(self, block: Block, flow: float, place: int | None) -> list[tuple[int, float]]:
        """What share of the threads goes where after a block."""
        after = block.after
        last = block.last
        if not after:
            return []
        if len(after) == 1:
            if not block.leaves:
                return [(after[0], 1.0)]
            share = self._share(block, after[0], flow, place)
            return [(after[0], 1.0 if share is None else share)]
        if last.opcode.startswith(("BRA.DIV", "BRA.CONV")):
            return [(after[0], 0.0), (after[-1], 1.0)]
        if len(after) > 2:
            return [(to, 1.0 / len(after)) for to in after]
        taken, below = after
        for to, other in ((taken, below), (below, taken)):
            if rare := self._rare(to, block.index):
                return [(to, rare), (other, 1 - rare)]
        first, second = (self._share(block, to, flow, place) for to in after)
        if first is None and second is None:
            first = self._unknown(block, taken, below)
        if first is None:
            first = 1 - (second or 0.0)
        elif second is not None and first + second > 0:
            first /= first + second
        return [(taken, first), (below, 1 - first)]

    def _unknown(self, block: Block, taken: int, below: int) -> float:
        """The share that takes a branch that the lines do not explain.

        Where the source decides nothing, a library's function treats special values apart: what only
        this branch leads to is for them.
        """
        places = block.last.places
        if not places or any(self._decides(line) for line in places):
            return EVEN
        apart = [self.graph.before[to] == [block.index] for to in (taken, below)]
        if apart[0] == apart[1]:
            return EVEN
        return RARE if apart[0] else 1 - RARE

    def _decides(self, line: Line) -> bool:
        """Whether a branch may be the program's own: its line has a choice, or nothing is known of it."""
        if line in self.visits.forks or any(line == (loop.file, loop.first) for loop in self.visits.loops):
            return True
        of_program = any(line[0] == file for file, _ in self.visits.lines)
        return of_program and self.reached(line, around([line], self.visits.loops)) is None

    def _rare(self, to: int, before: int) -> float:
        """How likely a way is that only calls what handles special values; 0 if it is another way."""
        if self.graph.before[to] != [before]:
            return 0.0
        for instruction in self.graph.blocks[to].instructions:
            if instruction.name == "CALL":
                callee = " ".join(instruction.targets)
                if "slowpath" in callee or "_f32" in callee or "_f64" in callee or "mediumpath" in callee:
                    return RARE
                if "div_" in callee or "rem_" in callee:
                    return _WIDE
        return 0.0

    def _share(self, block: Block, to: int, flow: float, place: int | None) -> float | None:
        """The share of ``flow`` that goes on in ``to``, by its lines; None if they do not tell."""
        if self.graph.before[to] != [block.index]:
            return None
        branch = block.last
        seen = {block.index}
        waiting = [to]
        best: float | None = None
        while waiting and len(seen) < 8:
            index = waiting.pop()
            seen.add(index)
            shares = [
                share
                for each in self.graph.blocks[index].instructions
                if (share := self._compared(each, branch, flow, place)) is not None
            ]
            if shares:
                found = median_low(shares)
                best = found if best is None else max(best, found)
                break
            waiting += [
                each
                for each in self.graph.blocks[index].after
                if each not in seen and all(before in seen for before in self.graph.before[each])
            ]
        return best

    def _compared(
        self, instruction: Instruction, branch: Instruction, flow: float, place: int | None
    ) -> float | None:
        """How often an instruction's line runs, as a share of how often the branch does."""
        if not branch.places:
            return None
        depth = len(branch.places)
        if len(instruction.places) < depth or (
            instruction.places[-depth + 1 :] != branch.places[1:] and depth > 1
        ):
            return None
        here, there = instruction.places[-depth], branch.places[0]
        if here == there:
            return None
        there_loops = around([there], self.visits.loops)
        often = self.reached(here, there_loops)
        base = self._level(flow, place) if depth == 1 and self._is_level(there_loops, place) else None
        if base is None:
            base = self.reached(there, there_loops)
        if often is None or not base:
            return None
        return min(1.0, often / base)

    def _is_level(self, loops: Sequence[SourceLoop], place: int | None) -> bool:
        source = self.matched[place].source if place is not None else None
        return (loops[0] if loops else None) == source

    def _level(self, flow: float, place: int | None) -> float | None:
        """What the source would count for a line that runs as often as ``flow`` threads come by."""
        if place is None:
            return flow / self.threads * self.visits.entered if self.threads else None
        source = self.matched[place].source
        header = self._entered.get(place)
        return flow / header * source.iterations if source and header else None

    @property
    def _entered(self) -> dict[int, float]:
        return {place: self.often.get(matched.loop.header, 0.0) for place, matched in enumerate(self.matched)}

    def reached(self, line: Line, within: Sequence[SourceLoop]) -> float | None:
        """How often a line is reached, loops that are not in ``within`` counted as one visit an entry."""
        inner = [loop for loop in around([line], self.visits.loops) if loop not in within]
        if inner:
            return inner[-1].entries
        file, number = line
        for earlier in range(number, number - _STATEMENT_LINES, -1):
            often = self.visits.lines.get((file, earlier))
            if often is not None and around([(file, earlier)], self.visits.loops) == around(
                [line], self.visits.loops
            ):
                return often
        return None

    # Instructions

    def executed(self, block: Block) -> list[tuple[Instruction, float]]:
        """Each instruction with how often it runs for threads whose predicate holds."""
        often = self.often.get(block.index, 0.0)
        plain = [
            reached
            for each in block.instructions
            if not each.predicate and each.places and (reached := self._own(each)) is not None
        ]
        usual = median_low(plain) if plain else None
        return [(each, often * self._active(each, usual)) for each in block.instructions]

    def _own(self, instruction: Instruction) -> float | None:
        line = instruction.places[0]
        return self.reached(line, around([line], self.visits.loops))

    def _active(self, instruction: Instruction, usual: float | None) -> float:
        """The share of threads for which an instruction's predicate holds."""
        predicate = instruction.predicate
        if not predicate or predicate in ("PT", "UPT"):
            return 1.0
        if predicate in ("!PT", "!UPT"):
            return 0.0
        own = self._own(instruction) if instruction.places else None
        if own is not None and usual and own < usual:
            return own / usual
        return EVEN


def _share_of(unrolled: int, beside: Collection[int], trips: float) -> float:
    """The share of ``trips`` that is done ``unrolled`` at a time: each loop leaves its rest to the next."""
    if trips <= 0:
        return 0.0
    left = trips
    for step in sorted(beside, reverse=True):
        last = step == min(beside)
        rest = 0.0 if last else left % step if left.is_integer() else min(left, (step - 1) / 2)
        if step == unrolled:
            return (left - rest) / trips
        left = rest
    return 0.0
