"""Launches and kernels whose result does not depend on how many threads a block has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.blanked import Blanked
from jouleline.core.declarations import Function
from jouleline.core.evaluate import split_arguments
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    HARMLESS,
    arguments_of,
    callee,
    declares,
    definitions,
    has_branches,
    identifiers,
    is_pure,
    uses,
)
from .loops import statements
from .macros import is_spelled_out

_SPACE = re.compile(r"\s+")
_PLAIN = re.compile(r"[\w+*\-()]+")
_EFFECT = re.compile(r"\w\(|\+\+|--")
_SHAPES = frozenset("dim3 int unsigned size_t long uint32_t".split())
_BUILT_IN = frozenset("threadIdx blockIdx blockDim gridDim warpSize".split())
_MEMORY = ("subscript_expression", "pointer_expression", "field_expression", "call_expression")


@dataclass(frozen=True)
class Launch:
    """A launch in one dimension: ``kernel<<<grid, block>>>(arguments)``, texts without blanks."""

    call: Node
    item: Blanked
    grid: str
    block: str
    arguments: tuple[str, ...]

    @property
    def kernel(self) -> str:
        """The kernel's name."""
        return callee(self.call)


def squeezed(text: str) -> str:
    """A text without blanks."""
    return _SPACE.sub("", text)


def launches(source: ParsedSource) -> Iterator[Launch]:
    """The launches of a file that give a grid and a block, and neither shared memory nor a stream."""
    calls = {
        name.end_byte: call
        for call in descendants(source.root, "call_expression")
        if (name := child(call, "function")) is not None
    }
    for item in source.masked.blanked:
        if item.kind != "launch":
            continue
        before = len(source.text.data[: item.start].rstrip())
        call = calls.get(before)
        parts = [squeezed(part) for part in split_arguments(item.text.decode("utf-8", "replace"))]
        if call is not None and len(parts) == 2:
            arguments = tuple(squeezed(text_of(one)) for one in arguments_of(call))
            yield Launch(call, item, parts[0], parts[1], arguments)


def one_dimension(text: str) -> str:
    """The size in x of ``dim3(x)``, ``dim3(x, 1, 1)`` or a plain number; empty for more dimensions."""
    inner = text[5:-1] if text.startswith("dim3(") and text.endswith(")") else text
    parts = split_arguments(inner)
    return parts[0] if parts and all(part == "1" for part in parts[1:]) else ""


def declared_shape(name: str, place: Node) -> Node | None:
    """What a local variable of dim3 or a whole number is declared with, if that is its only mention."""
    function = ancestor(place, "function_definition")
    if function is None or sum(1 for _ in identifiers(function, name)) != 1:
        return None
    (mention,) = identifiers(function, name)
    declarator = mention.parent
    declaration = ancestor(mention, "declaration", "compound_statement")
    if declarator is None or declaration is None or declaration.end_byte > place.start_byte:
        return None
    block = declaration.parent
    reaches = block is not None and block.start_byte <= place.start_byte < block.end_byte
    words = set(text_of(child(declaration, "type")).split())
    if (
        declaration.type != "declaration"
        or not reaches
        or not words <= _SHAPES
        or not _owns(declarator, mention)
    ):
        return None
    return child(declarator, "value") or child(declarator, "parameters")


def _owns(declarator: Node, mention: Node) -> bool:
    named = child(declarator, "declarator")
    return named is not None and named.id == mention.id


def covered(grid: str, size: str) -> str | None:
    """What a grid covers in blocks of ``size``: ``n`` for ``(n+256-1)/256``; None for other forms."""
    less = str(int(size) - 1) if size.isdigit() else f"{size}-1"
    one = re.escape(size)
    found = re.fullmatch(rf"\((?P<n>.+)\+(?:{re.escape(less)}|{one}-1|\({one}-1\))\)/{one}", grid)
    found = found or re.fullmatch(rf"\({one}\+(?P<n>.+)-1\)/{one}", grid)
    if found is None or not _PLAIN.fullmatch(found["n"]) or re.search(rf"\b{one}\b", found["n"]):
        return None
    return None if _EFFECT.search(found["n"]) else found["n"]


