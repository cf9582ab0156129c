"""Which branches of ``#if`` and ``#ifdef`` are compiled, as far as the program's own macros tell.

A macro that the program does not define is not defined; compilers' macros for CUDA are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .evaluate import evaluate_text, macro_values
from .syntax import field as child
from .syntax import replacement, text_of

CONDITIONALS: Final = frozenset(("preproc_if", "preproc_ifdef", "preproc_elif", "preproc_elifdef"))
_BRANCHES: Final = frozenset(("preproc_else", "preproc_elif", "preproc_elifdef"))
PREDEFINED: Final = frozenset(
    "__cplusplus __CUDACC__ __NVCC__ __linux__ __unix__ __x86_64__ __GNUC__".split()
)
"""What compilers define by themselves; their values are not known."""
DEFINED: Final = re.compile(r"\bdefined\s*(?:\(\s*(\w+)\s*\)|(\w+))")
"""Asks in a condition whether a macro is defined; its name is the one group or the other."""


@dataclass
class Conditionals:
    """Evaluates conditions on macros. ``definitions`` are the nodes that define each macro."""

    definitions: Mapping[str, Sequence[Node]]
    given: Mapping[str, str] = field(default_factory=dict)
    _holds: dict[int, bool] = field(default_factory=dict)
    _active: dict[int, bool] = field(default_factory=dict)

    def branch(self, node: Node) -> list[Node]:
        """What is compiled of the content of a conditional."""
        if self.holds(node):
            skipped = {id_of(child(node, "name")), id_of(child(node, "condition"))}
            return [
                item for item in node.named_children if item.type not in _BRANCHES and item.id not in skipped
            ]
        other = child(node, "alternative")
        if other is None:
            return []
        return list(other.named_children) if other.type == "preproc_else" else self.branch(other)

    def left_out(self, node: Node) -> range:
        """The stretch (bytes) of a conditional that is not compiled: its own branch, or the others."""
        other = child(node, "alternative")
        end = other.start_byte if other is not None else node.end_byte
        return range(end, node.end_byte) if self.holds(node) else range(node.start_byte + 1, end)

    def active(self, node: Node) -> bool:
        """Whether a node is compiled, by all the conditionals around it."""
        parent, inner = node.parent, node
        while parent is not None:
            if parent.type in CONDITIONALS or parent.type == "preproc_else":
                if parent.id not in self._active:
                    self._active[parent.id] = True  # while it is found out
                    self._active[parent.id] = self._chosen(parent)
                in_branch = inner.type in _BRANCHES
                if not in_branch and not self._active[parent.id]:
                    return False
                if in_branch:
                    # The alternative knows for itself that this condition fails.
                    inner, parent = parent, parent.parent
                    continue
            inner, parent = parent, parent.parent
        return True

    def _chosen(self, node: Node) -> bool:
        """Whether this branch, and no earlier one of its chain, is taken."""
        if node.type != "preproc_else" and not self.holds(node):
            return False
        inner, parent = node, node.parent
        while inner.type in _BRANCHES and parent is not None and parent.type in CONDITIONALS:
            if self.holds(parent):
                return False
            inner, parent = parent, parent.parent
        return True

    def holds(self, node: Node) -> bool:
        """Whether the condition of a conditional holds where it stands."""
        if node.id not in self._holds:
            self._holds[node.id] = False
            self._holds[node.id] = self._evaluated(node)
        return self._holds[node.id]

    def _evaluated(self, node: Node) -> bool:
        word = node.children[0].type if node.children else ""
        if node.type in ("preproc_ifdef", "preproc_elifdef"):
            return self.defined(text_of(child(node, "name")), node) != word.endswith("ndef")
        text = text_of(child(node, "condition"))
        text = DEFINED.sub(lambda found: str(int(self.defined(found[1] or found[2], node))), text)
        value = evaluate_text(text, macro_values(lambda name: self._written(name, node)))
        return value is not None and bool(value.number)

    def defined(self, name: str, place: Node) -> bool:
        """Whether a macro is defined before a conditional, outside of it."""
        return name in self.given or name in PREDEFINED or self._definition(name, place) is not None

    def _definition(self, name: str, place: Node) -> Node | None:
        for node in self.definitions.get(name, ()):
            inside = place.start_byte <= node.start_byte < place.end_byte and _same_tree(node, place)
            later = node.start_byte > place.end_byte and _same_tree(node, place)
            if not inside and not later and self.active(node):
                return node
        return None

    def _written(self, name: str, place: Node) -> str:
        return self.given.get(name) or replacement(self._definition(name, place))


def id_of(node: Node | None) -> int:
    """The identity of a node; 0 for none."""
    return node.id if node is not None else 0


def _same_tree(left: Node, right: Node) -> bool:
    return root_of(left).id == root_of(right).id


def root_of(node: Node) -> Node:
    """The file that a node belongs to."""
    while node.parent is not None:
        node = node.parent
    return node
