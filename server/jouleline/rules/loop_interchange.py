"""A sum whose innermost loop strides through an array: run the unit-stride loop innermost instead."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.declarations import function_of
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .accesses import Access, NotUnderstoodError, Walk
from .analysis import (
    has_branches,
    has_pragma,
    identifiers,
    indentation,
    is_dead,
    is_macro_body,
    is_pure,
    line_of,
    newline,
    regions,
)
from .loops import CountedLoop, counted_loop, statements
from .macros import is_spelled_out
from .memory import Memory
from .scope import Types, lookup, names_in

_LARGE = 8
"""A stride of so many elements or more touches another cache line every step or second step."""


@dataclass(frozen=True)
class _Nest:
    """``outer`` around ``inner`` around ``target += value``; ``scalar`` names a sum that is stored after."""

    outer: CountedLoop
    inner: CountedLoop
    target: Node
    operator: str
    value: Node
    start: Node | None = None
    scalar: str = ""


@dataclass(frozen=True)
class LoopInterchange:
    """Matrix multiplication as the textbook has it, and its like. Each element is still summed in order."""

    name: str = "loop-interchange"
    title: str = "Interchange loops so that the innermost walks along memory"
    rationale: str = (
        "A large stride in the innermost loop fetches a cache line for every element and keeps the compiler "
        "from using vectors. Loops over a sum are interchanged where the result shares no memory with what "
        "is read; every element is summed in the same order as before."
    )
    smell: str = (
        "The innermost loop jumps through memory and uses little of each cache line that it fetches: "
        "interchange the loops."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each nest of two serial loops."""
        found: list[Rewrite] = []
        end = 0
        for node in descendants(source.root, "for_statement"):
            if node.start_byte < end or is_dead(node) or is_macro_body(node):
                continue
            nest = _nest(node)
            if nest is None or not _is_free(node, source) or not _is_proved(nest, source, program):
                continue
            edits = _exchanged(nest, source) if nest.start is None else _split(nest, source)
            if edits:
                line = line_of(source, node.start_byte)
                found.append(Rewrite(self.name, line, self.title, self.rationale, edits))
                end = node.end_byte
        return found


def _nest(node: Node) -> _Nest | None:
    outer = counted_loop(node)
    if outer is None or not outer.declared:
        return None
    body = statements(outer.body)
    if len(body) == 1:
        inner = counted_loop(body[0])
        target = _accumulation(inner)
        if inner is None or target is None or target[0].type != "subscript_expression":
            return None
        return _Nest(outer, inner, *target)
    return _scalar_nest(outer, body) if len(body) == 3 else None


def _scalar_nest(outer: CountedLoop, body: list[Node]) -> _Nest | None:
    """``sum = 0; for (...) sum += ...; c[...] = sum;`` in a loop."""
    first, loop, last = body
    names = list(names_in(first, "local")) if first.type == "declaration" else []
    inner = counted_loop(loop)
    summed = _accumulation(inner)
    store = last.named_children[0] if last.type == "expression_statement" and last.named_children else None
    if len(names) != 1 or inner is None or summed is None or store is None:
        return None
    start, target = names[0].value, child(store, "left")
    if (
        start is None
        or start.type != "number_literal"
        or target is None
        or target.type != "subscript_expression"
    ):
        return None
    plain = store.type == "assignment_expression" and text_of(child(store, "operator")) == "="
    if not plain or text_of(child(store, "right")) != names[0].text or text_of(summed[0]) != names[0].text:
        return None
    if any(True for part in (summed[2], target) for _ in identifiers(part, names[0].text)):
        return None
    return _Nest(outer, inner, target, summed[1], summed[2], start, names[0].text)


def _accumulation(loop: CountedLoop | None) -> tuple[Node, str, Node] | None:
    if loop is None or not loop.declared:
        return None
    body = statements(loop.body)
    if len(body) != 1 or body[0].type != "expression_statement" or len(body[0].named_children) != 1:
        return None
    node = body[0].named_children[0]
    target, value, operator = child(node, "left"), child(node, "right"), text_of(child(node, "operator"))
    if (
        node.type != "assignment_expression"
        or operator not in ("+=", "-=")
        or target is None
        or value is None
    ):
        return None
    return (target, operator, value) if is_pure(value) else None


def _is_free(node: Node, source: ParsedSource) -> bool:
    """Whether no directive shares the loop among threads, and it runs on a host."""
    around = ancestor(node, "function_definition")
    function = function_of(around, source) if around is not None else None
    if function is None or function.node.has_error or has_branches(node):
        return False
    if {b"__global__", b"__device__"} & function.attributes:
        return False  # there, neighbours in memory belong to neighbouring threads
    if has_pragma(node):
        return False
    for region in regions(source):
        inside = region.statement.start_byte <= node.start_byte < region.statement.end_byte
        if inside and (
            region.directive.has("target") or region.directive.collapse > 1 or region.directive.has("simd")
        ):
            return False
        if node.start_byte < region.pragma.start_byte < node.end_byte:
            return False
    return True


