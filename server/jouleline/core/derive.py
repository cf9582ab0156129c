"""Integer operations whose result is no polynomial: remainders, quotients, masks, choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from .polynomial import Polynomial
from .values import Derived, Tally, Value

_NEARLY_ALL: Final = 15 / 16
_NO_POLYNOMIALS: Final = frozenset("% & / >> << ^ |".split())


def derived_value(operator: str, left: Polynomial, right: Polynomial, tally: Tally) -> Polynomial | None:
    """The value of an operation on index-dependent integers; None if it is plain arithmetic.

    A remainder walks along with its dividend, so neighbouring threads stay neighbours; a quotient
    follows at its divisor's pace; exclusive or keeps threads of a warp in one another's places.
    """
    if operator == "-" and len(right.terms) == 1:
        return _remainder(left, right, tally)
    if operator not in _NO_POLYNOMIALS:
        return None
    indices = tally.indices(left) | tally.indices(right)
    if not indices:
        return None
    name = f"({left}){operator}({right})"
    known = right.number
    match operator:
        case "%":
            return tally.derive(name, Derived(indices, left, right))
        case "&" if known is not None and known >= 0:
            return tally.derive(name, Derived(indices, left, right + 1))
        case "&" if left.number is not None and left.number >= 0:
            return tally.derive(name, Derived(indices, right, left + 1))
        case "/" if not _divides(known, left):
            return tally.derive(name, Derived(indices, left, divisor=right))
        case ">>" if known is not None and 0 <= known < 64 and not _divides(2**known, left):
            return tally.derive(name, Derived(indices, left, divisor=Polynomial.constant(2**known)))
        case ">>" | "<<" if known is None:
            return tally.derive(name, Derived(indices))
        case "^":
            return tally.derive(name, Derived(indices, left if tally.indices(left) else right))
        case "|":
            return left + right
    return None


def _remainder(left: Polynomial, right: Polynomial, tally: Tally) -> Polynomial | None:
    """``a - a / n * n``, which is ``a % n``."""
    for name in right.symbols:
        quotient = tally.derived.get(name)
        if quotient is None or quotient.follows != left or quotient.extent is not None:
            continue
        if right == Polynomial.symbol(name) * quotient.divisor:
            return derived_value("%", left, quotient.divisor, tally)
    return None


def likelier(values: Sequence[Value], tally: Tally) -> Value:
    """The value that stands for a choice among several: the one that follows more indices.

    ``min(i, n - 1)`` and ``i < n ? i : 0`` are ``i`` nearly everywhere.
    """
    return max(values, key=lambda one: -1 if one.value is None else len(tally.indices(one.value)))


def chosen(taken: Value, other: Value, chance: float, tally: Tally) -> Value:
    """The value that stands for one that is ``taken`` with a chance, else another: of two numbers their mean.

    Where nearly all threads take the same, as behind a clamp, it is theirs; else the likelier. Of opposite
    signs, which say which way to go, there is no mean.
    """
    numbers = [one.value.number if one.value is not None else None for one in (taken, other)]
    if None not in numbers and {*numbers} != {0, 1}:
        a, b = (number or 0.0 for number in numbers)
        if a * b < 0:
            return taken._replace(value=None)
        return taken._replace(value=Polynomial.constant(chance * a + (1 - chance) * b))
    if max(chance, 1 - chance) >= _NEARLY_ALL:
        return taken if chance > 1 - chance else other
    return likelier((taken, other), tally)


def extreme(values: Sequence[Value], tally: Tally, *, least: bool) -> Value:
    """The value that stands for the least or greatest of several: that whose mean is, else the likelier."""
    means = [None if one.value is None else _mean(one.value, tally) for one in values]
    known = [mean for mean in means if mean is not None]
    if len(known) < len(values):
        return likelier(values, tally)
    return values[known.index(min(known) if least else max(known))]


def _mean(value: Polynomial, tally: Tally) -> float | None:
    means = {name: mean for name in value.symbols if (mean := tally.mean(name)) is not None}
    return value.substitute(means).number


def _divides(divisor: float | None, value: Polynomial) -> bool:
    """Whether a quotient is exact whatever the indices are."""
    if not divisor:
        return False
    return all(math.fmod(factor, divisor) == 0 for _, factor in value.terms)
