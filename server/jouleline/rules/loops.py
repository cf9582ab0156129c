"""Loops that count up by one, as the rules read them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.syntax import field as child
from jouleline.core.syntax import text_of


@dataclass(frozen=True)
class CountedLoop:
    """``for (v = first; v < limit; v++)``. ``declared`` says that the loop declares its variable."""

    node: Node
    variable: str
    first: Node
    relation: str
    limit: Node
    body: Node
    declared: bool


_SPACE = re.compile(r"\s+")


def same_text(left: Node | None, right: Node | None) -> bool:
    """Whether two expressions are written alike, blanks aside."""
    return left is not None and right is not None and _squeezed(left) == _squeezed(right)


def _squeezed(node: Node) -> str:
    return _SPACE.sub("", text_of(node))


def counted_loop(node: Node | None) -> CountedLoop | None:
    """Read a loop that counts up by one; None for any other statement."""
    if node is None or node.type != "for_statement" or node.has_error:
        return None
    initializer, condition, update = (child(node, name) for name in ("initializer", "condition", "update"))
    body = child(node, "body")
    if initializer is None or condition is None or update is None or body is None:
        return None
    declared = initializer.type == "declaration"
    if declared:
        listed = initializer.children_by_field_name("declarator")
        if len(listed) != 1 or listed[0].type != "init_declarator":
            return None
        variable, first = text_of(child(listed[0], "declarator")), child(listed[0], "value")
    elif initializer.type == "assignment_expression" and text_of(child(initializer, "operator")) == "=":
        variable, first = text_of(child(initializer, "left")), child(initializer, "right")
    else:
        return None
    relation, limit = text_of(child(condition, "operator")), child(condition, "right")
    if condition.type != "binary_expression" or text_of(child(condition, "left")) != variable:
        return None
    if relation not in ("<", "<=") or first is None or limit is None or not _steps_by_one(update, variable):
        return None
    return CountedLoop(node, variable, first, relation, limit, body, declared)


def _steps_by_one(update: Node, variable: str) -> bool:
    text = _squeezed(update)
    return text in (f"{variable}++", f"++{variable}", f"{variable}+=1", f"{variable}={variable}+1")


def statements(body: Node) -> list[Node]:
    """The statements of a block, or the one that stands for it; comments are left out."""
    if body.type != "compound_statement":
        return [body]
    return [item for item in body.named_children if item.type != "comment"]
