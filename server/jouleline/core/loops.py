"""Read a ``for`` statement: its variable, first value, step, and number of iterations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from .evaluate import Lookup, evaluate
from .polynomial import ONE, ZERO, Polynomial
from .syntax import field as child
from .syntax import text_of


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop's control. ``trips`` is None when the source does not tell the number of iterations.

    When ``affine``, the variable is ``start + step * iteration``.
    """

    variable: str
    start: Polynomial
    step: Polynomial
    trips: Polynomial | None
    affine: bool


_UNKNOWN = Loop("", ZERO, ONE, None, affine=False)


def read_loop(node: Node, lookup: Lookup, ranges: Mapping[str, Polynomial]) -> Loop:
    """Read a loop whose names have the values that ``lookup`` gives.

    ``ranges`` holds the number of values of each index symbol: a bound that depends on an outer
    index counts with the index's mean.
    """
    variable, first = _initial(child(node, "initializer"), child(node, "condition"))
    update = child(node, "update")
    if not variable or update is None:
        return _UNKNOWN
    start = evaluate(first, lookup) if first is not None else lookup(variable)
    relation = _relation(child(node, "condition"), variable)
    how = _step(update, variable, lookup)
    if how is None or relation is None or start is None:
        return Loop(variable, ZERO, ONE, None, affine=False)
    operator, step = how
    limit = evaluate(relation[1], lookup)
    if operator == "*":
        return Loop(variable, start, step, _geometric(start, limit, step), affine=False)
    if limit is None:
        return Loop(variable, start, step, None, affine=True)
    trips = _arithmetic(start, limit, step, relation[0], ranges)
    return Loop(variable, start, step, trips, affine=True)


def _initial(initializer: Node | None, condition: Node | None) -> tuple[str, Node | None]:
    if initializer is None:
        left = child(condition, "left") if condition is not None else None
        return (text_of(left), None) if left is not None and left.type == "identifier" else ("", None)
    if initializer.type == "declaration":
        declarator = child(initializer, "declarator")
        if declarator is None or declarator.type != "init_declarator":
            return "", None
        return text_of(child(declarator, "declarator")), child(declarator, "value")
    if initializer.type == "expression_statement" and initializer.named_children:
        initializer = initializer.named_children[0]
    if initializer.type == "assignment_expression":
        return text_of(child(initializer, "left")), child(initializer, "right")
    return "", None


def _relation(condition: Node | None, variable: str) -> tuple[str, Node] | None:
    """The relation that keeps the loop running, read with the variable on the left."""
    if condition is None or condition.type != "binary_expression":
        return None
    operator = text_of(child(condition, "operator"))
    left, right = child(condition, "left"), child(condition, "right")
    if left is None or right is None:
        return None
    if operator == "&&":
        return _relation(left, variable) or _relation(right, variable)
    if text_of(left) == variable:
        return operator, right
    if text_of(right) == variable:
        return {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator), left
    return None


def _step(update: Node, variable: str, lookup: Lookup) -> tuple[str, Polynomial] | None:
    """How the variable changes: ``+`` a step, or ``*`` a factor."""
    if update.type == "update_expression":
        return "+", Polynomial.constant(1 if "++" in text_of(update) else -1)
    if update.type == "comma_expression":
        parts = (_step(part, variable, lookup) for part in update.named_children)
        return next((part for part in parts if part is not None), None)
    if update.type != "assignment_expression" or text_of(child(update, "left")) != variable:
        return None
    operator = text_of(child(update, "operator")).removesuffix("=")
    right = child(update, "right")
    if operator == "" and right is not None and right.type == "binary_expression":
        if text_of(child(right, "left")) != variable:
            return None
        operator = text_of(child(right, "operator"))
        right = child(right, "right")
    amount = evaluate(right, lookup)
    if amount is None:
        return None
    factor = amount.number
    match operator:
        case "+":
            return "+", amount
        case "-":
            return "+", -amount
        case "*" | "/" if factor is not None and factor > 1:
            return "*", Polynomial.constant(factor if operator == "*" else 1 / factor)
        case "<<" | ">>" if factor is not None and 0 < factor < 64:
            return "*", Polynomial.constant(2.0 ** (factor if operator == "<<" else -factor))
    return None


def _geometric(start: Polynomial, limit: Polynomial | None, factor: Polynomial) -> Polynomial | None:
    first = start.number
    last = limit.number if limit is not None else None
    by = factor.number
    if first is None or last is None or not by or first <= 0:
        return None
    ratio = (last / first if by > 1 else first / max(last, 1)) or 1
    trips = math.log(max(ratio, 1)) / abs(math.log(by))
    return Polynomial.constant(max(1.0, math.ceil(trips) if by > 1 else math.floor(trips) + 1))


def _arithmetic(
    start: Polynomial,
    limit: Polynomial,
    step: Polynomial,
    operator: str,
    ranges: Mapping[str, Polynomial],
) -> Polynomial | None:
    by = step.number
    if by is None or by == 0 or operator == "==":
        return None
    distance = limit - start if by > 0 else start - limit
    if operator in ("<=", ">="):
        distance = distance + 1
    stride = abs(by)
    exact = distance.number
    if exact is not None:
        return Polynomial.constant(max(0, math.ceil(exact / stride)))
    indices = distance.symbols & ranges.keys()
    mean = distance
    for name in indices:
        mean = mean.substitute({name: (ranges[name] - 1) * 0.5})
    trips = mean * (1 / stride)
    if indices and stride > 1:
        # The mean over evenly spread starts of a quotient that is rounded up.
        trips = trips + (stride - 1) / (2 * stride)
    known = trips.number
    return trips if known is None else Polynomial.constant(max(0.0, known))
