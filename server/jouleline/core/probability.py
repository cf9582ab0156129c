"""How often a condition holds when the index symbols in it run through their ranges."""

from __future__ import annotations

from collections.abc import Mapping

from tree_sitter import Node

from .evaluate import Lookup, evaluate
from .polynomial import Polynomial
from .syntax import field as child
from .syntax import text_of

Ranges = Mapping[str, Polynomial]
"""The number of values an index symbol takes, counted from zero."""


def probability(condition: Node | None, lookup: Lookup, ranges: Ranges) -> float | None:
    """The share of cases in which a condition holds; None when it depends on data.

    Indices are taken as independent and evenly spread. A guard such as ``i < n`` against a size
    that is not known holds always: launches are made to cover the size.
    """
    if condition is None:
        return None
    if condition.type in ("condition_clause", "parenthesized_expression"):
        inner = child(condition, "value") or (
            condition.named_children[0] if condition.named_child_count else None
        )
        return probability(inner, lookup, ranges)
    if condition.type == "unary_expression" and text_of(child(condition, "operator")) == "!":
        inside = probability(child(condition, "argument"), lookup, ranges)
        return None if inside is None else 1 - inside
    if condition.type != "binary_expression":
        value = evaluate(condition, lookup)
        known = value.number if value is not None else None
        return None if known is None else float(bool(known))
    operator = text_of(child(condition, "operator"))
    left, right = child(condition, "left"), child(condition, "right")
    if operator in ("&&", "||"):
        a, b = probability(left, lookup, ranges), probability(right, lookup, ranges)
        if operator == "&&":
            return a * b if a is not None and b is not None else None
        return 1 - (1 - a) * (1 - b) if a is not None and b is not None else None
    if operator not in ("<", ">", "<=", ">=", "==", "!="):
        value = evaluate(condition, lookup)
        known = value.number if value is not None else None
        return None if known is None else float(bool(known))
    a_value, b_value = evaluate(left, lookup), evaluate(right, lookup)
    if a_value is None or b_value is None:
        return None
    return _relation(operator, a_value - b_value, ranges)


def _relation(operator: str, difference: Polynomial, ranges: Ranges) -> float | None:
    """The share of cases in which ``difference operator 0`` holds."""
    span = _interval(difference, ranges)
    indexed = bool(difference.symbols & ranges.keys())
    if span is None:
        if not indexed:
            return None
        return {"==": 0.0, "!=": 1.0}.get(operator, 1.0)
    low, high = span
    values = high - low + 1
    match operator:
        case "<":
            share = (0 - low) / values
        case "<=":
            share = (1 - low) / values
        case ">":
            share = high / values
        case ">=":
            share = (high + 1) / values
        case _:
            equal = 1 / values if low <= 0 <= high else 0.0
            return equal if operator == "==" else 1 - equal
    return min(1.0, max(0.0, share))


def _interval(value: Polynomial, ranges: Ranges) -> tuple[float, float] | None:
    """The least and greatest value over all indices; None if anything else is unknown."""
    low = high = 0.0
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
        elif factor > 0:
            high += factor * extent
        else:
            low += factor * extent
    return low, high
