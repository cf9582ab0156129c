"""How many values an index takes, or a remainder or quotient of indices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from .polynomial import Polynomial
from .values import Tally

_MASKED: Final = ")&("
"""In the name of a value that a mask was laid on, as ``derive`` gives it."""


@dataclass(frozen=True, eq=False)
class Extents(Mapping[str, Polynomial]):
    """The number of values of each symbol, counted from zero by one, of which each is as likely as the next.

    There is none of what follows from loaded values, and of remainders that leave some values out.
    """

    tally: Tally
    _counts: dict[str, float | None] = field(default_factory=dict, init=False)

    def __getitem__(self, name: str) -> Polynomial:
        """The number of values of a symbol; raises KeyError where it is not known."""
        if name in self.tally.ranges:
            return self.tally.ranges[name]
        if name not in self._counts:
            self._counts[name] = None  # what follows from itself has none
            self._counts[name] = self._count(name)
        known = self._counts[name]
        if known is None:
            raise KeyError(name)
        return Polynomial.constant(known)

    def __iter__(self) -> Iterator[str]:
        """The symbols that may have an extent."""
        yield from self.tally.ranges
        yield from self.tally.derived

    def __len__(self) -> int:
        """How many these are."""
        return len(self.tally.ranges) + len(self.tally.derived)

    def of(self, value: Polynomial) -> Mapping[str, Polynomial]:
        """The extents that tell how a value is spread.

        Remainders and quotients of the same index go together, so that theirs do not.
        """
        seen: set[str] = set()
        for name in value.symbols:
            derived = self.tally.derived.get(name)
            depends = {name} if derived is None else derived.depends
            if not seen.isdisjoint(depends):
                return self.tally.ranges
            seen |= depends
        return self

    def _count(self, name: str) -> float | None:
        derived = self.tally.derived.get(name)
        if derived is None or derived.follows is None:
            return None
        span, divisor = 1.0, derived.divisor.number
        steps: list[int] = []
        for monomial, factor in derived.follows.terms:
            if not monomial:
                continue
            count = self.get(monomial[0]) if len(monomial) == 1 else None
            if count is None or count.number is None or not factor.is_integer() or not divisor:
                return None
            span += abs(factor) * (count.number - 1)
            steps.append(int(factor))
        if derived.extent is None:
            return max(1.0, math.ceil(span / divisor)) if divisor else None
        extent = derived.extent.number
        if extent is None or not extent.is_integer() or math.gcd(*steps, int(extent)) != 1:
            return None
        if _MASKED in name and int(extent) & (int(extent) - 1):
            return None  # of bits that are not the last ones, some values never come
        return min(span, extent)
