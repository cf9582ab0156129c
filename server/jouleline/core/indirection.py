"""Whether a kernel reads where data tells it to: an index that was itself read from an array."""

from __future__ import annotations

from tree_sitter import Node

from .syntax import descendants, text_of
from .syntax import field as child


def indirect(body: Node) -> bool:
    """Whether an index contains an array element, or a variable that was set from one."""
    indices = [
        index
        for access in descendants(body, "subscript_expression")
        if (index := child(access, "indices")) is not None
    ]
    if any(_reads(index) for index in indices):
        return True
    loaded = _loaded(body)
    return any(text_of(name) in loaded for index in indices for name in descendants(index, "identifier"))


def _loaded(body: Node) -> set[str]:
    """Variables that are set from an array's element."""
    found = set()
    for node in descendants(body, "init_declarator", "assignment_expression"):
        declared = node.type == "init_declarator"
        target = child(node, "declarator" if declared else "left")
        value = child(node, "value" if declared else "right")
        if target is not None and target.type == "identifier" and value is not None and _reads(value):
            found.add(text_of(target))
    return found


def _reads(node: Node) -> bool:
    return next(descendants(node, "subscript_expression"), None) is not None
