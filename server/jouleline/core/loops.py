"""Read a ``for`` statement: its variable, first value, step, and number of iterations."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tree_sitter import Node

from .evaluate import Lookup, compare, evaluate
from .polynomial import ONE, ZERO, Polynomial
from .syntax import NEGATED, TURNED, ancestor, descendants, operator_of, text_of
from .syntax import field as child


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop's control. ``trips`` is None when the source does not tell the number of iterations.

    When ``affine``, the variable is ``start + step * iteration``; ``start`` is None where it depends
    on data.
    """

    variable: str
    start: Polynomial | None
    step: Polynomial
    trips: Polynomial | None
    affine: bool


MeanOf = Callable[[str], Polynomial | None]
"""The mean of the values that a symbol takes; None for what is no index and follows from none."""

_RELATIONS = ("<", "<=", ">", ">=", "!=")
# A double halves to zero in about 1,100 steps; what runs longer is endless.
_MOST_GEOMETRIC_TRIPS = 1200
_AROUND = ("condition_clause", "parenthesized_expression", "expression_statement", "compound_statement")
_LOOPS = ("for_statement", "while_statement", "do_statement", "for_range_loop")
_ALWAYS = ("1", "true")
_UNKNOWN = Loop("", ZERO, ONE, None, affine=False)


def read_loop(node: Node, lookup: Lookup, mean_of: MeanOf = lambda _: None) -> Loop:
    """Read a loop whose names have the values that ``lookup`` gives.

    A bound that depends on an index, such as that of an outer loop, counts with what ``mean_of`` says of it.
    """
    variable, first = _initial(child(node, "initializer"), child(node, "condition"))
    update = child(node, "update")
    if not variable or update is None:
        return _UNKNOWN
    start = evaluate(first, lookup) if first is not None else lookup(variable)
    relation = relation_that_runs(node, variable)
    how = _step(update, variable, lookup)
    if how is None:
        return Loop(variable, start, ONE, None, affine=False)
    operator, step = how
    if relation is None or start is None:
        return Loop(variable, start, step, None, affine=operator == "+")
    limit = limit_of(relation, lookup)
    if operator != "+":
        trips = _geometric(start, limit, operator, step, relation[0])
        return Loop(variable, start, step, trips, affine=False)
    if limit is None:
        return Loop(variable, start, step, None, affine=True)
    trips = arithmetic_trips(start, limit, step, relation[0], mean_of)
    return Loop(variable, start, step, trips, affine=True)


def doubling(node: Node, lookup: Lookup) -> tuple[float, ...]:
    """The values of a loop's variable that is multiplied or divided each time round; none for other loops."""
    loop = read_loop(node, lookup)
    update = child(node, "update")
    how = _step(update, loop.variable, lookup) if update is not None and not loop.affine else None
    return _powers(loop.start, how, loop.trips) or ()


def doubling_while(node: Node, lookup: Lookup) -> tuple[str, tuple[float, ...]] | None:
    """The same of a ``while`` or ``do`` loop, with the variable's name; None for other loops.

    It steps in its condition, as ``while (n >>= 1)``, or in a statement of its body.
    """
    condition, body = _bare(child(node, "condition")), child(node, "body")
    if condition is None or body is None:
        return None
    statements = body.named_children if body.type == "compound_statement" else [body]
    for step in (condition, *map(_bare, statements)):
        if step is None or step.type != "assignment_expression":
            continue
        name, in_condition = text_of(child(step, "left")), step.id == condition.id
        how = _step(step, name, lookup)
        if how is None or how[0] == "+" or _changed(node, name) > 1:
            continue
        relation = ("!=", None) if in_condition else relation_that_runs(node, name)
        end = relation[1] if relation is not None else None
        if end is not None and any(_changed(node, text_of(word)) for word in descendants(end, "identifier")):
            continue
        start, trips = lookup(name), None
        if relation is not None and start is not None:
            trips = _geometric(start, limit_of(relation, lookup), *how, relation[0])
        values = _powers(start, how, trips)
        if values is not None:
            return name, values[in_condition and node.type == "while_statement" :]
    return None


def _powers(
    start: Polynomial | None, how: tuple[str, Polynomial] | None, trips: Polynomial | None
) -> tuple[float, ...] | None:
    """The values of a variable that is multiplied or divided so often; None where that is not known."""
    often = trips.number if trips is not None else None
    value = start.number if start is not None else None
    factor = how[1].number if how is not None and how[0] != "+" else None
    if how is None or often is None or value is None or factor is None:
        return None
    found = list[float]()
    while len(found) < often:
        found.append(value)
        value = value * factor if how[0] == "*" else float(math.trunc(value / factor))
    return tuple(found)


def is_nearest(loop: Node, node: Node) -> bool:
    """Whether no other loop is between a node and a loop around it."""
    around = ancestor(node, *_LOOPS)
    return around is not None and around.id == loop.id


def _bare(node: Node | None) -> Node | None:
    """An expression without the parentheses, the condition or the statement around it."""
    while node is not None and node.type in _AROUND and node.named_child_count == 1:
        node = node.named_children[0]
    return node


def _changed(loop: Node, name: str) -> int:
    """How many assignments and steps in a loop give a variable another value."""
    changes = descendants(loop, "assignment_expression", "update_expression")
    return sum(text_of(child(one, "left") or child(one, "argument")) == name for one in changes)


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


Relation = tuple[str, Node | None]
"""An operator and what stands on its right; None for zero."""


