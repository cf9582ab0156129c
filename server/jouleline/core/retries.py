"""Loops that try until a compare and swap succeeds, as those do that update atomically by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tree_sitter import Node

from .loops import is_nearest
from .syntax import descendants, operands, operator_of, text_of
from .syntax import field as child

_SWAP: Final = re.compile(
    r"(?:\w+::)*(?:atomicCAS(?:_\w+)?|__(?:sync|atomic|hip_atomic)_(?:\w+_)?compare_(?:and_swap|exchange)\w*)"
)
_EXTREMES: Final = ("<", ">", "<=", ">=")
_ENDS: Final = ("break_statement", "return_statement")
_AROUND: Final = ("condition_clause", "parenthesized_expression")
_TELLS: Final = re.compile(r"bool|atomic_compare_exchange")
_LEAST_ARGUMENTS: Final = 3


class Swap(NamedTuple):
    """What ends a loop: a swap at a ``place``. ``gives_up`` where it also ends by what others put there."""

    place: Node
    gives_up: bool


def swap_that_ends(loop: Node, condition: Node | None) -> Swap | None:
    """The compare and swap by whose success a loop ends; None where it ends by something else.

    The loop's condition compares the result with what was expected or, where it is endless or for an extreme,
    so does a condition under which it is left; or an extreme is looked for, and the swap stores a better one.
    """
    for call in _swaps(loop):
        arguments = child(call, "arguments")
        given = [one for one in arguments.named_children if one.type != "comment"] if arguments else []
        if len(given) < _LEAST_ARGUMENTS or not is_nearest(loop, call):
            continue
        results = {*_names(call, loop), text_of(call)}
        endless = condition is None or condition.type in ("true", "number_literal")
        extreme = operator_of(condition) in _EXTREMES if condition is not None else False
        extreme = extreme and condition is not None and _mentions(condition, results)
        deciding = [condition, *(_leaving(loop) if endless or extreme else ())]
        better = extreme and condition is not None and _mentions(condition, {*_words(given[2])} - results)
        if better or any(_succeeds(one, call, results, given[1]) for one in deciding):
            return Swap(given[0], extreme)
    return None


def _succeeds(condition: Node | None, call: Node, results: set[str], expected: Node) -> bool:
    """Whether a condition tells that a swap found what it expected, or that it did not."""
    while condition is not None and (condition.type in _AROUND or operator_of(condition) == "!"):
        condition = child(condition, "value") or child(condition, "argument") or condition.named_children[0]
    if condition is None:
        return False
    left, operator, right = operands(condition)
    if operator in ("&&", "||"):
        return any(_succeeds(one, call, results, expected) for one in (left, right))
    if operator in ("==", "!=") and left is not None and right is not None:
        return any(
            _mentions(one, results) and _alike(other, expected)
            for one, other in ((left, right), (right, left))
        )
    tells = text_of(expected) == "0" or _TELLS.search(text_of(child(call, "function")))
    return bool(tells) and text_of(condition) in results


def _alike(node: Node, expected: Node) -> bool:
    """Whether an expression is what a swap expects, or has to do with it."""
    return text_of(node) == text_of(expected) or not {*_words(expected)}.isdisjoint(_words(node))


def _words(node: Node) -> Iterator[str]:
    """The names in an expression, but for those of functions."""
    for word in descendants(node, "identifier"):
        if word.parent is None or word.parent.type != "call_expression":
            yield text_of(word)


def _swaps(loop: Node) -> Iterator[Node]:
    for call in descendants(loop, "call_expression"):
        if _SWAP.fullmatch(text_of(child(call, "function"))):
            yield call


def _names(call: Node, loop: Node) -> Iterator[str]:
    """The variables that are given what a call returns."""
    node: Node | None = call
    while node is not None and node.id != loop.id:
        if node.type == "assignment_expression":
            yield text_of(child(node, "left"))
        elif node.type == "init_declarator":
            yield text_of(child(node, "declarator"))
        node = node.parent


def _leaving(loop: Node) -> Iterator[Node | None]:
    """The conditions under which a loop is left."""
    for one in descendants(loop, "if_statement"):
        if next(descendants(one, *_ENDS), None) is not None:
            yield child(one, "condition")


def _mentions(node: Node, texts: set[str]) -> bool:
    return any(text_of(one) in texts for one in descendants(node, "identifier", "call_expression"))
