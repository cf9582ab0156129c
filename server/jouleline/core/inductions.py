"""How a loop changes the variables around it: by a fixed step each time round, or in other ways."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .kept import cached_property
from .syntax import field as child
from .syntax import operator_of, symbols, text_of

_CHANGES = ("assignment_expression", "update_expression")
_LOOPS = ("for_statement", "while_statement", "do_statement")
_REPEATED = (*_LOOPS, "for_range_loop")
_SOMETIMES = (*_REPEATED, *"if_statement switch_statement conditional_expression lambda_expression".split())
_STEPS = {"+=": 1.0, "-=": -1.0}
# What each change and each loop has in its text; each alternative starts with what the search skips to.
_MARK: Final = re.compile(rb"=|_eq\b|[+][+]|--|f(?<!\w.)or\b|w(?<!\w.)hile\b|d(?<!\w.)o\b")


@dataclass(frozen=True, slots=True)
class Step:
    """A change by ``sign`` times ``amount`` (1 where None), once each time round."""

    sign: float
    amount: Node | None


Updates = Mapping[str, tuple[Step, ...] | None]
"""The changes of each variable that a loop assigns to; None where one of them is no fixed step."""


@dataclass(frozen=True, slots=True)
class LoopBody:
    """What a loop does to variables, its own among them, and whether there is a further loop in it.

    ``stores`` are the names in front of what else it assigns to, as ``a[i].x`` or ``*a``.
    """

    updates: Updates
    nests: bool
    stores: frozenset[str] = frozenset()

    @staticmethod
    def of(loop: Node) -> LoopBody:
        """Look through a loop but for its initializer, which runs before it."""
        return Changes(loop).loops.get(loop.id, LoopBody({}, nests=False))  # one without its word


@dataclass(frozen=True)
class Changes:
    """What the code below a node changes; nothing without one. It is looked through when that is asked."""

    node: Node | None = None

    @property
    def names(self) -> frozenset[str]:
        """The names that are assigned to or stepped."""
        return self._told[0]

    @property
    def loops(self) -> Mapping[int, LoopBody]:
        """What the loops do, by their nodes."""
        return self._told[1]

    @cached_property
    def _told(self) -> tuple[frozenset[str], Mapping[int, LoopBody]]:
        names: set[str] = set()
        found: list[_Loop] = []
        around: list[_Loop] = []
        for inner in _changing(self.node) if self.node is not None else ():
            start, kind = inner.start_byte, inner.type
            while around and around[-1].end <= start:
                around.pop()
            if kind in _SOMETIMES:
                for loop in around:
                    loop.meets(start, inner.end_byte, kind)
                if kind in _REPEATED:
                    around.append(_Loop.of(inner))
                    found.append(around[-1])
                continue
            name, step = _update(inner)
            if name:
                names.add(name)
                for loop in around:
                    loop.changes(name, step, start)
            elif around:
                place = _place(inner)
                for loop in around:
                    loop.stores.add(place)
        bodies = {loop.id: LoopBody(loop.updates, loop.nests, frozenset(loop.stores)) for loop in found}
        return frozenset(names), bodies


@dataclass(slots=True)
class _Loop:
    """A loop that is being looked through; what stands ``before`` it is its initializer."""

    id: int
    end: int
    before: range
    updates: dict[str, tuple[Step, ...] | None] = field(default_factory=dict)
    stores: set[str] = field(default_factory=set)
    nests: bool = False
    sometimes_until: int = 0

    @staticmethod
    def of(node: Node) -> _Loop:
        initializer = child(node, "initializer")
        before = range(initializer.start_byte, initializer.end_byte) if initializer is not None else range(0)
        return _Loop(node.id, node.end_byte, before)

    def meets(self, start: int, end: int, kind: str) -> None:
        """What is in it runs not just once each time round."""
        if start not in self.before:
            self.sometimes_until = max(self.sometimes_until, end)
            self.nests = self.nests or kind in _LOOPS

    def changes(self, name: str, step: Step | None, start: int) -> None:
        """A variable is given another value, by a step where there is one."""
        if start not in self.before:
            known = self.updates.get(name, ())
            sometimes = start < self.sometimes_until
            self.updates[name] = None if step is None or sometimes or known is None else (*known, step)


def _changing(node: Node) -> Iterator[Node]:
    """The changes below a node and what decides how often they run, in the order of the text.

    The walk leaves out what neither can be in, which is most of the operands of expressions.
    """
    start, end = node.start_byte, node.end_byte
    marks = [*(start + mark.start() for mark in _MARK.finditer(node.text or b"")), end, end]
    changes, decisions = symbols(*_CHANGES), symbols(*_SOMETIMES)
    waiting = [node.walk().node]  # one of our own: a node keeps the children that it was asked for
    while waiting:
        current = waiting.pop()
        if current is None:
            continue
        first, end = bisect_left(marks, current.start_byte), current.end_byte
        if marks[first] >= end:
            continue
        if current.kind_id in changes:
            yield current
            if marks[first + 1] >= end:
                continue  # it has no mark but its own
        elif current.kind_id in decisions:
            yield current
        waiting += reversed(current.named_children)


def _place(change: Node) -> str:
    """The name in front of what a change assigns to that is no variable."""
    node = child(change, "left") or child(change, "argument")
    while node is not None and node.type != "identifier":
        node = child(node, "argument") or (node.named_children[0] if node.named_children else None)
    return text_of(node)


def _update(node: Node) -> tuple[str, Step | None]:
    """The variable that a node changes, and its step if it is one."""
    if node.type == "update_expression":
        target = child(node, "argument")
        if target is not None and target.type == "identifier":
            return text_of(target), Step(1.0 if "++" in text_of(node) else -1.0, None)
    elif node.type == "assignment_expression":
        target, right = child(node, "left"), child(node, "right")
        if target is None or target.type != "identifier":
            return "", None
        name, operator = text_of(target), operator_of(node)
        if operator in _STEPS:
            return name, Step(_STEPS[operator], right)
        if operator == "=" and right is not None and right.type == "binary_expression":
            sign = _STEPS.get(operator_of(right) + "=")
            if sign is not None and text_of(child(right, "left")) == name:
                return name, Step(sign, child(right, "right"))
        return name, None
    return "", None