def _is_proved(nest: _Nest, source: ParsedSource, program: ProgramFacts) -> bool:
    loop = nest.outer.node
    bases = _bases(nest)
    function = ancestor(loop, "function_definition")
    if bases is None or function is None or not is_spelled_out(function, program):
        return False
    target = child(nest.target, "argument")
    walk = Walk(source, program, loop, tuple({text_of(item) for item in bases}))
    try:
        walk.statement(loop, walk.names)
    except NotUnderstoodError:
        return False
    if walk.others or target is None:
        return False
    if nest.scalar and not _same_type(nest, target, program):
        return False
    symbols = ("%0", "%1")
    bounds = [item for access in walk.accesses for item in access.ranges]
    if any(set(symbols) & (item.low + item.high).symbols for item in bounds):
        return False
    name = text_of(target)
    memory = Memory(program)
    for base in bases:
        if text_of(base) != name and not memory.distinct(target, base):
            return False
    reads = [item for item in walk.accesses if item.array != name]
    writes = [item for item in walk.accesses if item.array == name]
    if any(item.conditional for item in walk.accesses) or not reads:
        return False
    if any(item.index != writes[0].index for item in writes) or len(writes) != (1 if nest.scalar else 2):
        return False
    if _stride(writes[0], "%0") != 1 or _stride(writes[0], "%1") != 0:
        return False
    strides = [_stride(item, "%0") for item in reads]
    return all(item in (0, 1) for item in strides) and any(_is_large(_stride(item, "%1")) for item in reads)


def _bases(nest: _Nest) -> list[Node] | None:
    """The arrays of a nest by name; None where one has no name."""
    found = []
    for part in (nest.target, nest.value):
        for item in descendants(part, "subscript_expression"):
            base = child(item, "argument")
            if base is None or base.type != "identifier":
                return None
            found.append(base)
    return found


def _stride(access: Access, symbol: str) -> float | None:
    """How many elements an index moves with a loop; None for a variable number, which counts as many."""
    return access.index.coefficient(symbol).number


def _is_large(stride: float | None) -> bool:
    return stride is None or abs(stride) >= _LARGE


def _same_type(nest: _Nest, target: Node, program: ProgramFacts) -> bool:
    types = Types(program)
    inside = nest.outer.body.named_children[-1]
    scalar = types.of_name(lookup(nest.scalar, inside, program))
    array = types.of_name(lookup(text_of(target), target, program))
    return scalar is not None and array is not None and array.indirections == 1 and array.element == scalar


# The edits


def _header(loop: CountedLoop) -> tuple[int, int]:
    """The stretch between the parentheses of a loop."""
    initializer, update = child(loop.node, "initializer"), child(loop.node, "update")
    assert initializer is not None
    assert update is not None
    return initializer.start_byte, update.end_byte


def _exchanged(nest: _Nest, source: ParsedSource) -> tuple[Edit, ...]:
    (a, b), (c, d) = _header(nest.outer), _header(nest.inner)
    data = source.text.data
    return (Edit(a, b, data[c:d]), Edit(c, d, data[a:b]))


def _split(nest: _Nest, source: ParsedSource) -> tuple[Edit, ...]:
    node = nest.outer.node
    block = node.parent
    if block is None or block.type != "compound_statement" or nest.start is None:
        return ()
    if any(True for _ in descendants(node, "comment")):
        return ()  # what it says would no longer be where it was said
    data, eol, indent = source.text.data, newline(source), indentation(source, node.start_byte)
    first = nest.outer.body.named_children[0]
    inner = indentation(source, first.start_byte)
    step = inner[len(indent) :] if inner.startswith(indent) and len(inner) > len(indent) else b"    "
    outer_header, inner_header = (data[a:b] for a, b in (_header(nest.outer), _header(nest.inner)))
    target, start, value = (source.code(item) for item in (nest.target, nest.start, nest.value))
    lines = [
        b"for (" + outer_header + b") {",
        indent + step + target + b" = " + start + b";",
        indent + b"}",
        indent + b"for (" + inner_header + b") {",
        indent + step + b"for (" + outer_header + b") {",
        indent + step * 2 + target + b" " + nest.operator.encode() + b" " + value + b";",
        indent + step + b"}",
        indent + b"}",
    ]
    return (Edit(node.start_byte, node.end_byte, eol.join(lines)),)
