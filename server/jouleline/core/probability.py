"""How often a condition holds when the index symbols in it run through their ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from tree_sitter import Node

from .evaluate import Lookup, evaluate
from .extents import Extents
from .polynomial import Polynomial
from .syntax import field as child
from .syntax import operands, operator_of
from .values import Holds

Ranges = Mapping[str, Polynomial]
"""The number of values an index symbol takes, counted from zero."""

_RELATIONS: Final = ("<", ">", "<=", ">=", "==", "!=")
_WARP: Final = 32


def probability(condition: Node | None, lookup: Lookup, ranges: Ranges) -> float | None:
    """The share of cases in which a condition holds; None when it depends on data.

    Indices are taken as independent and evenly spread. A guard such as ``i < n`` against a size
    that is not known holds always, and ``i >= n`` never: launches are made to cover the size.
    """
    if condition is None:
        return None
    if condition.type in ("condition_clause", "parenthesized_expression"):
        inner = child(condition, "value") or (
            condition.named_children[0] if condition.named_child_count else None
        )
        return probability(inner, lookup, ranges)
    if condition.type == "unary_expression" and operator_of(condition) == "!":
        inside = probability(child(condition, "argument"), lookup, ranges)
        return None if inside is None else 1 - inside
    if condition.type != "binary_expression":
        return _truth(evaluate(condition, lookup), ranges)
    left, operator, right = operands(condition)
    if operator in ("&&", "||"):
        a, b = probability(left, lookup, ranges), probability(right, lookup, ranges)
        if operator == "&&":
            return a * b if a is not None and b is not None else None
        return 1 - (1 - a) * (1 - b) if a is not None and b is not None else None
    if operator not in _RELATIONS:
        return _truth(evaluate(condition, lookup), ranges)
    a_value, b_value = evaluate(left, lookup), evaluate(right, lookup)
    if a_value is None or b_value is None:
        return None
    return _relation(operator, a_value - b_value, ranges)


def lanes(
    condition: Node | None,
    lookup: Lookup,
    ranges: Ranges,
    fastest: AbstractSet[str],
    *,
    holds: bool = True,
) -> float:
    """The share of a warp's threads for which a condition holds, in the warps where it holds for any.

    ``fastest`` are the index that tells neighbours apart and its remainders. ``holds``: False for the
    threads for which it does not hold.
    """
    if condition is None:
        return 1.0
    if condition.type in ("condition_clause", "parenthesized_expression") and condition.named_child_count:
        inner = child(condition, "value") or condition.named_children[0]
        return lanes(inner, lookup, ranges, fastest, holds=holds)
    if condition.type == "unary_expression" and operator_of(condition) == "!":
        return lanes(child(condition, "argument"), lookup, ranges, fastest, holds=not holds)
    left, operator, right = operands(condition) if condition.type == "binary_expression" else (None, "", None)
    if operator in ("&&", "||"):
        both = (lanes(one, lookup, ranges, fastest, holds=holds) for one in (left, right))
        return math.prod(both) if (operator == "&&") == holds else 1.0
    if operator not in _RELATIONS:
        value = evaluate(condition, lookup)
        if (known := _known(value, ranges)) is not None:
            return known.lanes if holds else 1.0
        return 1.0 if value is None else _together("!=", value, ranges, fastest, holds=holds)
    a, b = evaluate(left, lookup), evaluate(right, lookup)
    return 1.0 if a is None or b is None else _together(operator, a - b, ranges, fastest, holds=holds)


def _together(
    operator: str, difference: Polynomial, ranges: Ranges, fastest: AbstractSet[str], *, holds: bool
) -> float:
    moving = {name for name in difference.symbols if name in ranges}
    if len(moving) != 1 or not moving <= fastest:
        return 1.0
    chance, values = _relation(operator, difference, ranges), ranges[moving.pop()].number
    share = 0.0 if chance is None else chance if holds else 1 - chance
    return 1.0 if not share or values is None else min(1.0, share * max(values, _WARP) / _WARP)


def _truth(value: Polynomial | None, ranges: Ranges) -> float | None:
    """The share of cases in which a value is not zero."""
    if value is None or value.number is not None:
        return None if value is None else float(bool(value.number))
    holds = _known(value, ranges)
    return holds.chance if holds is not None else _relation("!=", value, ranges)


def _known(value: Polynomial | None, ranges: Ranges) -> Holds | None:
    """What is known of a value that was compared before."""
    return ranges.tally.holds(value) if value is not None and isinstance(ranges, Extents) else None


def _relation(operator: str, difference: Polynomial, ranges: Ranges) -> float | None:
    """The share of cases in which ``difference operator 0`` holds."""
    if isinstance(ranges, Extents):
        ranges = ranges.of(difference)
    span = _span(difference, ranges)
    if span is None:
        growing = _grows(difference, ranges)
        if growing is None:
            return None
        if operator in ("==", "!="):
            return float(operator == "!=")
        return float((operator in ("<", "<=")) == growing)
    low, high, step = span
    values = (high - low) / step + 1
    below = min(values, max(0.0, math.ceil(-low / step)))
    equal = 1.0 if low <= 0 <= high and (-low / step).is_integer() else 0.0
    match operator:
        case "<":
            return below / values
        case "<=":
            return (below + equal) / values
        case ">":
            return 1 - (below + equal) / values
        case ">=":
            return 1 - below / values
        case "==":
            return equal / values
    return 1 - equal / values


def _grows(difference: Polynomial, ranges: Ranges) -> bool | None:
    """Whether a difference grows with the indices in it; None if there is none, or it does both."""
    signs = {factor > 0 for monomial, factor in difference.terms if any(name in ranges for name in monomial)}
    return signs.pop() if len(signs) == 1 else None


def _span(value: Polynomial, ranges: Ranges) -> tuple[float, float, float] | None:
    """Least and greatest value over all indices, and the step between; None if more is unknown."""
    low = high = step = 0.0
    for monomial, factor in value.terms:
        extent = 1.0
        for name in monomial:
            count = ranges.get(name)
            last = count.number if count is not None else None
            if last is None:
                return None
            extent *= max(last - 1, 0)
        if not monomial:
            low, high = low + factor, high + factor
            continue
        low += min(0.0, factor * extent)
        high += max(0.0, factor * extent)
        whole = factor.is_integer() and step.is_integer()
        step = float(math.gcd(int(factor), int(step))) if whole else 1.0
    return low, high, step or 1.0
