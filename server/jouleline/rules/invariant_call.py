"""Math functions of arguments that do not change in a loop: call them once, before the loop."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    MATH,
    FreshNames,
    arguments_of,
    callee,
    indentation,
    is_dead,
    is_macro_body,
    is_sound,
    kernel_code,
    line_of,
    newline,
    sources_of,
)
from .hoisting import can_precede, is_fixed, outermost_loop, start_of
from .macros import opaque_macros
from .precision import Kind, Reader
from .scope import Name, lookup

_CHEAP = frozenset("fabs floor ceil round trunc rint nearbyint fmin fmax fdim copysign fma".split())
_COSTLY = MATH - _CHEAP
_SIDE_EFFECT = re.compile(rb"\berrno\b|\bfenv\b|\bfetestexcept\b|\bmath_errhandling\b")
_PARTS = frozenset(
    "call_expression identifier number_literal binary_expression unary_expression parenthesized_expression "
    "argument_list qualified_identifier namespace_identifier comment".split()
)


@dataclass(frozen=True)
class InvariantCall:
    """``exp(-a * dt)`` in a loop becomes a variable that is set before the loop."""

    name: str = "invariant-call"
    title: str = "Call a math function of unchanging arguments once, before the loop"
    rationale: str = (
        "exp, log, pow, sin and their like cost tens of instructions each time, and a compiler may not move "
        "them on the host, because they may set errno. It is done where all arguments are numbers and local "
        "variables or parameters that are never changed."
    )
    smell: str = (
        "This math function gets the same arguments in every iteration: call it once, before the loop."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each outermost loop."""
        regions = kernel_code(source, program)
        if not regions or any(_SIDE_EFFECT.search(item.text.data) for item in sources_of(program)):
            return []
        reader = Reader(source, program)
        found: dict[int, tuple[Node, list[Node]]] = {}
        for region in regions:
            end = 0
            for call in descendants(region, "call_expression"):
                if call.start_byte < end or is_dead(call) or is_macro_body(call) or not is_sound(call):
                    continue
                loop = _loop(call, reader)
                if loop is not None:
                    found.setdefault(loop.start_byte, (loop, []))[1].append(call)
                    end = call.end_byte
        fresh = FreshNames()
        return [self._rewrite(loop, calls, source, fresh) for _, (loop, calls) in sorted(found.items())]

    def _rewrite(self, loop: Node, calls: list[Node], source: ParsedSource, fresh: FreshNames) -> Rewrite:
        eol, indent = newline(source), indentation(source, loop.start_byte)
        names: dict[bytes, bytes] = {}
        edits: list[Edit] = []
        for call in calls:
            text = b" ".join(source.code(call).split())
            if text not in names:
                names[text] = fresh.take(f"invariant_{callee(call)}", loop).encode()
            edits.append(Edit(call.start_byte, call.end_byte, names[text]))
        start = start_of(loop)
        # The type is the call's own, whichever overload the headers make it mean.
        lines = [indent + b"const auto " + name + b" = " + text + b";" + eol for text, name in names.items()]
        edits.append(Edit(start, start, b"".join(lines)))
        line = line_of(source, calls[0].start_byte)
        return Rewrite(self.name, line, self.title, self.rationale, tuple(sorted(edits)))


def _loop(call: Node, reader: Reader) -> Node | None:
    """The loop before which a call may be made; None if it has to stay."""
    if not _is_math(call, reader) or callee(call).removesuffix("f") not in _COSTLY:
        return None
    names = _variables(call, reader)
    if not names or reader.read(call).kind is Kind.HARD:
        return None
    loop = outermost_loop(call, names)
    return loop if loop is not None and can_precede(loop, names, reader.source) else None


def _is_math(call: Node, reader: Reader) -> bool:
    """Whether a call certainly means a function of the C library's mathematics."""
    name = callee(call)
    known = name in MATH or name.removesuffix("f") in MATH
    plain = text_of(child(call, "function")) in (name, f"std::{name}")
    return known and plain and name not in reader.own and lookup(name, call, reader.program) is None


def _variables(call: Node, reader: Reader) -> list[Name]:
    """The variables that a call is computed from; empty if there is none, or one may change."""
    found: list[Name] = []
    if any(item.type not in _PARTS for argument in arguments_of(call) for item in _below(argument)):
        return []
    if not all(_is_math(item, reader) for item in descendants(call, "call_expression")):
        return []
    functions = {child(item, "function") for item in descendants(call, "call_expression")}
    inside = {item.id for node in functions if node is not None for item in descendants(node, "identifier")}
    for item in descendants(call, "identifier"):
        name = text_of(item)
        if item.id in inside:
            continue
        if name in reader.program.macros:
            if name in opaque_macros(reader.program):
                return []
            continue
        declared = lookup(name, item, reader.program)
        if declared is None or not is_fixed(declared, reader.program):
            return []
        if reader.types.of_name(declared) is None:
            return []
        found.append(declared)
    return found


def _below(node: Node) -> list[Node]:
    found, waiting = [], [node]
    while waiting:
        item = waiting.pop()
        found.append(item)
        waiting += item.named_children
    return found
