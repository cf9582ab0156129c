"""Statements that copy a stretch of one array to another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.polynomial import ONE, ZERO, Polynomial
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, text_of
from jouleline.core.syntax import field as child

from .accesses import NotUnderstoodError, Walk
from .analysis import arguments_of, callee
from .indices import interval
from .loops import statements
from .scope import Types, lookup

_MEMCPY = frozenset(("memcpy", "std::memcpy"))


@dataclass(frozen=True)
class Copy:
    """A statement that copies ``low`` to ``high`` of ``new`` to ``old``; ``start`` is its pragma's."""

    statement: Node
    start: int
    old: str
    new: str
    low: Polynomial
    high: Polynomial


def copies(body: Node, loop: Node, source: ParsedSource, program: ProgramFacts) -> Iterator[Copy]:
    """The statements right in the loop's body that copy one array to another."""
    listed = [item for item in body.named_children if item.type not in ("comment", "preproc_call")]
    for statement in reversed(listed):
        start = statement.start_byte
        before = statement.prev_named_sibling
        while before is not None and before.type == "preproc_call":
            start, before = before.start_byte, before.prev_named_sibling
        inner = statement.named_children
        call = inner[0] if statement.type == "expression_statement" and inner else None
        if (
            call is not None
            and call.type == "call_expression"
            and text_of(child(call, "function")) in _MEMCPY
        ):
            found = _memcpy(call, statement, loop, source, program)
        else:
            found = _loop_copy(statement, start, loop, source, program)
        if found is not None:
            yield found


def _loop_copy(
    statement: Node, start: int, loop: Node, source: ParsedSource, program: ProgramFacts
) -> Copy | None:
    """A nest of loops around ``old[i] = new[i]``, or a call of a function that is one."""
    inner = _innermost(statement)
    mapped: dict[str, str] = {}
    if inner is not None and inner.type == "call_expression":
        listed = [
            facts.functions[callee(inner)]
            for facts in program.files.values()
            if callee(inner) in facts.functions
        ]
        if len(listed) != 1 or listed[0].body is None:
            return None
        mapped = {
            parameter.name: text_of(argument)
            for parameter, argument in zip(listed[0].parameters, arguments_of(inner), strict=False)
        }
        parts = [item for item in statements(listed[0].body) if item.type != "preproc_call"]
        inner = _innermost(parts[0]) if len(parts) == 1 else None
    if inner is None or inner.type != "assignment_expression" or text_of(child(inner, "operator")) != "=":
        return None
    left, right = child(inner, "left"), child(inner, "right")
    if left is None or right is None or {left.type, right.type} != {"subscript_expression"}:
        return None
    names = [text_of(child(item, "argument")) for item in (left, right)]
    old, new = (mapped.get(name, name) if mapped else name for name in names)
    if old == new or not old.isidentifier() or not new.isidentifier():
        return None
    try:
        walk = Walk(source, program, loop, (old, new))
        walk.statement(statement, walk.names)
    except NotUnderstoodError:
        return None
    accesses = walk.accesses
    if (
        len(accesses) != 2
        or walk.others
        or {(item.array, item.write) for item in accesses} != {(old, True), (new, False)}
    ):
        return None
    one, two = accesses
    covered = interval(one.index, one.ranges)
    if one.index != two.index or one.conditional or covered is None:
        return None
    return Copy(statement, start, old, new, *covered)


def _innermost(statement: Node) -> Node | None:
    """The one expression that a nest of loops runs."""
    node: Node | None = statement
    while node is not None:
        if node.type == "for_statement":
            node = child(node, "body")
        elif node.type == "compound_statement":
            inner = [item for item in statements(node) if item.type != "preproc_call"]
            node = inner[0] if len(inner) == 1 else None
        elif node.type == "expression_statement":
            return node.named_children[0] if len(node.named_children) == 1 else None
        else:
            return None
    return None


def _memcpy(
    call: Node, statement: Node, loop: Node, source: ParsedSource, program: ProgramFacts
) -> Copy | None:
    arguments = arguments_of(call)
    if len(arguments) != 3:
        return None
    old, new = text_of(arguments[0]), text_of(arguments[1])
    if not old.isidentifier() or not new.isidentifier() or old == new:
        return None
    kind = Types(program).of_name(lookup(old, loop, program))
    if kind is None or kind.indirections != 1:
        return None
    walk = Walk(source, program, loop, ())
    factors = _factors(arguments[2])
    sizes = [item for item in factors if item.type == "sizeof_expression"]
    if len(sizes) != 1 or not _is_size_of(sizes[0], old, new, kind.element.bytes, program):
        return None
    count: Polynomial | None = ONE
    for item in factors:
        if item.id != sizes[0].id and count is not None:
            value = walk.value(item)
            count = count * value if value is not None else None
    if count is None:
        return None
    return Copy(statement, statement.start_byte, old, new, ZERO, count - 1)


def _factors(node: Node) -> list[Node]:
    if node.type == "parenthesized_expression" and len(node.named_children) == 1:
        return _factors(node.named_children[0])
    if node.type == "binary_expression" and text_of(child(node, "operator")) == "*":
        return [part for name in ("left", "right") if (item := child(node, name)) for part in _factors(item)]
    return [node]


def _is_size_of(node: Node, old: str, new: str, size: int, program: ProgramFacts) -> bool:
    inner = re.sub(r"\s+", "", text_of(node).removeprefix("sizeof")).strip("()")
    if inner in (f"*{old}", f"*{new}", f"{old}[0]", f"{new}[0]"):
        return True
    kind = Types(program).of_text(inner)
    return kind is not None and kind.bytes == size
