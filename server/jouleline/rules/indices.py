"""Integer expressions as exact polynomials, and proofs that an index stays within a range."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.evaluate import number
from jouleline.core.polynomial import ONE, ZERO, Polynomial
from jouleline.core.syntax import field as child
from jouleline.core.syntax import text_of

Resolve = Callable[[str, Node], Polynomial | None]
"""The value of a name where a node stands; None where it cannot be named."""

WIDE = frozenset(
    "int long unsigned signed size_t ptrdiff_t ssize_t int32_t int64_t uint32_t uint64_t".split()
)
"""Narrower types may not hold the integer that is converted to them: its value is another then."""


def polynomial(node: Node | None, resolve: Resolve) -> Polynomial | None:
    """An integer expression as a polynomial; None for quotients, calls and the like.

    Overflow is left out of account: where it occurs, the program is wrong or its index is elsewhere.
    """
    if node is None:
        return None
    match node.type:
        case "number_literal":
            text = text_of(node)
            value = number(text.lstrip("+-"))
            if value is None or not value.is_integer() or set(".eEp") & set(text.lower().removeprefix("0x")):
                return None
            return Polynomial.constant(-value if text.startswith("-") else value)
        case "identifier":
            return resolve(text_of(node), node)
        case "parenthesized_expression" | "subscript_argument_list":
            inner = [item for item in node.named_children if item.type != "comment"]
            return polynomial(inner[0], resolve) if len(inner) == 1 else None
        case "cast_expression":
            words = text_of(child(node, "type")).replace("std::", "").split()
            return polynomial(child(node, "value"), resolve) if set(words) <= WIDE else None
        case "unary_expression":
            value_of = polynomial(child(node, "argument"), resolve)
            operator = text_of(child(node, "operator"))
            if value_of is None or operator not in ("+", "-"):
                return None
            return -value_of if operator == "-" else value_of
        case "binary_expression":
            left, right = (polynomial(child(node, name), resolve) for name in ("left", "right"))
            if left is None or right is None:
                return None
            match text_of(child(node, "operator")):
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*" if len(left.terms) * len(right.terms) <= 64:
                    return left * right
    return None


@dataclass(frozen=True)
class Range:
    """The values of a loop's index: every whole number from ``low`` to ``high``."""

    symbol: str
    low: Polynomial
    high: Polynomial

    @property
    def extent(self) -> Polynomial:
        """How many values there are, if any."""
        return self.high - self.low + 1


class Facts:
    """What holds where a nest of loops runs at all: no loop in it is empty."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._least: dict[str, float] = {}
        for item in ranges:
            gap = item.high - item.low
            symbols = gap.symbols
            if len(symbols) != 1:
                continue
            (name,) = symbols
            factor, constant = gap.coefficient(name).number, gap.substitute({name: ZERO}).number
            if factor is not None and constant is not None and factor > 0:
                least = math.ceil(-constant / factor)
                self._least[name] = max(self._least.get(name, -math.inf), least)

    def nonnegative(self, value: Polynomial) -> bool:
        """Whether a polynomial cannot be negative; False where that is not proved."""
        shifted = value.substitute(
            {name: Polynomial.symbol(name) + least for name, least in self._least.items()}
        )
        known = self._least.keys()
        return all(factor > 0 and set(names) <= known for names, factor in shifted.terms)


def extremes(
    index: Polynomial, ranges: tuple[Range, ...], facts: Facts
) -> tuple[Polynomial, Polynomial] | None:
    """The least and the greatest value of an index over a nest; None if its direction is not known."""
    low = high = index
    for item in reversed(ranges):
        for_low = _at_ends(low, item, facts)
        for_high = _at_ends(high, item, facts)
        if for_low is None or for_high is None:
            return None
        low, high = for_low[0], for_high[1]
    return low, high


def _at_ends(index: Polynomial, item: Range, facts: Facts) -> tuple[Polynomial, Polynomial] | None:
    slope = index.coefficient(item.symbol)
    if item.symbol in slope.symbols:
        return None
    first, last = index.substitute({item.symbol: item.low}), index.substitute({item.symbol: item.high})
    if facts.nonnegative(slope):
        return first, last
    return (last, first) if facts.nonnegative(-slope) else None


def interval(index: Polynomial, ranges: tuple[Range, ...]) -> tuple[Polynomial, Polynomial] | None:
    """The first and last element where a nest visits each of a contiguous stretch once; else None."""
    stride = ONE
    for item in reversed(ranges):
        if index.coefficient(item.symbol) != stride or item.symbol in stride.symbols:
            return None
        stride = stride * item.extent
    first = last = index
    for item in ranges:
        if any(other.symbol in (item.low + item.high).symbols for other in ranges):
            return None
        first, last = first.substitute({item.symbol: item.low}), last.substitute({item.symbol: item.high})
    return first, last
