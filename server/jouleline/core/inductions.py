"""How a loop changes the variables around it: by a fixed step each time round, or in other ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from .syntax import descendants, operator_of, text_of
from .syntax import field as child

_CHANGES = ("assignment_expression", "update_expression")
_LOOPS = ("for_statement", "while_statement", "do_statement")
_SOMETIMES = (
    *_LOOPS,
    *"if_statement for_range_loop switch_statement conditional_expression lambda_expression".split(),
)
_STEPS = {"+=": 1.0, "-=": -1.0}


@dataclass(frozen=True, slots=True)
class Step:
    """A change by ``sign`` times ``amount`` (1 where None), once each time round."""

    sign: float
    amount: Node | None


Updates = Mapping[str, tuple[Step, ...] | None]
"""The changes of each variable that a loop assigns to; None where one of them is no fixed step."""


@dataclass(frozen=True, slots=True)
class LoopBody:
    """What a loop does to variables, its own among them, and whether there is a further loop in it."""

    updates: Updates
    nests: bool

    @staticmethod
    def of(loop: Node) -> LoopBody:
        """Look through a loop but for its initializer, which runs before it."""
        found: dict[str, tuple[Step, ...] | None] = {}
        initializer = child(loop, "initializer")
        before = range(initializer.start_byte, initializer.end_byte) if initializer is not None else range(0)
        sometimes_until, nests = 0, False
        for node in descendants(loop, *_CHANGES, *_SOMETIMES):
            start = node.start_byte
            if node.id == loop.id or start in before:
                continue
            kind = node.type
            if kind in _SOMETIMES:
                sometimes_until = max(sometimes_until, node.end_byte)
                nests = nests or kind in _LOOPS
                continue
            name, step = _update(node)
            if name:
                known = found.get(name, ())
                sometimes = start < sometimes_until
                found[name] = None if step is None or sometimes or known is None else (*known, step)
        return LoopBody(found, nests)


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
