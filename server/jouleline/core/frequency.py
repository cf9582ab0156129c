"""How often each block of machine code runs, from how often its source lines do.

Loops take their iterations from the source loop they came from, which also counts where the compiler
changed the way in. In between, threads flow along the branches: to a block that only one branch leads
to go as many as its lines run, compared with the lines before the branch.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

from .branch_work import BranchWork
from .controlflow import Block, Graph
from .kept import cached_property
from .line_visits import LineVisits
from .loop_matching import MatchedLoop, match_loops
from .predicates import EVEN, active_shares
from .sass import Instruction
from .visits import SourceLoop, Visits

RARE: Final = 0.02
"""Share that takes the path for special values of a division or a root (assumed)."""
_LONGER: Final = 2
"""A side of a branch in a library is for special values if it is so many times as long as the other."""
_WIDE: Final = 0.1
"""Share of 64-bit divisions whose operands do not fit 32 bits (assumed)."""
_HIDDEN_TRIPS: Final = 1.0
"""Iterations of a loop that the source does not show: retries of an atomic update, for instance."""
_POLYNOMIAL: Final = 8
"""Instructions of floating-point arithmetic that special values do not take (assumed)."""
_SWAPS: Final = re.compile(r"ATOM[SG]?\.(?:\w+\.)*CAS")
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
    def lines(self) -> LineVisits:
        """How often the source's lines run."""
        return LineVisits(self.visits, self.threads)

    @cached_property
    def _work(self) -> BranchWork:
        return BranchWork(self.graph)

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
        if matched.iterations is not None:
            only = source is not None and sum(other.source == source for other in self.matched) == 1
            return (source.entries if source and only else flow) * matched.iterations
        if source is None:
            # Loops that deal out the iterations of a parallel loop are around the one that does them:
            # one to each thread of a chunk, and again until none is left.
            dealt = [other.source for other in self.matched if other.source and other.loop.parent == place]
            shared = [loop.iterations for loop in dealt if loop.entries < flow]
            if shared:
                return max(flow, *shared)
            return flow * (
                self._tries(matched) or (_HIDDEN_TRIPS if matched.foreign or dealt else _UNSEEN_TRIPS)
            )
        beside = [
            other
            for other in self.matched
            if other.source == source
            and other.loop.parent == matched.loop.parent
            and other.iterations is None
        ]
        elsewhere = any(
            other.source == source and other.loop.parent != matched.loop.parent for other in self.matched
        )
        total = flow * source.trips if elsewhere else source.iterations
        alike = sum(other.unrolled == matched.unrolled for other in beside)
        trips = source.iterations / flow if flow > source.entries else source.trips
        share = _share_of(matched.unrolled, {other.unrolled for other in beside}, trips)
        return total * share / (matched.unrolled * alike)

    def _tries(self, matched: MatchedLoop) -> float:
        """How often a loop of compare and swap runs that an atomic update became; 0 if it is none."""
        within = (each for index in matched.loop.blocks for each in self.graph.blocks[index].instructions)
        lines = next((each.places for each in within if _SWAPS.match(each.opcode)), ())
        return max((self.visits.tries.get(line, 0.0) for line in lines), default=0.0)

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
        both = ((taken, below), (below, taken))
        for to, other in both:
            if rare := self._rare(to, block.index):
                return [(to, rare), (other, 1 - rare)]
        for to, other in both:
            if self._is_rest(block, to, place):
                return [(to, 0.0), (other, 1.0)]
        first, second = (self._share(block, to, flow, place) for to in after)
        if first is None and second is None:
            first, second = (self._guarded(block, to, other, flow, place) for to, other in both)
        if first is None and second is None:
            first = self._unknown(block, taken, below)
        if first is None:
            first = 1 - (second or 0.0)
        elif second is not None and first + second > 0:
            first /= first + second
        return [(taken, first), (below, 1 - first)]

    def _is_rest(self, block: Block, to: int, place: int | None) -> bool:
        """Whether a way is for iterations that stand written out before or behind their unrolled loop.

        The loops beside it run for all iterations.
        """
        graph = self.graph
        if graph.before[to] != [block.index] or to in self._headed:
            return False
        inner = Counter(
            loops[0]
            for each in graph.blocks[to].instructions
            if each.places and (loops := self.lines.loops(each.places[0]))
        )
        source, amount = inner.most_common(1)[0] if inner else (None, 0)
        beside = [
            matched.loop.header
            for matched in self.matched
            if matched.source == source and matched.loop.parent == place and matched.iterations is None
        ]
        return (
            source is not None
            and bool(beside)
            and 2 * amount > len(graph.blocks[to].instructions)
            and not any(graph.dominates(to, header) for header in beside)
        )

    def _guarded(self, block: Block, to: int, other: int, flow: float, place: int | None) -> float | None:
        """The share of ``flow`` that goes on to loops which a branch only guards; None for another branch."""
        graph = self.graph
        if graph.before[to] != [block.index] or flow <= 0:
            return None
        needed: list[float] = []
        for index, matched in enumerate(self.matched):
            source = self._source_within(index)
            if source is None or matched.loop.parent != place or not graph.dominates(to, matched.loop.header):
                continue
            heads = block.last.places[:1] == ((source.file, source.first),)
            if heads or self._leads(to, other, matched.loop.header):
                entered = flow if source.shared else source.entries
                needed.append(min(entered, self._iterations(index, flow)))
        return min(1.0, max(needed) / flow) if needed else None

    def _leads(self, to: int, other: int, header: int) -> bool:
        """Whether a way only leads to a loop, or past it as the other way does."""
        while to != header:
            left = [each for each in self.graph.blocks[to].after if each != other]
            if len(left) != 1 or (left[0] != header and len(self.graph.before[left[0]]) != 1):
                return False
            to = left[0]
        return True

    def _source_within(self, place: int) -> SourceLoop | None:
        """The source of a loop, or of the one whose iterations it deals out."""
        if self.matched[place].source:
            return self.matched[place].source
        within = (other.source for other in self.matched if other.loop.parent == place)
        return next((source for source in within if source), None)

    def _unknown(self, block: Block, taken: int, below: int) -> float:
        """The share that takes a branch that the lines do not explain.

        Where the source decides nothing, a library's function treats special values apart: what only
        this branch leads to is for them, unless that is where the function is computed. If both sides
        are, as with AMD's masks, it is the one that is much longer.
        """
        places = block.last.places
        if not places or any(self.lines.decides(line) for line in places):
            return EVEN
        apart = [self.graph.before[to] == [block.index] for to in (taken, below)]
        computes = [alone and self._computes(to) for alone, to in zip(apart, (taken, below), strict=True)]
        if computes[0] != computes[1]:
            return 1 - RARE if computes[0] else RARE
        if all(apart) and block.last.name == "s_branch":
            first, second = (self._length(to) for to in (taken, below))
            if max(first, second) >= _LONGER * min(first, second):
                return RARE if first > second else 1 - RARE
        if apart[0] == apart[1]:
            return EVEN
        return RARE if apart[0] else 1 - RARE

    def _computes(self, to: int) -> bool:
        """Whether a way has a polynomial's worth of floating-point arithmetic, and more than of integers."""
        work = self._work.behind(to)
        return work.floating >= _POLYNOMIAL and work.floating > work.integers

    def _length(self, block: int) -> int:
        """Instructions in a block and all that only it leads to."""
        return self._work.behind(block).instructions

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
                if each not in seen and self.graph.dominates(to, each)
            ]
        return best

    def _beside(self, instruction: Instruction, flow: float, place: int | None) -> float | None:
        """The same for a branch without a line: it is of the loop that it stands in."""
        source = self.matched[place].source if place is not None else None
        base = self._level(flow, place)
        if not instruction.places or not base:
            return None
        within = self.lines.loops((source.file, source.first)) if source else ()
        often = self.lines.reached(instruction.places[-1], within)
        return None if often is None else min(1.0, often / base)

    def _compared(
        self, instruction: Instruction, branch: Instruction, flow: float, place: int | None
    ) -> float | None:
        """How often an instruction's line runs, as a share of how often the branch does."""
        if not branch.places:
            return self._beside(instruction, flow, place)
        depth = len(branch.places)
        if len(instruction.places) < depth or (
            instruction.places[-depth + 1 :] != branch.places[1:] and depth > 1
        ):
            return None
        here, there = instruction.places[-depth], branch.places[0]
        if here == there:
            return None
        there_loops = self.lines.loops(there)
        if not set(there_loops) <= set(self.lines.loops(here)) and (depth > 1 or self.lines.in_kernel(here)):
            return None  # it was moved into the loop, or out of it
        often = self.lines.reached(here, there_loops)
        base = self._level(flow, place) if depth == 1 and self._is_level(there_loops, place) else None
        if base is None:
            base = self.lines.reached(there, there_loops)
        if often is None or not base:
            return None
        return min(1.0, often / base)

    def _is_level(self, loops: Sequence[SourceLoop], place: int | None) -> bool:
        source = self.matched[place].source if place is not None else None
        return (loops[0] if loops else None) == source

    def _level(self, flow: float, place: int | None) -> float | None:
        """What the source would count for a line that runs as often as ``flow`` threads come by."""
        if place is None:  # functions are not called by each thread once, and regions not run by one
            return flow if self.threads == self.visits.entered else None
        source = self.matched[place].source
        header = self._entered.get(place)
        return flow / header * source.iterations if source and header else None

    @property
    def _entered(self) -> dict[int, float]:
        return {place: self.often.get(matched.loop.header, 0.0) for place, matched in enumerate(self.matched)}

    def executed(self, block: Block) -> list[tuple[Instruction, float]]:
        """Each instruction with how often it runs for threads whose predicate holds."""
        often = self.often.get(block.index, 0.0)
        shares = active_shares(block.instructions, self.lines)
        return [(each, often * share) for each, share in zip(block.instructions, shares, strict=True)]


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
