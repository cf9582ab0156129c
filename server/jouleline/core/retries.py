"""Loops that try until a compare and swap succeeds, as those do that update atomically by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tree_sitter import Node

from .syntax import descendants, operator_of, text_of
from .syntax import field as child

_SWAP: Final = re.compile(
    r"(?:\w+::)*(?:atomicCAS(?:_\w+)?|__(?:sync|atomic|hip_atomic)_(?:\w+_)?compare_(?:and_swap|exchange)\w*)"
)
_EXTREMES: Final = ("<", ">", "<=", ">=")
_ENDS: Final = ("break_statement", "return_statement")


class Swap(NamedTuple):
    """What ends a loop: a swap at a ``place``. ``gives_up`` where it also ends by what others put there."""

    place: Node
    gives_up: bool


def swap_that_ends(loop: Node, condition: Node | None) -> Swap | None:
    """The compare and swap by whose success a loop ends; None where it ends by something else.

    The loop's condition has it or its result, or the loop is endless and left where the result is good.
    """
    for call in _swaps(loop):
        arguments = child(call, "arguments")
        if arguments is None or not arguments.named_children:
            continue
        results = {*_names(call, loop), text_of(call)}
        endless = condition is None or condition.type in ("true", "number_literal")
        deciding = [condition] if not endless else _leaving(loop)
        if any(one is not None and _mentions(one, results) for one in deciding):
            gives_up = operator_of(condition) in _EXTREMES if condition is not None else False
            return Swap(arguments.named_children[0], gives_up)
    return None


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
