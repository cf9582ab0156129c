"""Data that does not change, sent to the device in every iteration: send it once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.declarations import Function
from jouleline.core.directives import PRAGMAS, Clause
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    HARMLESS,
    Region,
    arguments_of,
    callee,
    definitions,
    has_branches,
    has_pragma,
    indentation,
    is_dead,
    is_macro_body,
    line_of,
    newline,
    pragmas,
    regions,
    remove_statement,
    root_name,
    uses,
    written_names,
)
from .macros import is_spelled_out
from .memory import Memory
from .scope import lookup
from .transfers import QUIET, is_scratch, kernel_reads_only, passed_at

_LOOPS = ("for_statement", "while_statement", "do_statement")
_COPIES = {"cudaMemcpy": "cudaMemcpyHostToDevice", "hipMemcpy": "hipMemcpyHostToDevice"}
_OTHER_COPIES = frozenset(("cudaMemcpy", "hipMemcpy", "cudaMemset", "hipMemset"))
_SECTION = re.compile(r"[A-Za-z_]\w*(?:\s*\[[^\[\]]*\])?")
_WORD = re.compile(r"[A-Za-z_]\w*")
_SHARED_MEMORY = re.compile(rb"Managed|HostRegister|HostAlloc|\bStream\w*Create|MemcpyAsync")


@dataclass(frozen=True)
class HoistTransfers:
    """A copy to the device, or the map of a target region, moves out of a loop."""

    name: str = "hoist-transfers"
    title: str = "Send unchanged data to the device once, before the loop"
    rationale: str = (
        "A transfer over PCIe costs more time and energy than most kernels that use it. It is moved where "
        "the loop changes neither what is sent on the host nor what was received on the device."
    )
    smell: str = "The same data travels to the device in every iteration: send it once, before the loop."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each loop."""
        found: list[Rewrite] = []
        end = 0
        for loop in descendants(source.root, *_LOOPS):
            body, function = child(loop, "body"), ancestor(loop, "function_definition")
            if loop.start_byte < end or function is None or function.has_error or body is None:
                continue
            if (
                loop.parent is None
                or loop.parent.type != "compound_statement"
                or body.type != "compound_statement"
            ):
                continue
            if is_dead(loop) or is_macro_body(loop) or has_branches(loop) or has_pragma(loop):
                continue
            if not is_spelled_out(function, program):
                continue
            moved = _copies(loop, body, source, program) or _maps(loop, source, program)
            if moved is not None:
                place, edits = moved
                line = line_of(source, place)
                found.append(Rewrite(self.name, line, self.title, self.rationale, edits))
                end = loop.end_byte
        return found


_Moved: TypeAlias = tuple[int, tuple[Edit, ...]]
"""The offset of what is moved, and the edits."""


# CUDA and HIP


def _copies(loop: Node, body: Node, source: ParsedSource, program: ProgramFacts) -> _Moved | None:
    copies = [
        (statement, call) for statement in body.named_children if (call := _copy(statement)) is not None
    ]
    if not copies or _SHARED_MEMORY.search(source.text.data):
        return None  # the host may rely on the copy to wait for the device
    known = definitions(program)
    kernels = {name: listed[0] for name, listed in known.items() if len(listed) == 1 and listed[0].is_kernel}
    moved = [(statement, call) for statement, call in copies if _is_fixed_copy(call, loop, kernels, program)]
    if not moved:
        return None
    eol, indent = newline(source), indentation(source, loop.start_byte)
    before = b"".join(source.code(statement) + eol + indent for statement, _ in moved)
    edits = [Edit(loop.start_byte, loop.start_byte, before)]
    edits += [remove_statement(source, statement) for statement, _ in moved]
    return moved[0][0].start_byte, tuple(edits)


def _copy(statement: Node) -> Node | None:
    """The call of a statement that copies from host to device, and does nothing else."""
    if statement.type != "expression_statement" or len(statement.named_children) != 1:
        return None
    call: Node | None = statement.named_children[0]
    if call is not None and call.type == "cast_expression" and text_of(child(call, "type")) == "void":
        call = child(call, "value")
    if call is None or call.type != "call_expression" or callee(call) not in _COPIES:
        return None
    arguments = arguments_of(call)
    return call if len(arguments) == 4 and text_of(arguments[3]) == _COPIES[callee(call)] else None


