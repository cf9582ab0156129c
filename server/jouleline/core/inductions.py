"""How a loop changes the variables around it: by a fixed step each time round, or in other ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from .syntax import field as child
from .syntax import operator_of, text_of

_SOMETIMES = frozenset(
    "if_statement for_statement while_statement do_statement for_range_loop switch_statement "
    "conditional_expression lambda_expression".split()
)
_STEPS = {"+=": 1.0, "-=": -1.0}


@dataclass(frozen=True, slots=True)
class Step:
    """A change by ``sign`` times ``amount`` (1 where None), once each time round."""

    sign: float
    amount: Node | None


Updates = Mapping[str, tuple[Step, ...] | None]
"""The changes of each variable that a loop assigns to; None where one of them is no fixed step."""


def updates(loop: Node) -> Updates:
    """How a loop changes variables, its own among them."""
    found: dict[str, tuple[Step, ...] | None] = {}
    waiting = [(item, False) for item in reversed(loop.named_children)]
    initializer = child(loop, "initializer")
    while waiting:
        node, sometimes = waiting.pop()
        if initializer is not None and node.id == initializer.id:
            continue
        name, step = _update(node)
        if name:
            known = found.get(name, ())
            found[name] = None if step is None or sometimes or known is None else (*known, step)
        sometimes = sometimes or node.type in _SOMETIMES
        waiting += [(item, sometimes) for item in reversed(node.named_children) if item.child_count]
    return found


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
