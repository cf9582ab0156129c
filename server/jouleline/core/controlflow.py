"""Basic blocks of machine code, the ways between them, and the loops they form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .kept import cached_property
from .sass import Instruction, MachineCode

# NVIDIA's, then AMD's.
_ENDS = frozenset(("EXIT", "RET", "KILL", "BPT", "JMX", "s_endpgm", "s_setpc_b64"))
_AMD_BRANCHES = ("scc0", "scc1", "vccz", "vccnz", "execz", "execnz")
_JUMPS = frozenset(
    ("BRA", "BRX", "BRXU", "JMP", "BSYNC", "s_branch", *(f"s_cbranch_{each}" for each in _AMD_BRANCHES))
)
_ALWAYS = frozenset(("PT", "UPT", ""))


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other. ``after`` are the blocks that may follow.

    The first of them is where a jump leads, the last what stands below. ``leaves`` says that a thread
    may end here (or return).
    """

    index: int
    instructions: tuple[Instruction, ...]
    after: tuple[int, ...]
    leaves: bool = False

    @property
    def last(self) -> Instruction:
        """The instruction that decides what follows."""
        return self.instructions[-1]


@dataclass(frozen=True)
class Loop:
    """A natural loop: all ways from ``header`` back to it. ``parent`` is the loop around it."""

    header: int
    blocks: frozenset[int]
    latches: tuple[int, ...]
    parent: int | None = None


@dataclass(frozen=True)
class Graph:
    """The control flow of one function from its entry; blocks that nothing reaches are left out."""

    blocks: dict[int, Block]
    entry: int

    @cached_property
    def order(self) -> list[int]:
        """Blocks in reverse postorder: every block before what only it leads to."""
        order: list[int] = []
        seen = {self.entry}
        stack = [(self.entry, iter(self.blocks[self.entry].after))]
        while stack:
            index, following = stack[-1]
            step = next(following, None)
            if step is None:
                order.append(index)
                stack.pop()
            elif step not in seen:
                seen.add(step)
                stack.append((step, iter(self.blocks[step].after)))
        return order[::-1]

    @cached_property
    def before(self) -> dict[int, list[int]]:
        """The blocks that may come before each."""
        found: dict[int, list[int]] = {index: [] for index in self.order}
        for index in self.order:
            for following in self.blocks[index].after:
                found[following].append(index)
        return found

    @cached_property
    def position(self) -> dict[int, int]:
        """The place of each block in :attr:`order`."""
        return {block: place for place, block in enumerate(self.order)}

    @cached_property
    def dominator(self) -> dict[int, int]:
        """The nearest other block that every way to a block passes (Cooper, Harvey and Kennedy)."""
        place, nearest = self.position, {self.entry: self.entry}

        def common(one: int, other: int) -> int:
            while one != other:
                while place[one] > place[other]:
                    one = nearest[one]
                while place[other] > place[one]:
                    other = nearest[other]
            return one

        changed = True
        while changed:
            changed = False
            for index in self.order[1:]:
                known = [each for each in self.before[index] if each in nearest]
                new = known[0]
                for each in known[1:]:
                    new = common(each, new)
                if nearest.get(index) != new:
                    nearest[index] = new
                    changed = True
        return nearest

    def dominates(self, one: int, other: int) -> bool:
        """Whether every way to ``other`` passes ``one``."""
        return self._stretch[other].start in self._stretch[one]

    def dominated(self, block: int) -> Sequence[int]:
        """The blocks to which every way passes ``block``, itself first."""
        stretch = self._stretch[block]
        return self.tree[stretch.start : stretch.stop]

    @cached_property
    def tree(self) -> list[int]:
        """The blocks in the order of a walk through the tree of dominators: each before those below it."""
        below: dict[int, list[int]] = {block: [] for block in self.order}
        for block in self.order[1:]:
            below[self.dominator[block]].append(block)
        found, waiting = [], [self.entry]
        while waiting:
            found.append(waiting.pop())
            waiting += below[found[-1]]
        return found

    @cached_property
    def _stretch(self) -> dict[int, range]:
        """Where each block and those that it dominates are in the tree."""
        ends = {block: place + 1 for place, block in enumerate(self.tree)}
        for block in reversed(self.tree[1:]):
            nearest = self.dominator[block]
            ends[nearest] = max(ends[nearest], ends[block])
        return {block: range(place, ends[block]) for place, block in enumerate(self.tree)}

    @cached_property
    def loops(self) -> list[Loop]:
        """The natural loops, outer ones before what is in them; ``parent`` is an index in the list."""
        latches: dict[int, list[int]] = {}
        for index in self.order:
            for following in self.blocks[index].after:
                if self.position[following] <= self.position[index] and self.dominates(following, index):
                    latches.setdefault(following, []).append(index)
        found = [Loop(header, self._body(header, ends), tuple(ends)) for header, ends in latches.items()]
        found.sort(key=lambda loop: (-len(loop.blocks), self.position[loop.header]))
        nested: list[Loop] = []
        for loop in found:
            around = [place for place, other in enumerate(nested) if loop.blocks < other.blocks]
            nested.append(Loop(loop.header, loop.blocks, loop.latches, parent=around[-1] if around else None))
        return nested

    def _body(self, header: int, latches: Iterable[int]) -> frozenset[int]:
        body = {header}
        waiting = list(latches)
        while waiting:
            index = waiting.pop()
            if index not in body:
                body.add(index)
                waiting += self.before[index]
        return frozenset(body)


