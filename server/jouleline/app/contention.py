"""Atomic updates of one address in every iteration of a loop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from jouleline.core.smell import Smell
from jouleline.core.syntax import ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .parsed_file import ParsedFile

CODE: Final = "atomic-in-loop"
_LOOPS: Final = ("for_statement", "while_statement", "do_statement")
# What can be gathered in a register first; an exchange or a compare-and-swap cannot.
_GATHERABLE: Final = re.compile(r"atomic(?:Add|Sub|Min|Max|And|Or|Xor)(?:_block|_system)?")
_MESSAGE: Final = (
    "Every iteration updates the same address atomically, a trip to the shared cache each: gather in a "
    "register, and update once after the loop."
)
_ASSIGNED: Final = {"assignment_expression": "left", "update_expression": "argument"}


def crowded_atomics(file: ParsedFile) -> Iterator[Smell]:
    """Atomics in a kernel's loops that the loop does not move, and whose old value nobody reads."""
    for _, kernel in file.kernels:
        if kernel.node is None:
            continue
        for call in descendants(kernel.node, "call_expression"):
            if not _GATHERABLE.fullmatch(text_of(child(call, "function"))):
                continue
            loop = ancestor(call, *_LOOPS)
            if loop is None or not kernel.start <= loop.start_byte < kernel.end:
                continue
            if _dropped(call) and _stays(call, loop):
                yield Smell(CODE, call.start_byte, call.end_byte, _MESSAGE)


def _dropped(call: Node) -> bool:
    return call.parent is not None and call.parent.type == "expression_statement"


def _stays(call: Node, loop: Node) -> bool:
    """Whether the address is the same in every iteration, as far as its names tell."""
    arguments = child(call, "arguments")
    address = arguments.named_children[0] if arguments is not None and arguments.named_children else None
    if address is None or any(True for _ in descendants(address, "call_expression")):
        return False
    names = {text_of(node) for node in descendants(address, "identifier")}
    return names.isdisjoint(_changed(loop))


def _changed(loop: Node) -> set[str]:
    """The names that a loop declares or assigns to."""
    found: set[str] = set()
    for node in descendants(loop, *_ASSIGNED, "declaration"):
        part = child(node, _ASSIGNED[node.type]) if node.type in _ASSIGNED else None
        # A declaration's values count as well: a variable that is only read there is seldom the address.
        found |= {text_of(name) for name in descendants(part or node, "identifier")}
    return found