def guarded_parameter(kernel: Function, size: str, program: ProgramFacts) -> str | None:
    """The parameter ``n`` of a kernel that does ``if (i < n)`` with its thread's number, and no more.

    Such a kernel does the same whatever its blocks are, if there is a thread for each number below n.
    """
    body = kernel.body
    if body is None or kernel.template_parameters or kernel.node.has_error or has_branches(kernel.node):
        return None
    if len(definitions(program).get(kernel.name, ())) != 1 or not is_spelled_out(kernel.node, program):
        return None
    if not _is_blind(kernel, program, 0) or any(True for _ in descendants(body, "lambda_expression")):
        return None
    steps = statements(body)
    index, seen = "", 0
    for position, statement in enumerate(steps):
        if statement.type == "declaration":
            if not index and (index := _thread_number(statement, size)):
                seen = mentions(statement)
                continue
            if any(True for _ in descendants(statement, *_MEMORY)) or not is_pure(statement):
                return None
            continue
        if not index or statement.type != "if_statement" or seen != mentions(body):
            return None
        last = position == len(steps) - 1
        limit = _limit(statement, index, last=last)
        fixed = {use.kind for name in (index, limit or index) for use in uses(body, name)} <= {"read"}
        known = any(parameter.name == limit for parameter in kernel.parameters)
        return limit if limit and fixed and known and not declares(body, limit) else None
    return None


def mentions(node: Node) -> int:
    """How often code names the built-in variables of a launch."""
    return sum(1 for item in descendants(node, "identifier") if text_of(item) in _BUILT_IN)


def _thread_number(declaration: Node, size: str) -> str:
    """The variable that a declaration sets to the number of the thread in the grid; else empty."""
    declarator = child(declaration, "declarator")
    value = squeezed(text_of(child(declarator, "value"))) if declarator is not None else ""
    width = rf"(?:blockDim\.x|{re.escape(size)})"
    start = rf"(?:blockIdx\.x\*{width}|{width}\*blockIdx\.x|\(blockIdx\.x\*{width}\))"
    if not re.fullmatch(rf"{start}\+threadIdx\.x|threadIdx\.x\+{start}", value):
        return ""
    words = set(text_of(child(declaration, "type")).split())
    name = text_of(child(declarator, "declarator")) if declarator is not None else ""
    return name if words <= {"int", "unsigned", "long", "size_t", "uint32_t"} and name.isidentifier() else ""


def _limit(statement: Node, index: str, *, last: bool) -> str | None:
    """The ``n`` of ``if (i < n) {...}`` at the end, or of ``if (i >= n) return;``."""
    clause = child(statement, "condition")
    condition = child(clause, "value") if clause is not None else None
    while condition is not None and text_of(child(condition, "operator")) == "&&" and last:
        condition = child(condition, "left")  # what comes after is not evaluated beyond the limit
    if condition is None or child(statement, "alternative") is not None:
        return None
    text = squeezed(text_of(condition))
    inside = re.fullmatch(rf"{index}<(\w+)|(\w+)>{index}", text)
    if inside is not None and last:
        return inside[1] or inside[2]
    outside = re.fullmatch(rf"{index}>=(\w+)|(\w+)<={index}", text)
    then = child(statement, "consequence")
    leaves = then is not None and [item.type for item in statements(then)] == ["return_statement"]
    return (outside[1] or outside[2]) if outside is not None and leaves else None


def _is_blind(function: Function, program: ProgramFacts, depth: int) -> bool:
    """Whether a function's threads work alone: no barrier, no shared memory, no exchange in a warp."""
    before = function.node.prev_named_sibling
    blanked = function.source.masked.within(
        before.end_byte if before is not None else 0, function.node.end_byte
    )
    if any(item.kind != "attribute" or item.text == b"__shared__" for item in blanked):
        return False
    if depth and mentions(function.node):
        return False
    for call in descendants(function.node, "call_expression"):
        name = callee(call)
        own = definitions(program).get(name, ())
        if own:
            if depth > 3 or not all(_is_blind(one, program, depth + 1) for one in own):
                return False
        elif name not in HARMLESS and not name.startswith("atomic"):
            return False
    return not any(True for _ in descendants(function.node, "gnu_asm_expression"))