def control_flow(code: MachineCode, start: int = 0) -> Graph:
    """The control flow of a function from the instruction with index ``start``."""
    instructions = code.instructions
    count = len(instructions)
    starts = {start, *(place for place in code.labels.values() if place < count)}
    starts |= {
        index + 1 for index, each in enumerate(instructions[:-1]) if each.name in _ENDS or is_jump(each)
    }
    bounds = sorted(starts)
    ends = dict(zip(bounds, [*bounds[1:], count], strict=True))
    joins = _reconvergence(code)
    blocks: dict[int, Block] = {}
    waiting = [start]
    while waiting:
        begin = waiting.pop()
        if begin in blocks or begin not in ends:
            continue
        end = ends[begin]
        after, leaves = _after(code, end - 1, joins)
        after = tuple(dict.fromkeys(each for each in after if each in ends))
        blocks[begin] = Block(begin, instructions[begin:end], after, leaves)
        waiting += after
    return Graph(blocks, start)


def _after(code: MachineCode, index: int, joins: dict[int, int]) -> tuple[tuple[int, ...], bool]:
    """Where the instruction leads, and whether a thread may end there."""
    instruction = code.instructions[index]
    below = index + 1
    if instruction.name in _ENDS:
        conditional = is_conditional(instruction)
        return ((below,) if conditional and below < len(code.instructions) else ()), True
    if instruction.name == "BSYNC":
        return (joins.get(index, below),), False
    if is_jump(instruction):
        to = [code.labels[label] for label in instruction.targets if label in code.labels]
        if is_conditional(instruction):
            to.append(below)
        return tuple(to), not to
    return (below,), False


def is_jump(instruction: Instruction) -> bool:
    """Whether what follows is elsewhere; ptxas writes some jumps within a kernel as calls."""
    if instruction.name == "CALL":
        return any(target.startswith(".L_") for target in instruction.targets)
    return instruction.name in _JUMPS


def is_conditional(instruction: Instruction) -> bool:
    """Whether a jump or an end is for some threads only."""
    if instruction.predicate.lstrip("!") not in _ALWAYS:
        return True
    guard = instruction.operands.partition(",")[0].strip().lstrip("!~")
    return instruction.name in ("BRA", "EXIT") and (
        guard.startswith(("P", "UP", "UR")) and guard not in _ALWAYS
    )


def _reconvergence(code: MachineCode) -> dict[int, int]:
    """Where each ``BSYNC`` continues: behind the region that the last ``BSSY`` of its barrier opened."""
    opened: dict[str, int] = {}
    joins: dict[int, int] = {}
    for index, instruction in enumerate(code.instructions):
        barrier = instruction.operands.partition(",")[0].strip()
        if instruction.name == "BSSY":
            target = next((code.labels[each] for each in instruction.targets if each in code.labels), None)
            if target is not None:
                opened[barrier] = target
        elif instruction.name == "BSYNC" and opened.get(barrier, 0) > index:
            joins[index] = opened[barrier]
    return joins
