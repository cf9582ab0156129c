"""A wait for the device in every iteration: wait once, after the loop."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.directives import PRAGMAS
from jouleline.core.evaluate import split_arguments
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    MATH,
    callee,
    definitions,
    has_branches,
    has_pragma,
    indentation,
    is_dead,
    is_macro_body,
    line_of,
    newline,
    remove_statement,
    sources_of,
)
from .macros import is_spelled_out

_LOOPS = ("for_statement", "while_statement", "do_statement")
_WAITS = frozenset(("cudaDeviceSynchronize", "hipDeviceSynchronize"))
_ORDERED = frozenset("cudaMemcpy hipMemcpy cudaMemset hipMemset".split())
"""Calls that take their turn after the launches before them, whether or not the host waited."""
_QUIET = MATH | _ORDERED | _WAITS | {f"{name}f" for name in MATH} | frozenset("min max abs dim3 swap".split())
_SHARED = re.compile(
    rb"Managed|__managed__|HostRegister|HostAlloc|MallocHost|HostMalloc|Stream|Async|Graph|Peer|std::thread|"
    rb"std::async|pthread|cooperative|\bcu[A-Z]\w*\("
)
"""Memory or work that host and device, or several threads, may use at once."""
_LEAVING = (
    "return_statement",
    "goto_statement",
    "throw_statement",
    "lambda_expression",
    "co_await_expression",
)
_STREAM = 3


@dataclass(frozen=True)
class LateSynchronisation:
    """``cudaDeviceSynchronize()`` after each launch of a loop becomes one after the loop."""

    name: str = "late-synchronisation"
    title: str = "Wait for the device once, after the loop"
    rationale: str = (
        "While the host waits for each kernel before it launches the next, the device idles for some "
        "microseconds between them and both burn power. Launches of one stream run in order by themselves: "
        "it is done where nothing in the loop but launches and copies depends on the device."
    )
    smell: str = (
        "The host waits for the device in every iteration, and the device idles until the next launch: wait "
        "once, after the loop."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each outermost loop."""
        if any(_SHARED.search(item.text.data) for item in sources_of(program)) or _prints(program):
            return []
        found: list[Rewrite] = []
        end = 0
        for loop in descendants(source.root, *_LOOPS):
            if loop.start_byte < end or not _is_understood(loop, program):
                continue
            waits = _waits(loop, source, program)
            if waits:
                edits = [remove_statement(source, statement) for statement in waits]
                if not _is_wait(loop.next_named_sibling):
                    line = newline(source) + indentation(source, loop.start_byte) + source.code(waits[0])
                    edits.append(Edit(loop.end_byte, loop.end_byte, line))
                at = line_of(source, waits[0].start_byte)
                found.append(Rewrite(self.name, at, self.title, self.rationale, tuple(edits)))
                end = loop.end_byte
        return found


def _prints(program: ProgramFacts) -> bool:
    """Whether a kernel prints: what it prints is shown, and its buffer emptied, when the host waits."""
    return any(
        {b"__global__", b"__device__"} & function.attributes
        and any(
            callee(call) in ("printf", "assert") for call in descendants(function.node, "call_expression")
        )
        for listed in definitions(program).values()
        for function in listed
    )


def _is_understood(loop: Node, program: ProgramFacts) -> bool:
    function = ancestor(loop, "function_definition")
    if function is None or function.has_error or not is_spelled_out(function, program):
        return False
    if loop.parent is None or loop.parent.type != "compound_statement":
        return False
    if is_dead(loop) or is_macro_body(loop) or has_branches(loop) or has_pragma(loop):
        return False
    return not any(True for _ in descendants(loop, *_LEAVING, *PRAGMAS))


def _waits(loop: Node, source: ParsedSource, program: ProgramFacts) -> list[Node]:
    """The statements of a loop that wait; none unless all else in it goes on without waiting."""
    known = definitions(program)
    statements, launches = [], 0
    for call in descendants(loop, "call_expression"):
        name = callee(call)
        if name.endswith((".data", ".size")):
            continue
        if name in _WAITS:
            statement = call.parent
            if statement is None or not _is_wait(statement) or statement.parent is None:
                return []
            if statement.parent.type != "compound_statement":
                return []
            statements.append(statement)
            continue
        own = known.get(name, ())
        if not own and name in _QUIET and name not in program.function_macros:
            continue
        if len(own) != 1 or b"__global__" not in own[0].attributes or not _is_in_order(call, source):
            return []
        launches += 1
    return statements if launches else []


def _is_wait(node: Node | None) -> bool:
    """Whether a statement waits for the device and drops the answer."""
    if node is None or node.type != "expression_statement" or len(node.named_children) != 1:
        return False
    call = node.named_children[0]
    return call.type == "call_expression" and text_of(child(call, "function")) in _WAITS


def _is_in_order(call: Node, source: ParsedSource) -> bool:
    """Whether a launch is one of the default stream."""
    inside = source.masked.within(call.start_byte, call.end_byte)
    found = [item for item in inside if item.kind == "launch"]
    return len(found) == 1 and len(split_arguments(found[0].text.decode("utf-8", "replace"))) <= _STREAM
