"""What the text of host functions says, each read once however many kernels ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tree_sitter import Node

from .counts import ResolvedShape
from .declarations import Declared, declarations, function_of, rows_declared
from .directives import PRAGMAS, directive_of, offloads, statement_after
from .syntax import ParsedSource, ancestor, symbols, text_of
from .syntax import field as child

_DECLARATOR: Final = re.compile(r"(\w+)\s*(.*)", re.DOTALL)
_DIM3: Final = "dim3"
_HOLDS_MORE: Final = re.compile(rb"[={#]")
_TELLING: Final = ("declaration", "init_declarator", "assignment_expression")


class Given(NamedTuple):
    """What a ``dim3`` variable is given at an offset: all of it, or its ``member``."""

    offset: int
    member: str
    value: str


@dataclass
class HostFunctions:
    """The functions of one state of a program, by the identity of nodes in its trees.

    Kernels may share them for as long as these trees are held: nodes of others, such as those of a kernel
    that has changed since, are not to be asked about. ``calls`` are those of each function so far, and
    ``shapes`` those of launches, by their identity, too.
    """

    calls: dict[int, Sequence[Node]] = field(default_factory=dict)
    shapes: dict[int, ResolvedShape] = field(default_factory=dict)
    _around: dict[int, Node | None] = field(default_factory=dict)
    _telling: dict[int, tuple[Sequence[Node], Sequence[range]]] = field(default_factory=dict)
    _given: dict[int, Mapping[str, Sequence[Given]]] = field(default_factory=dict)
    _assigned: dict[int, Mapping[str, list[Node]]] = field(default_factory=dict)
    _declared: dict[int, Sequence[tuple[Declared, int]]] = field(default_factory=dict)

    def around(self, place: Node) -> Node | None:
        """The function that a place is in."""
        if place.id not in self._around:
            self._around[place.id] = ancestor(place, "function_definition")
        return self._around[place.id]

    def assigned(self, function: Node, source: ParsedSource | None) -> Mapping[str, list[Node]]:
        """The values that plain assignments in a function give to each name, in text order."""
        if function.id not in self._assigned:
            values: dict[str, list[Node]] = {}
            for node in self._told(function, source)[0]:
                if node.type == "declaration":
                    continue
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
            for node in self._told(function, source)[0]:
                if node.type == "declaration":
                    found += [(one, _block_end(node)) for one in declarations(node, source, inside=True)]
                elif (rows := rows_declared(node)) is not None:
                    found.append((rows, _block_end(node.parent or node)))
            self._declared[function.id] = found
        return self._declared[function.id]

    def given(self, function: Node, source: ParsedSource) -> Mapping[str, Sequence[Given]]:
        """What each ``dim3`` variable of a function is given, from its declaration on, in text order."""
        if function.id not in self._given:
            given: dict[str, list[Given]] = {}
            for node in self._told(function, source)[0]:
                if node.type == "declaration":
                    for name, value in _dim3_declared(node):
                        given.setdefault(name, []).append(Given(node.start_byte, "", value))
                elif node.type == "assignment_expression":
                    name, _, member = text_of(child(node, "left")).partition(".")
                    if name in given:
                        value = text_of(child(node, "right"))
                        given[name].append(Given(node.start_byte, member, value))
            self._given[function.id] = given
        return self._given[function.id]

    def is_offloaded(self, place: Node, source: ParsedSource) -> bool:
        """Whether a place is in a region that runs on a device."""
        function = self.around(place)
        return function is not None and any(
            place.start_byte in one for one in self._told(function, source)[1]
        )

    def _told(self, function: Node, source: ParsedSource | None) -> tuple[Sequence[Node], Sequence[range]]:
        """The declarations and assignments in a function, in text order, and where it has offloaded regions.

        What stands in these is no host code: it is left out, where the file is known that the function is in.
        """
        if function.id not in self._telling:
            found: list[Node] = []
            regions: list[range] = []
            for node in _telling(function):
                if regions and node.start_byte in regions[-1]:
                    continue
                if node.type not in PRAGMAS:
                    found.append(node)
                    continue
                directive = directive_of(node, source) if source is not None else None
                if directive is not None and offloads(directive) and (region := statement_after(node)):
                    regions.append(range(region.start_byte, region.end_byte))
            self._telling[function.id] = found, regions
        return self._telling[function.id]


def _telling(function: Node) -> Iterator[Node]:
    """Declarations, assignments and pragmas in a function, in text order.

    Half of a function is calls that hold none of them, as their text tells: the walk does not go into these.
    """
    wanted, calls = symbols(*_TELLING, *PRAGMAS), symbols("expression_statement")
    waiting: list[Node | None] = [function]
    while waiting:
        node = waiting.pop()
        if node is None or (node.kind_id in calls and not _HOLDS_MORE.search(node.text or b"")):
            continue
        if node.kind_id in wanted:
            yield node
            node = node.walk().node  # one of our own, as in syntax.descendants
        if node is not None and node.named_child_count:
            waiting += reversed(node.named_children)


def _dim3_declared(declaration: Node) -> list[tuple[str, str]]:
    """The ``dim3`` variables that are declared, and what each is given."""
    if _DIM3 not in text_of(declaration):
        return []
    is_dim3 = text_of(child(declaration, "type")) == _DIM3
    found = []
    # By text: "dim3 grid(n, m)" is a function's declaration to a parser that has no types.
    for declarator in map(text_of, declaration.children_by_field_name("declarator")):
        variable = _DECLARATOR.fullmatch(declarator)
        if variable and (is_dim3 or _DIM3 in variable[2]):
            value = variable[2].removeprefix("=").strip() or "()"
            found.append((variable[1], _DIM3 + value if value.startswith("(") else value))
    return found


def _block_end(declaration: Node) -> int:
    block = declaration.parent
    while block is not None and block.type.startswith("preproc_"):  # a directive is no block
        block = block.parent
    return block.end_byte if block is not None else declaration.end_byte
