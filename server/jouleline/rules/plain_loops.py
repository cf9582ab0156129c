"""Innermost loops of plain arithmetic: what they read, write and sum up, with nothing left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.ctype import Scalar
from jouleline.core.syntax import ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .accesses import Access, NotUnderstoodError, Walk
from .analysis import MATH, callee, has_alias, has_branches, identifiers, is_dead, is_macro_body, uses
from .loops import CountedLoop, counted_loop
from .macros import is_spelled_out, opaque_macros
from .memory import Memory
from .precision import Kind, Reader
from .scope import Name, lookup
from .values import kind_of_value

_STATEMENTS = frozenset(
    "compound_statement declaration init_declarator expression_statement if_statement condition_clause "
    "else_clause comment".split()
)
_TYPES = frozenset(
    "primitive_type sized_type_specifier type_identifier type_qualifier type_descriptor".split()
)
_EXPRESSIONS = frozenset(
    "assignment_expression update_expression binary_expression unary_expression parenthesized_expression "
    "conditional_expression cast_expression subscript_expression subscript_argument_list identifier "
    "number_literal call_expression argument_list qualified_identifier namespace_identifier".split()
)
_KNOWN = _STATEMENTS | _TYPES | _EXPRESSIONS
_SUMS = {"+=": "+", "-=": "+", "*=": "*"}
_SYMBOL = "%0"


@dataclass(frozen=True)
class PlainLoop:
    """A counted loop without loops in it, whose every access is known.

    ``arrays`` are all arrays by name, each with one place where it is used; ``written`` are those that
    the loop writes. ``sums`` are the variables from outside that the loop only accumulates into, each
    with its operator; ``fractions`` are those of them that are floating-point. ``own`` are the
    variables that the body declares.
    """

    loop: CountedLoop
    accesses: tuple[Access, ...]
    arrays: Mapping[str, Node]
    written: frozenset[str]
    sums: Mapping[str, str]
    fractions: frozenset[str]
    own: frozenset[str]

    def stride(self, access: Access) -> float | None:
        """How many elements an access moves per iteration; None if that is no number."""
        return access.index.coefficient(_SYMBOL).number

    def is_one_to_one(self, access: Access) -> bool:
        """Whether no two iterations use the same element by this access."""
        return bool(self.stride(access))

    def is_independent(self, memory: Memory) -> bool:
        """Whether no iteration touches an element that another one writes."""
        for name in self.written:
            of_array = [item for item in self.accesses if item.array == name]
            first = of_array[0]
            if not self.is_one_to_one(first) or any(item.index != first.index for item in of_array):
                return False
            for other in self.arrays:
                if other != name and not memory.distinct(self.arrays[name], self.arrays[other]):
                    return False
        return True


def plain_loop(node: Node, reader: Reader) -> PlainLoop | None:
    """Read a loop; None if it does anything that is not understood."""
    loop = counted_loop(node)
    function = ancestor(node, "function_definition")
    if loop is None or not loop.declared or function is None or function.has_error:
        return None
    if (
        is_dead(node)
        or is_macro_body(node)
        or has_branches(node)
        or not is_spelled_out(function, reader.program)
    ):
        return None
    if any(True for _ in descendants(function, "lambda_expression")):
        return None
    if any(item.type not in _KNOWN for item in _below(loop.body)):
        return None
    arrays = _arrays(loop, reader)
    if arrays is None or not all(_is_math(call, reader) for call in descendants(node, "call_expression")):
        return None
    own = frozenset(
        text_of(child(item, "declarator")) if item.type == "init_declarator" else text_of(item)
        for declaration in descendants(loop.body, "declaration")
        for item in declaration.children_by_field_name("declarator")
    )
    changes = _changes(loop, own, function, reader)
    if changes is None:
        return None
    written, sums, fractions = changes
    walk = Walk(reader.source, reader.program, node, tuple(arrays))
    try:
        walk.statement(node, walk.names)
    except NotUnderstoodError:
        return None
    if walk.others or not written <= arrays.keys():
        return None
    return PlainLoop(loop, tuple(walk.accesses), arrays, written, sums, fractions, own)


def _below(node: Node) -> list[Node]:
    found, waiting = [], [node]
    while waiting:
        item = waiting.pop()
        found.append(item)
        waiting += item.named_children
    return found


def _is_math(call: Node, reader: Reader) -> bool:
    name = callee(call)
    known = name in MATH or name.removesuffix("f") in MATH or name in ("min", "max")
    return known and name not in reader.own and text_of(child(call, "function")) in (name, f"std::{name}")


def _arrays(loop: CountedLoop, reader: Reader) -> dict[str, Node] | None:
    """The arrays of a loop, each with a place; None unless every name is a number or an array of such."""
    found: dict[str, Node] = {}
    for item in descendants(loop.node, "identifier"):
        name, parent = text_of(item), item.parent
        if parent is None:
            return None
        called = parent.type == "call_expression" or (
            parent.type == "qualified_identifier"
            and parent.parent is not None
            and parent.parent.type == "call_expression"
        )
        if called:
            continue
        if name in reader.program.macros:
            if name in opaque_macros(reader.program):
                return None
            continue
        declared = lookup(name, item, reader.program)
        if parent.type in ("init_declarator", "declaration") and child(parent, "declarator") == item:
            declared = declared or lookup(name, loop.body, reader.program)
            continue  # its uses are looked at
        if declared is None or not _is_plain(declared, reader):
            return None
        is_base = parent.type == "subscript_expression" and child(parent, "argument") == item
        if is_base != bool(declared.levels or declared.container):
            return None
        if is_base:
            found.setdefault(name, item)
    return found


def _is_plain(name: Name, reader: Reader) -> bool:
    """Whether a name is a number, or an array of numbers that are accessed by one index."""
    kind = reader.types.of_name(name)
    if kind is None or kind.struct or kind.scalar is Scalar.OTHER or kind.indirections > 1:
        return False
    words = set(text_of(name.declaration).replace("*", " ").split())
    if words & {"volatile", "static", "bool"} or (name.container and "bool" in name.base):
        return False
    if name.levels or name.container:
        return not (name.container and name.levels)
    # A global or a reference may be what a pointer of the loop points to.
    return not name.reference and (name.where != "global" or name.const)


def _changes(
    loop: CountedLoop, own: frozenset[str], function: Node, reader: Reader
) -> tuple[frozenset[str], dict[str, str], frozenset[str]] | None:
    """The arrays that a loop writes and the sums that it takes; None if it changes anything else."""
    written: set[str] = set()
    sums: dict[str, str] = {}
    fractions: set[str] = set()
    for node in descendants(loop.body, "assignment_expression", "update_expression"):
        target = child(node, "left") or child(node, "argument")
        if target is None or node.parent is None or node.parent.type != "expression_statement":
            return None
        value = child(node, "right")
        if value is not None and kind_of_value(value, reader) is None:
            return None
        if target.type == "subscript_expression":
            written.add(text_of(child(target, "argument")))
            continue
        name = text_of(target)
        if target.type != "identifier" or name == loop.variable:
            return None
        if name in own:
            continue
        operator = _SUMS.get(text_of(child(node, "operator")), "+" if value is None else "")
        if not operator or name in sums or not _is_private(name, target, function, reader):
            return None
        if sum(1 for _ in identifiers(loop.node, name)) != 1:
            return None
        sums[name] = operator
        added = Kind.INT if value is None else kind_of_value(value, reader)
        if reader.read(target).kind is not Kind.INT:
            fractions.add(name)
        elif added is not Kind.INT:
            return None  # an integer that takes up a fraction rounds each time
    return frozenset(written), sums, frozenset(fractions)


def _is_private(name: str, place: Node, function: Node, reader: Reader) -> bool:
    """Whether a variable can be changed under its own name only."""
    declared = lookup(name, place, reader.program)
    if declared is None or declared.where == "global" or declared.reference or declared.levels:
        return False
    return not has_alias(function, name) and all(use.kind != "escape" for use in uses(function, name))