def _is_fixed_copy(call: Node, loop: Node, kernels: dict[str, Function], program: ProgramFacts) -> bool:
    """Whether every iteration copies the same, and nothing in the loop undoes it."""
    to, what, size, _ = arguments_of(call)
    base = _host_base(what)
    device = lookup(text_of(to), loop, program) if to.type == "identifier" else None
    if base is None or device is None or not is_scratch(device, loop):
        return False
    changed = written_names(loop)
    named = {text_of(item) for part in (to, what, size) for item in descendants(part, "identifier")}
    if named & changed or any(callee(item) not in ("data", "size") for item in _calls(size)):
        return False
    if any(lookup(name, loop, program) is None for name in named - program.macros.keys() - {"std"}):
        return False
    if any(True for _ in descendants(loop, "lambda_expression")):
        return False
    if any(use.node.start_byte < call.start_byte for use in uses(loop, text_of(to))):
        return False  # the first iteration would see the data too early
    host = text_of(base)
    # Only reading it by index is certain to leave it alone.
    for use in uses(loop, host):
        inside = call.start_byte <= use.node.start_byte < call.end_byte
        if not inside and (use.kind != "read" or use.subscript is None):
            return False
    memory = Memory(program)
    return _leaves_device(call, to, loop, kernels, memory) and _leaves_host(base, loop, program, memory)


def _calls(node: Node) -> list[Node]:
    return list(descendants(node, "call_expression"))


def _host_base(what: Node) -> Node | None:
    """The host array that is sent, if it is named: ``x`` or ``x.data()``."""
    if what.type == "call_expression" and callee_is_data(what):
        function = child(what, "function")
        what = child(function, "argument") or what if function is not None else what
    return what if what.type == "identifier" else None


def callee_is_data(call: Node) -> bool:
    """Whether a call is ``x.data()``."""
    function = child(call, "function")
    return (
        function is not None
        and function.type == "field_expression"
        and text_of(child(function, "field")) == "data"
    )


def _leaves_device(copy: Node, to: Node, loop: Node, kernels: dict[str, Function], memory: Memory) -> bool:
    """Whether no call in the loop can write what the copy wrote."""
    name = text_of(to)
    for call in _calls(loop):
        label = callee(call).rsplit(".", maxsplit=1)[-1]
        if call.id == copy.id or call.type != "call_expression":
            continue
        if label in kernels:
            if not all(kernel_reads_only(kernels[label], index) for index in passed_at(call, name)):
                return False
            if not _others_apart(call, name, to, kernels[label], memory):
                return False
        elif label in _OTHER_COPIES:
            target = arguments_of(call)[0] if arguments_of(call) else None
            if target is None or passed_at(call, name)[:1] == [0] or not _apart_from(target, to, memory):
                return False
        elif label not in QUIET or passed_at(call, name):
            return False
    return all(
        any(item.start_byte <= use.node.start_byte < item.end_byte for item in _calls(loop))
        for use in uses(loop, name)
    )


def _others_apart(call: Node, name: str, to: Node, kernel: Function, memory: Memory) -> bool:
    """Whether the other pointers that a kernel may write through point elsewhere."""
    for index, argument in enumerate(arguments_of(call)):
        if kernel_reads_only(kernel, index) or index in passed_at(call, name):
            continue
        if not _apart_from(argument, to, memory):
            return False
    return True


def _apart_from(argument: Node, to: Node, memory: Memory) -> bool:
    root = root_name(argument)
    place = next((item for item in descendants(argument, "identifier") if text_of(item) == root), None)
    host = argument.type == "call_expression" and callee_is_data(argument)
    return host or (place is not None and memory.distinct(place, to))


def _leaves_host(base: Node, loop: Node, program: ProgramFacts, memory: Memory) -> bool:
    """Whether no write on the host in the loop can reach the array that is sent."""
    declared = lookup(text_of(base), loop, program)
    if declared is None or declared.where == "global":
        return False
    changed = (lookup(name, loop, program) for name in written_names(loop))
    if any(name is not None and name.reference for name in changed):
        return False
    for node in descendants(loop, "subscript_expression", "pointer_expression", "field_expression"):
        root = root_name(node)
        parent = node.parent
        if parent is None or parent.type not in ("assignment_expression", "update_expression"):
            continue
        if (child(parent, "left") or child(parent, "argument")) != node:
            continue
        place = next((item for item in descendants(node, "identifier") if text_of(item) == root), None)
        if place is None or not memory.distinct(place, base):
            return False
    for call in _calls(loop):
        if callee(call) in ("cudaMemcpy", "hipMemcpy") and _copy_back(call):
            target = arguments_of(call)[0]
            place = _host_base(target)
            if place is None or not memory.distinct(place, base):
                return False
    return True


def _copy_back(call: Node) -> bool:
    arguments = arguments_of(call)
    return len(arguments) == 4 and not text_of(arguments[3]).endswith(("HostToDevice", "DeviceToDevice"))


# OpenMP


