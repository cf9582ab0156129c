"""What tells compilers whether to unroll a loop: how large its body is, and the pragmas in front of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import islice
from typing import Final

from tree_sitter import Node

from . import costs
from .evaluate import Lookup, evaluate_text
from .syntax import descendants, without_comments
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
_UNROLL: Final = re.compile(r"\b(no)?unroll(?:_count)?\b[\s(\\]*(?:partial[\s(]*)?([^)\"]*)")


def copies_asked(pragma: str, lookup: Lookup) -> float | None:
    """How many copies of a loop's body a pragma asks for; None where it says nothing of unrolling.

    Infinite for all of them: that is where no number is given, or none that ``lookup`` tells.
    """
    found = _UNROLL.search(without_comments(pragma))
    if found is None:
        return None
    if found[1] or found[2].strip() == "disable":
        return 1
    value = evaluate_text(found[2], lookup)
    return math.inf if value is None or value.number is None else value.number


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
