"""Count integer operations as a compiler leaves them: each value once, as far out of loops as it goes."""

from __future__ import annotations

from dataclasses import dataclass

from . import costs
from .counts import Operation
from .ctype import Scalar
from .derive import derived_value
from .evaluate import combine
from .polynomial import Polynomial
from .scope import KernelScope
from .values import Array, Value

_MOST_TERMS = 64


@dataclass
class IntegerCounter(KernelScope):
    """Knows what has been computed at a place in a kernel, and counts what has not."""

    def integer(self, value: Polynomial | None, key: str, amount: float, times: Polynomial) -> None:
        """Count integer operations that compute a value, as a compiler would leave them.

        The same value is computed once; one that does not change in a loop is computed before it; one
        that changes by a fixed step is stepped, or folded into the addresses of an unrolled loop.
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
                indices = self.tally.indices(moving)
                inner = len(self.loops)
                while inner and self.loops[inner - 1] not in indices and not self._parallel(inner):
                    inner -= 1
                if inner < len(self.loops):
                    times = self.entered[inner]
                if inner and self.loops[inner - 1] in moving.symbols and not self._parallel(inner):
                    self.tally.count(Operation.INT, self.entered[inner - 1], amount)
                    amount *= costs.STEPPED
        self.tally.count(Operation.INT, times, amount)

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
        return combine(operator, left.value, right.value)
