"""Polynomials over named symbols: how a count depends on what is not known yet.

A count such as ``2*n*k`` is kept as a polynomial until a value for ``n`` and ``k`` is known or has
to be assumed. What is no polynomial (a quotient of unknowns, a minimum) becomes a symbol of its
own, named by its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

LARGEST = 1e30
"""No count comes near; beyond it lie infinities, which no document can carry."""
Monomial: TypeAlias = tuple[str, ...]
"""The symbols of a product, sorted; a square has its symbol twice."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of products of symbols. Immutable; zero terms are never kept."""

    terms: tuple[tuple[Monomial, float], ...] = ()

    @staticmethod
    @lru_cache(maxsize=1024)
    def constant(value: float) -> Polynomial:
        """A number."""
        return Polynomial((((), float(value)),)) if value else ZERO

    @staticmethod
    @lru_cache(maxsize=1024)
    def symbol(name: str) -> Polynomial:
        """A symbol by itself."""
        return Polynomial((((name,), 1.0),))

    @property
    def symbols(self) -> frozenset[str]:
        """The names that occur."""
        return frozenset([name for monomial, _ in self.terms for name in monomial])

    @property
    def number(self) -> float | None:
        """The value, if no symbol occurs."""
        if not self.terms:
            return 0.0
        if len(self.terms) == 1 and not self.terms[0][0]:
            return self.terms[0][1]
        return None

    def __add__(self, other: Polynomial | float) -> Polynomial:
        # Most sums have a number in them, and most products, too; it often is zero.
        if not isinstance(other, Polynomial):
            return self._displaced(other)
        if not (self.terms and other.terms):
            return self if self.terms else other
        if (by := other.number) is not None:
            return self._displaced(by)
        if (by := self.number) is not None:
            return other._displaced(by)
        return collect((*self.terms, *other.terms))

    __radd__ = __add__

    def __neg__(self) -> Polynomial:
        return self * -1.0

    def __sub__(self, other: Polynomial | float) -> Polynomial:
        if not isinstance(other, Polynomial):
            return self._displaced(-other)
        if (by := other.number) is not None:
            return self._displaced(-by)
        return collect((*self.terms, *[(monomial, -factor) for monomial, factor in other.terms]))

    def __mul__(self, other: Polynomial | float) -> Polynomial:
        if not isinstance(other, Polynomial):
            return self._scaled(float(other))
        if (by := other.number) is not None:
            return self._scaled(by)
        if (by := self.number) is not None:
            return other._scaled(by)
        return collect(
            (tuple(sorted(left + right)), a * b) for left, a in self.terms for right, b in other.terms
        )

    __rmul__ = __mul__

    def _scaled(self, by: float) -> Polynomial:
        if by == 1:
            return self
        products = [(monomial, scaled) for monomial, factor in self.terms if (scaled := factor * by)]
        return Polynomial(tuple(products))

    def _displaced(self, by: float) -> Polynomial:
        if not by:
            return self
        if not self.terms or self.terms[0][0]:
            return Polynomial((((), float(by)), *self.terms))
        constant, rest = self.terms[0][1] + by, self.terms[1:]
        return Polynomial((((), constant), *rest) if constant else rest)

    def substitute(self, values: Mapping[str, Polynomial]) -> Polynomial:
        """This polynomial with symbols replaced."""
        if not self.symbols & values.keys():
            return self
        total = ZERO
        for monomial, factor in self.terms:
            product = Polynomial.constant(factor)
            for name in monomial:
                product = product * values.get(name, Polynomial.symbol(name))
            total = total + product
        return total

    def evaluate(self, value_of: Callable[[str], float]) -> float:
        """The value when each symbol has the value that ``value_of`` gives, at most LARGEST."""
        value: float = 0
        for monomial, factor in self.terms:
            product = 1.0
            for name in monomial:
                product *= value_of(name)
            value += factor * product
        if -LARGEST <= value <= LARGEST:
            return value
        return 0.0 if math.isnan(value) else math.copysign(LARGEST, value)

    def without_terms_of(self, names: set[str]) -> Polynomial:
        """This without its constant and without the terms in ``names`` alone; itself where it has none."""
        kept = [term for term in self.terms if not names.issuperset(term[0])]
        return Polynomial(tuple(kept)) if len(kept) < len(self.terms) else self

    def coefficient(self, name: str) -> Polynomial:
        """What ``name`` is multiplied by where it occurs once (for an affine form)."""
        return collect(
            (_without(monomial, name), factor) for monomial, factor in self.terms if name in monomial
        )

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        return " + ".join(_show(monomial, factor) for monomial, factor in self.terms)


ZERO = Polynomial()
ONE = Polynomial((((), 1.0),))


def collect(terms: Iterable[tuple[Monomial, float]]) -> Polynomial:
    """The sum of terms in any order, equal monomials included."""
    sums: dict[Monomial, float] = {}
    for monomial, factor in terms:
        sums[monomial] = sums.get(monomial, 0.0) + factor
    kept = [term for term in sums.items() if term[1]]
    kept.sort()
    return Polynomial(tuple(kept))


class Total(dict[Monomial, float]):
    """A sum of many polynomials, which is made one only where it is asked for: a factor of each monomial."""

    __slots__ = ()

    @property
    def terms(self) -> Iterable[tuple[Monomial, float]]:
        """Its terms so far, in no order; some may be zero."""
        return self.items()

    def add(self, value: Polynomial | Total, times: float = 1.0) -> None:
        """Add a polynomial, or all of another sum, so many times."""
        for monomial, factor in value.terms:
            self[monomial] = self.get(monomial, 0.0) + factor * times

    def add_part(self, part: Total, times: Polynomial) -> None:
        """Add a sum that there is so many times."""
        if (by := times.number) is not None:
            self.add(part, by)
        else:
            self.add(part.polynomial * times)

    @property
    def polynomial(self) -> Polynomial:
        """What the sum is by now."""
        return Polynomial(tuple(sorted([term for term in self.items() if term[1]])))


def _without(monomial: Monomial, name: str) -> Monomial:
    index = monomial.index(name)
    return monomial[:index] + monomial[index + 1 :]


def _show(monomial: Monomial, factor: float) -> str:
    if not monomial:
        return f"{factor:.12g}"
    names = "\N{MIDDLE DOT}".join(monomial)
    return names if factor == 1 else f"{factor:.12g}\N{MIDDLE DOT}{names}"
