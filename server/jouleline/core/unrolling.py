"""How large code is, which tells compilers whether to unroll a loop around it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from tree_sitter import Node

from . import costs
from .syntax import descendants
from .syntax import field as child

_SIZED: Final = (
    "binary_expression",
    "subscript_expression",
    "assignment_expression",
    "update_expression",
    "call_expression",
    "field_expression",
    "conditional_expression",
    "pointer_expression",
)


def size(body: Node | None, trips_of: Callable[[Node], float | None], most: float) -> float:
    """About how many instructions code becomes, unrolled loops in it included; counted up to ``most``.

    ``trips_of`` says how often a loop runs, where the compiler knows it.
    """
    if body is None:
        return 0.0
    total = 0.0
    for node in [body] if body.type == "for_statement" else body.named_children:
        if total > most:
            break
        if node.type == "for_statement":
            inner = size(child(node, "body"), trips_of, most)
            known = trips_of(node)
            total += inner * known if known is not None and inner * known <= costs.UNROLLED_SIZE else inner
        else:
            total += sum(1 for _ in islice(descendants(node, *_SIZED), int(most) + 1))
    return total