def _maps(loop: Node, source: ParsedSource, program: ProgramFacts) -> _Moved | None:
    inside = [item for item in regions(source) if loop.start_byte < item.pragma.start_byte < loop.end_byte]
    targets = [item for item in inside if item.directive.has("target")]
    if not targets or any(
        set(item.directive.words) & {"data", "update", "enter", "exit"} for item in targets
    ):
        return None
    if any(item.directive.clause(name) for item in targets for name in ("nowait", "depend", "device", "if")):
        return None
    for directive, node in pragmas(source):
        following = node.next_named_sibling
        while following is not None and following.type in ("comment", *PRAGMAS):
            following = following.next_named_sibling
        around = following is not None and following.start_byte <= loop.start_byte < following.end_byte
        if around or (directive.has("target") and {"enter", "exit", "update"} & set(directive.words)):
            return None
    if not _host_is_idle(loop, targets):
        return None
    sections = _sections(loop, targets, program)
    if not sections:
        return None
    first = targets[0].pragma
    eol, indent = newline(source), indentation(source, loop.start_byte)
    clauses = " ".join(f"map({kind} : {', '.join(listed)})" for kind, listed in sections.items() if listed)
    pragma = f"#pragma omp target data {clauses}".encode()
    if first.start_point.column == 0:
        start = loop.start_byte - loop.start_point.column
        if source.text.data[start : loop.start_byte].strip():
            return None
        return first.start_byte, (Edit(start, start, pragma + eol),)
    return first.start_byte, (Edit(loop.start_byte, loop.start_byte, pragma + eol + indent),)


def _host_is_idle(loop: Node, targets: list[Region]) -> bool:
    """Whether the host itself changes no array in the loop, and calls nothing that might."""
    spans = [(item.pragma.start_byte, item.statement.end_byte) for item in targets]
    kinds = "call_expression assignment_expression update_expression lambda_expression pointer_expression"
    for node in descendants(loop, *kinds.split(), "new_expression", "delete_expression", "return_statement"):
        if any(start <= node.start_byte < end for start, end in spans):
            continue
        if node.type == "call_expression":
            if callee(node) not in HARMLESS:
                return False
        elif node.type in ("assignment_expression", "update_expression"):
            target = child(node, "left") or child(node, "argument")
            if target is None or target.type != "identifier":
                return False
        else:
            return False
    return True


def _sections(loop: Node, targets: list[Region], program: ProgramFacts) -> dict[str, list[str]]:
    """The array sections that may stay on the device over the whole loop, by kind of map."""
    seen: dict[str, tuple[str, str]] = {}
    refused: set[str] = set()
    for region in targets:
        for clause in region.directive.clauses:
            if clause.name != "map":
                refused |= set(_WORD.findall(clause.argument)) if clause.name != "reduction" else set()
                continue
            for kind, section in _items(clause):
                name = _WORD.findall(section)[0]
                if seen.setdefault(name, (kind, section)) != (kind, section) or "[" not in section:
                    refused.add(name)
    changed = written_names(loop)
    kept: dict[str, list[str]] = {"to": [], "tofrom": []}
    for name, (kind, section) in seen.items():
        if name in refused or kind not in kept or set(_WORD.findall(section)) & changed - {name}:
            continue
        declared = lookup(name, loop, program)
        if declared is None or declared.levels != 1 or declared.reference:
            continue
        names = set(_WORD.findall(section)) - {name} - program.macros.keys()
        if any(lookup(item, loop, program) is None for item in names) or not _stays(
            name, kind, loop, targets
        ):
            continue
        if not _is_apart(name, loop, program):
            continue
        kept[kind].append(section)
    # Only what is sent for nothing is worth a region; the rest then comes along.
    return kept if kept["to"] else {}


def _is_apart(name: str, loop: Node, program: ProgramFacts) -> bool:
    """Whether an array shares no memory with any other that is written in the loop, if it is written."""
    places = {text_of(node): node for node in descendants(loop, "identifier")}
    memory = Memory(program)
    for node in descendants(loop, "subscript_expression"):
        other = root_name(node)
        if other is None:
            return False
        written = any(use.kind != "read" for item in (other, name) for use in uses(loop, item))
        if other != name and written and not memory.distinct(places[name], places[other]):
            return False
    return True


def _items(clause: Clause) -> list[tuple[str, str]]:
    """The kind and the sections of a map clause; no items where it is written in another way."""
    kind, colon, listed = clause.argument.partition(":")
    kind = kind.strip()
    if not colon or kind not in ("to", "from", "tofrom", "alloc"):
        return [("?", item) for item in _WORD.findall(clause.argument)]
    sections = [" ".join(item.group().split()) for item in _SECTION.finditer(listed)]
    return [(kind, item) for item in sections]


def _stays(name: str, kind: str, loop: Node, targets: list[Region]) -> bool:
    """Whether one transfer does: the device only reads it, or the host does not touch it in between."""
    spans = [(item.statement.start_byte, item.statement.end_byte) for item in targets]
    for use in uses(loop, name):
        on_device = any(start <= use.node.start_byte < end for start, end in spans)
        if use.subscript is None or use.kind == "escape":
            return False
        if kind == "to" and use.kind != "read":
            return False
        if kind == "tofrom" and not on_device:
            return False
    return True
