"""Count what the threads of a warp do to matrices that they hold together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from . import costs
from .counts import Doubt, Operation
from .ctype import DOUBLE, FRAGMENT, UNKNOWN, CType
from .evaluate import evaluate_text
from .expressions import ExpressionCounter
from .fragments import Fragment, fragment_of
from .polynomial import ONE, Polynomial
from .syntax import field, text_of
from .tensor import WARP, Product
from .values import NOTHING, Value

_PRODUCTS: Final = ("mma_sync", "bmma_sync")
_MOVES: Final = ("load_matrix_sync", "store_matrix_sync")
_FILL: Final = "fill_fragment"
_KNOWN: Final = frozenset((*_PRODUCTS, *_MOVES, _FILL))


@dataclass(slots=True)
class MatrixCounter(ExpressionCounter):
    """Counts functions on fragments: those that multiply, and those that move them from and to memory."""

    def of_matrices(self, name: str, node: Node, values: Sequence[Value], times: Polynomial) -> Value | None:
        """Count a function of matrices, or what makes a fragment; None if it is neither."""
        if name == FRAGMENT:
            made = self.type_of(text_of(field(node, "function")))
            return Value(made) if made is not None and fragment_of(made) is not None else None
        if name not in _KNOWN or name in self.program.overloads:
            return None
        found = (fragment_of(one.type) for one in values)
        fragment = next((one for one in found if one is not None), None)
        known = fragment is not None and self._counted(name, node, fragment, values, times)
        if not known and name != _FILL:
            self.tally.assume(f"{name}() is not counted: the shape of its matrices is not known", Doubt.TRIPS)
        return NOTHING

    def _counted(
        self, name: str, node: Node, fragment: Fragment, values: Sequence[Value], times: Polynomial
    ) -> bool:
        """Count what is done to a fragment; False where its shape is not known."""
        if name in _PRODUCTS:
            m, n, k = (self._extent(one) for one in (fragment.m, fragment.n, fragment.k))
            if not (m and n and k):
                return False
            double = self._element(fragment) == DOUBLE
            product = Product(m, n, k, double, threads=int(self._extent("warpSize") or WARP))
            self.tally.count(product.operation, times, product.of_thread)
        elif name in _MOVES:
            rows, columns = map(self._extent, fragment.extents)
            if not (rows and columns):
                return False
            asked = text_of(field(node, "arguments")).rstrip(") ")
            by_columns = fragment.layout == "col_major" or asked.endswith("mem_col_major")
            lines, length = (columns, rows) if by_columns else (rows, columns)
            self._move(f"line@{node.start_byte}", values, lines, length, times)
        return True

    def _extent(self, text: str) -> float | None:
        known = evaluate_text(text, self.lookup)
        return known.number if known is not None else None

    def _element(self, fragment: Fragment) -> CType:
        return self.type_of(fragment.element) or UNKNOWN

    def _move(
        self, line: str, values: Sequence[Value], lines: float, length: float, times: Polynomial
    ) -> None:
        """Count a fragment's way from or to memory: a warp's threads move one line of it after another."""
        at, pointer = next(
            ((at, one) for at, one in enumerate(values[:2]) if one.type.is_pointer), (0, NOTHING)
        )
        array, element = pointer.array, pointer.type.element
        if array is None:
            return
        self.address(array, times)
        if array.space == "global":
            self.tally.count(Operation.INT, times, costs.FRAGMENT)
        self.tally.ranges[line] = ONE * lines
        stride = values[2].value if len(values) > 2 else None
        offset = None
        if array.offset is not None and stride is not None:
            offset = array.offset + stride * Polynomial.symbol(line)
        around, self.loops = self.loops, (*self.loops, line)
        size = int(length * element.bytes)
        self.access(array.at(offset), element, size, times * lines, write=at == 0)
        self.loops = around