def limit_of(relation: Relation, lookup: Lookup) -> Polynomial | None:
    """The value on the right of a relation."""
    return ZERO if relation[1] is None else evaluate(relation[1], lookup)


def relation_that_runs(loop: Node, *spellings: str) -> Relation | None:
    """The relation that keeps a loop running, read with a variable on the left, of which there are spellings.

    A loop without an end of its own runs until the ``if (...) break;`` that its body begins or ends with.
    """
    endless = is_endless(loop)
    condition, keeps = _bare(_ending(loop) if endless else child(loop, "condition")), not endless
    found = (_relation_of(condition, one, keeps=keeps) for one in spellings)
    return next(filter(None, found), None)


def is_endless(loop: Node) -> bool:
    """Whether a loop has no end of its own, as ``for (;;)`` and ``while (true)``."""
    condition = _bare(child(loop, "condition"))
    return condition is None or text_of(condition) in _ALWAYS


def _ending(loop: Node) -> Node | None:
    """The condition of the ``if (...) break;`` at the start or the end of a loop's body."""
    body = child(loop, "body")
    statements = body.named_children if body is not None else []
    for one in (*statements[:1], *statements[-1:]):
        if one.type == "if_statement" and child(one, "alternative") is None:
            taken = _bare(child(one, "consequence"))
            if taken is not None and taken.type == "break_statement":
                return child(one, "condition")
    return None


def _relation_of(condition: Node | None, variable: str, *, keeps: bool) -> Relation | None:
    """The relation in a condition that keeps a loop running, or ends it."""
    if condition is None:
        return None
    if text_of(condition) == variable:
        return ("!=" if keeps else "=="), None
    operator, left, right = operator_of(condition), child(condition, "left"), child(condition, "right")
    if condition.type == "unary_expression" and operator == "!":
        return _relation_of(_bare(child(condition, "argument")), variable, keeps=not keeps)
    if condition.type != "binary_expression" or left is None or right is None:
        return None
    if operator == ("&&" if keeps else "||"):
        both = (_relation_of(_bare(one), variable, keeps=keeps) for one in (left, right))
        return next(filter(None, both), None)
    operator = operator if keeps else NEGATED.get(operator, "")
    if text_of(left) == variable:
        return operator, right
    return (TURNED.get(operator, operator), left) if text_of(right) == variable else None


def _step(update: Node, variable: str, lookup: Lookup) -> tuple[str, Polynomial] | None:
    """How the variable changes: ``+`` a step, ``*`` a factor, or ``/`` a divisor."""
    if update.type == "update_expression" and text_of(child(update, "argument")) == variable:
        return "+", Polynomial.constant(1 if "++" in text_of(update) else -1)
    if update.type == "comma_expression":
        parts = (_step(part, variable, lookup) for part in update.named_children)
        return next((part for part in parts if part is not None), None)
    if update.type != "assignment_expression" or text_of(child(update, "left")) != variable:
        return None
    operator = operator_of(update).removesuffix("=")
    right = child(update, "right")
    if operator == "" and right is not None and right.type == "binary_expression":
        if text_of(child(right, "left")) != variable:
            return None
        operator = operator_of(right)
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
            return operator, amount
        case "<<" | ">>" if factor is not None and 0 < factor < 64:
            return "*" if operator == "<<" else "/", Polynomial.constant(2.0**factor)
    return None


def _geometric(
    start: Polynomial, limit: Polynomial | None, operator: str, by: Polynomial, relation: str
) -> Polynomial | None:
    """Trips of a loop that multiplies or divides its variable: few enough to run it."""
    value = start.number
    last = limit.number if limit is not None else None
    factor = by.number
    if value is None or last is None or factor is None or relation not in _RELATIONS:
        return None
    whole = value.is_integer() and factor.is_integer()
    for trips in range(_MOST_GEOMETRIC_TRIPS):
        if not compare(relation, value, last):
            return Polynomial.constant(trips)
        value = value * factor if operator == "*" else value / factor
        value = float(math.trunc(value)) if whole and math.isfinite(value) else value
    return None


def _known_from(near: Polynomial, known: AbstractSet[str]) -> Polynomial:
    """A loop's lower end without sizes that nothing tells: those assumed for both ends would cancel."""
    return Polynomial(tuple([term for term in near.terms if known >= set(term[0])]))


def arithmetic_trips(
    start: Polynomial,
    limit: Polynomial,
    step: Polynomial,
    operator: str,
    mean_of: MeanOf,
) -> Polynomial | None:
    """Trips of a loop that adds ``step`` to its variable; None if it does not end by that."""
    by = step.number
    if not by or operator not in ("!=", *(("<", "<=") if by > 0 else (">", ">="))):
        return None  # endless, until the variable wraps around
    far, near = (limit, start) if by > 0 else (start, limit)
    means = {name: mean for name in far.symbols | near.symbols if (mean := mean_of(name)) is not None}
    distance = far - _known_from(near, far.symbols | means.keys())
    if operator in ("<=", ">="):
        distance = distance + 1
    stride = abs(by)
    exact = distance.number
    if exact is not None:
        return Polynomial.constant(max(0, math.ceil(exact / stride)))
    trips = distance.substitute(means) * (1 / stride)
    if stride > 1 and not distance.symbols.isdisjoint(means):
        # The mean over evenly spread starts of a quotient that is rounded up.
        trips = trips + (stride - 1) / (2 * stride)
    known = trips.number
    return trips if known is None else Polynomial.constant(max(0.0, known))
