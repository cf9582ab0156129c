"""Count arithmetic as a compiler leaves it: an integer value once, as far out of loops as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from . import costs
from .counts import Operation
from .ctype import CType, Scalar
from .derive import derived_value
from .evaluate import combine, evaluate
from .extents import Extents
from .polynomial import Polynomial
from .probability import lanes
from .scope import KernelScope
from .values import Array, Derived, Holds, Value

CLASS_OF: Mapping[Scalar, Operation] = {
    Scalar.SP: Operation.SP,
    Scalar.HALF: Operation.HALF,
    Scalar.DP: Operation.DP,
    Scalar.INT: Operation.INT,
    Scalar.OTHER: Operation.INT,
}
_MOST_TERMS = 64
_TAKERS = ("init_declarator", "assignment_expression", "return_statement", "argument_list")
_REAL = frozenset((Scalar.HALF, Scalar.SP, Scalar.DP))
_POWER_OF_TWO = Polynomial.constant(2)
_ANY_NUMBER = Polynomial.constant(3)


@dataclass(slots=True)
class ArithmeticCounter(KernelScope):
    """Knows what has been computed at a place in a kernel, and counts what has not."""

    def integer(self, value: Polynomial | None, key: str, amount: float, times: Polynomial) -> None:
        """Count integer operations that compute a value, as a compiler would leave them.

        The same value is computed once; one that does not change in a loop is computed before it; one that
        changes by a step that the compiler knows is stepped, or folded into an unrolled loop's addresses.
        """
        if value is not None:
            exactly = (key, value.terms)
            if exactly in self.computed:
                return
            self.computed.add(exactly)
            moving = value.without_terms_of(self.unrolled)
            if moving is not value:
                nearly = (key, moving.terms)
                if nearly in self.computed:
                    amount *= costs.DISPLACED
                self.computed.add(nearly)
            if self.loops:
                inner = self._level(moving)
                if inner < len(self.loops):
                    times = self.entered[inner]
                if inner and self._steps(self.loops[inner - 1], moving) and not self._parallel(inner):
                    self.tally.count(Operation.INT, self.entered[inner - 1], amount)
                    amount *= costs.STEPPED
        self.tally.count(Operation.INT, times, amount)

    def _level(self, value: Polynomial) -> int:
        """In how many of the loops around it a value has to be computed."""
        inner = len(self.loops)
        if self.renewed and not self.renewed.isdisjoint(value.symbols):
            return inner
        indices = self.tally.indices(value)
        while inner and self.loops[inner - 1] not in indices and not self._parallel(inner):
            inner -= 1
        return inner

    def hoists(self, left: Value, right: Value) -> bool:
        """Whether compilers compute one of two operands further outside than the other."""
        if not self.loops:
            return False
        levels = {len(self.loops) if one.value is None else self._level(one.value) for one in (left, right)}
        return len(levels) > 1

    def _steps(self, loop: str, value: Polynomial) -> bool:
        """Whether a value moves with a loop by a step that the compiler knows."""
        return loop in value.symbols and loop not in self.striding

    def _parallel(self, depth: int) -> bool:
        """Whether threads share the loop at a depth."""
        return self.loops[depth - 1] in self.tally.parallel

    def address(self, array: Array, times: Polynomial) -> None:
        """Count what it takes to address an element: nothing where only a constant is added."""
        self.integer(array.offset, array.name, costs.ADDRESS, times)

    def divided(self, operator: str, left: Value, right: Value, amount: float, times: Polynomial) -> None:
        """Count a division of integers by what the compiler does not know.

        One divisor has one reciprocal, and compilers make a remainder of the quotient of the same numbers.
        """
        self.integer(right.value, "reciprocal", costs.RECIPROCAL, times)
        amount -= costs.RECIPROCAL
        if operator == "%":
            amount -= costs.REMAINDER
            self.integer(self.combined("%", left, right), "", costs.REMAINDER, times)
        self.integer(self.combined("/", left, right), "", amount, times)

    def floating(self, operator: str, left: Value, kind: CType, amount: float, times: Polynomial) -> None:
        """Count an operation on floating-point numbers of which the operands' class has ``amount``."""
        scalar = kind.arithmetic
        if operator != "/" or scalar not in costs.QUOTIENT or amount <= kind.numbers:
            self.tally.count(CLASS_OF[scalar], times, amount)
            return
        inverse = left.value is not None and left.value.number == 1
        for operation, many in costs.quotient(scalar, inverse=inverse, fast=self.program.is_fast).items():
            self.tally.count(operation, times, many * kind.numbers)

    def divisor(self, node: Node | None, value: Value) -> Polynomial | None:
        """A divisor where the compiler knows it; for one of each iteration of an unrolled loop, one like it.

        A loop that does not step by a fixed amount doubles or halves.
        """
        known = evaluate(node, self.compiled)
        symbols = value.value.symbols if known is None and value.value is not None else None
        if not symbols or not symbols <= self.unrolled:
            return known
        return _ANY_NUMBER if not symbols.isdisjoint(self.ranges) else _POWER_OF_TWO

    def truth(self, node: Node) -> Polynomial:
        """A comparison: 0 or 1; how often 1 is worked out where it is kept for later (``in = i < n``)."""
        depends = frozenset((*self.tally.threads, *self.loops))
        holds = self._holds(node)
        derived = Derived(depends, extent=_POWER_OF_TWO, holds=holds)
        # In a function, the same comparison holds as often as its arguments make it.
        return self.tally.derive(f"truth@{node.start_byte}:{node.end_byte}:{holds}", derived)

    def _holds(self, node: Node) -> Holds | None:
        taker = node.parent
        while taker is not None and taker.type == "parenthesized_expression":
            taker = taker.parent
        if taker is None or taker.type not in _TAKERS:
            return None
        extents = Extents(self.tally)
        chance = self.chance(node, extents)
        if chance is None:
            return None
        return Holds(chance, lanes(node, self.compared, extents, self.tally.fastest()))

    def combined(self, operator: str, left: Value, right: Value) -> Polynomial | None:
        """The value of an operation; None where it is not known or not integer."""
        if left.value is None or right.value is None:
            return None
        if len(left.value.terms) + len(right.value.terms) > _MOST_TERMS:
            return None
        if left.type.scalar is Scalar.INT or right.type.scalar is Scalar.INT:
            derived = derived_value(operator, left.value, right.value, self.tally)
            if derived is not None:
                return derived
        divisor = (
            right.value.number if operator == "/" and _REAL & {left.type.scalar, right.type.scalar} else None
        )
        return left.value * (1 / divisor) if divisor else combine(operator, left.value, right.value)
