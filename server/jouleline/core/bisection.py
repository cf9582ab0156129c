"""Loops that halve an interval each time round, as a binary search does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from tree_sitter import Node

from .evaluate import Lookup, evaluate
from .loops import is_nearest
from .syntax import descendants, inside, operands, text_of
from .syntax import field as child

_AROUND = ("parenthesized_expression", "cast_expression")
_HALVINGS = (("/", "2"), (">>", "1"))
_CHANGES = ("assignment_expression", "init_declarator")


def halvings(loop: Node, lookup: Lookup, is_real: Callable[[str], bool]) -> int | None:
    """How often a loop halves an interval of a known length until none is left; None of other loops.

    An interval of real numbers, of which ``is_real`` tells, is halved until it is as short as one likes.
    """
    for half in descendants(loop, "binary_expression"):
        whole, operator, by = operands(half)
        if (operator, text_of(by)) not in _HALVINGS or not is_nearest(loop, half):
            continue
        if any(map(is_real, _words(half))) or not _narrows(loop, half):
            continue
        length = _length(half, inside(whole, _AROUND), lookup)
        if length is not None:
            return max(1, math.ceil(math.log2(length + 1)))
    return None


def _length(half: Node, whole: Node | None, lookup: Lookup) -> float | None:
    """The length of what is halved: of ``(low + high) / 2``, ``low + (high - low) / 2``, ``low + n / 2``."""
    low, operator, high = operands(whole) if whole is not None else (None, "", None)
    if operator == "+":
        ends = evaluate(inside(low, _AROUND), lookup), evaluate(inside(high, _AROUND), lookup)
        length = ends[1] - ends[0] if ends[0] is not None and ends[1] is not None else None
    else:
        around = half.parent
        while around is not None and around.type in _AROUND:
            around = around.parent
        added = around is not None and operands(around)[1] == "+"
        length = evaluate(whole, lookup) if added else None
    known = length.number if length is not None else None
    return abs(known) if known is not None else None


def _narrows(loop: Node, half: Node) -> bool:
    """Whether what is halved changes by what its half is."""
    middle = next(_given(half, loop), "")
    if not middle:
        return False
    changed = {middle}
    for _ in range(2):  # an end that is moved to the middle, and a length that follows from the ends
        for change in descendants(loop, *_CHANGES):
            value = child(change, "right") or child(change, "value")
            if value is not None and not changed.isdisjoint(_words(value)):
                changed.add(text_of(child(change, "left") or child(change, "declarator")))
    return not (changed - {middle}).isdisjoint(_words(half))


def _given(value: Node, loop: Node) -> Iterator[str]:
    """The variable that is given a value, or a sum with it."""
    node = value.parent
    while node is not None and node.id != loop.id:
        if node.type in _CHANGES:
            yield text_of(child(node, "left") or child(node, "declarator"))
        node = node.parent


def _words(node: Node) -> Iterator[str]:
    return map(text_of, descendants(node, "identifier"))
