"""Count reads through texture units, and copies that threads start and do not wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from . import groups
from .assembly import AssemblyCounter
from .counts import Doubt
from .ctype import TEXTURE, UNKNOWN, Scalar
from .evaluate import split_arguments
from .polynomial import ONE, ZERO, Polynomial
from .syntax import field, text_of
from .values import NOTHING, Array, Value

_FETCHES: Final = {"tex1Dfetch": 1, "tex1D": 1, "tex2D": 2, "tex3D": 3}
"""Functions that read a texel, with the number of its coordinates."""
_WIDEST: Final = 2.0**17
"""Texels in a row at most (*CUDA C++ Programming Guide*, "Technical Specifications")."""
_COPIES: Final = ("memcpy_async", "__pipeline_memcpy_async")
_SAME: Final = frozenset("aligned_size_t __cvta_generic_to_shared __cvta_generic_to_global".split())


@dataclass(slots=True)
class TransferCounter(AssemblyCounter):
    """Counts what moves data without a load or a store in the source."""

    def transfer(self, name: str, node: Node, values: Sequence[Value], times: Polynomial) -> Value | None:
        """Count a function that reads a texture or starts a copy; None if it is neither."""
        if not values or name in self.program.overloads:
            return None
        if name in _SAME:
            return values[0]
        if name in _FETCHES:
            return self._fetched(node, values, _FETCHES[name], times)
        if name in _COPIES and len(values) > 2:
            self._copy(name, values, times)
            return NOTHING
        return None

    def _fetched(self, node: Node, values: Sequence[Value], dimensions: int, times: Polynomial) -> Value:
        """Count the texel at some coordinates, of a texture that is as large as what is read of it."""
        asked = text_of(field(node, "function")).partition("<")[2].rpartition(">")[0]
        given = values[0].type
        kind = asked or (next(iter(split_arguments(given.arguments)), "") if given.struct == TEXTURE else "")
        texel = self.type_of(kind) or UNKNOWN if kind else UNKNOWN
        offset: Polynomial | None = ZERO
        stride = 1.0
        for one in values[1 : 1 + dimensions]:
            coordinate = self._coordinate(one)
            offset = None if offset is None or coordinate is None else offset + coordinate * stride
            stride *= self._texels(coordinate)
        arguments = field(node, "arguments")
        name = text_of(arguments.named_children[0]) if arguments is not None else ""
        self.access(Array(name, "global", offset), texel, texel.bytes, times, write=False)
        return Value(texel)

    def _coordinate(self, given: Value) -> Polynomial | None:
        """Where a coordinate points to; one that is scaled by what is not known meets each texel once."""
        value = given.value
        if value is None or given.type.scalar is Scalar.INT or value.symbols <= self.ranges.keys():
            return value
        varying = self.tally.indices(value)
        found, texels = ZERO, ONE
        for name in dict.fromkeys((*self.tally.parallel, *self.ranges)):
            if name in varying:
                found, texels = found + Polynomial.symbol(name) * texels, texels * self.ranges[name]
        return found

    def _texels(self, coordinate: Polynomial | None) -> float:
        """How far a coordinate runs, from its least to its greatest value."""
        if coordinate is None:
            return _WIDEST
        ends = [
            coordinate.substitute({name: (extent - 1) * end for name, extent in self.ranges.items()}).number
            for end in (0, 1)
        ]
        return _WIDEST if ends[0] is None or ends[1] is None else abs(ends[1] - ends[0]) + 1

    def _copy(self, name: str, values: Sequence[Value], times: Polynomial) -> None:
        """Count a copy; the threads of a group each copy their part."""
        rank, threads = ZERO, ONE
        if groups.is_group(values[0]):
            rank = groups.member(values[0], "thread_rank", self.names, self.tally) or ZERO
            threads = groups.member(values[0], "size", self.names, self.tally) or ONE
            values = values[1:]
        size = self.number(values, 2)
        if size is None or not threads.number:
            self.tally.assume(f"{name}() is not counted: how much it copies is not known", Doubt.TRIPS)
            return
        part = size / threads.number
        for value, write in ((values[0], True), (values[1], False)):
            array, element = value.array, value.type.element
            if array is None or array.space != "global" or not value.type.is_pointer or not element.bytes:
                continue
            moved = None if array.offset is None else array.offset + rank * (part / element.bytes)
            self.access(array.at(moved), element, max(1, int(part)), times, write=write)
