"""What a branch leads to: the instructions of a block and of all blocks that only it leads to."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from .controlflow import Graph
from .counts import Operation
from .instructions import operations
from .kept import cached_property


class Work(NamedTuple):
    """Numbers of instructions: arithmetic on floating-point numbers, on integers, and all."""

    floating: int = 0
    integers: int = 0
    instructions: int = 0


class BranchWork:
    """The work of one graph's blocks, summed up once for all branches."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def behind(self, block: int) -> Work:
        """The work in a block and in all that only it leads to."""
        start = self._places[block]
        end = start + len(self._graph.dominated(block))
        return Work(*(b - a for a, b in zip(self._sums[start], self._sums[end], strict=True)))

    @cached_property
    def _places(self) -> dict[int, int]:
        return {block: place for place, block in enumerate(self._graph.tree)}

    @cached_property
    def _sums(self) -> list[Work]:
        """The work of all blocks in front of each place in the tree of dominators."""
        found = [Work()]
        for index in self._graph.tree:
            instructions = self._graph.blocks[index].instructions
            kinds = Counter(one for each in instructions for one, _ in operations(each))
            own = kinds[Operation.SP] + kinds[Operation.DP], kinds[Operation.INT], len(instructions)
            found.append(Work(*(a + b for a, b in zip(found[-1], own, strict=True))))
        return found
