"""What the text of host functions says, each read once however many kernels ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from .declarations import Declared, declarations, function_of
from .syntax import ParsedSource, ancestor, descendants, text_of
from .syntax import field as child


@dataclass
class HostFunctions:
    """The functions of one state of a program, by the identity of nodes in its trees."""

    _around: dict[int, Node | None] = field(default_factory=dict)
    _assigned: dict[int, Mapping[str, list[Node]]] = field(default_factory=dict)
    _declared: dict[int, Sequence[tuple[Declared, int]]] = field(default_factory=dict)

    def around(self, place: Node) -> Node | None:
        """The function that a place is in."""
        if place.id not in self._around:
            self._around[place.id] = ancestor(place, "function_definition")
        return self._around[place.id]

    def assigned(self, function: Node) -> Mapping[str, list[Node]]:
        """The values that plain assignments in a function give to each name, in text order."""
        if function.id not in self._assigned:
            values: dict[str, list[Node]] = {}
            for node in descendants(function, "init_declarator", "assignment_expression"):
                left = child(node, "declarator") or child(node, "left")
                value = child(node, "value") or child(node, "right")
                operator = text_of(child(node, "operator")) or "="
                if value is not None and operator == "=":
                    values.setdefault(text_of(left).lstrip("*& "), []).append(value)
            self._assigned[function.id] = values
        return self._assigned[function.id]

    def declared(self, function: Node, source: ParsedSource) -> Sequence[tuple[Declared, int]]:
        """The parameters of a function, then what is declared in it in text order.

        With each name goes the byte at which the block ends that it is declared in.
        """
        if function.id not in self._declared:
            known = function_of(function, source)
            found = [(one, function.end_byte) for one in (known.parameters if known else ())]
            for node in descendants(function, "declaration"):
                found += [(one, _block_end(node)) for one in declarations(node, source)]
            self._declared[function.id] = found
        return self._declared[function.id]


def _block_end(declaration: Node) -> int:
    block = declaration.parent
    while block is not None and block.type.startswith("preproc_"):  # a directive is no block
        block = block.parent
    return block.end_byte if block is not None else declaration.end_byte
