"""Kernels whose arrays never overlap: say so, so that loads need not wait for stores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.declarations import Declared, Function, function_of
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of

from .analysis import (
    Use,
    callee,
    definitions,
    has_branches,
    identifiers,
    is_dead,
    is_macro_body,
    line_of,
    uses,
)
from .macros import is_spelled_out
from .memory import Memory, is_restrict
from .scope import Name, Types, lookup
from .transfers import kernel_reads_only

_DEPTH = 6


@dataclass(frozen=True)
class RestrictPointers:
    """Pointer parameters of a kernel become ``__restrict__``, and ``const`` where only read."""

    name: str = "restrict-pointers"
    title: str = "Tell the compiler that a kernel's arrays do not overlap"
    rationale: str = (
        "A load that may see an earlier store cannot be moved ahead of it, kept in a register or served by "
        "the read-only cache, so the same data may travel more than once. It is done where every launch of "
        "the kernel passes different arrays for all that it writes, and the kernel reaches no other memory."
    )
    smell: str = (
        "The compiler has to assume that these arrays overlap, and may have to load again what it has "
        "already: say that they do not."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each kernel."""
        found: list[Rewrite] = []
        for node in descendants(source.root, "function_definition"):
            kernel = function_of(node, source)
            if kernel is None or b"__global__" not in kernel.attributes:
                continue
            pointers = _pointers(kernel, program)
            if pointers and _is_alone(kernel, program) and _are_apart(kernel, pointers, program):
                edits = tuple(sorted(_edits(kernel, pointers)))
                if edits:
                    line = line_of(source, node.start_byte)
                    found.append(Rewrite(self.name, line, self.title, self.rationale, edits))
        return found


def _pointers(kernel: Function, program: ProgramFacts) -> list[tuple[int, Declared, Name]]:
    """The pointer parameters with their positions; none unless all other parameters are numbers."""
    node, body = kernel.node, kernel.body
    if body is None or node.has_error or is_dead(node) or is_macro_body(node) or has_branches(node):
        return []
    if kernel.template_parameters or not is_spelled_out(node, program):
        return []
    types = Types(program)
    found = []
    for position, parameter in enumerate(kernel.parameters):
        declared = lookup(parameter.name, body, program)
        kind = types.of_name(declared)
        if declared is None or declared.where != "parameter" or declared.reference or kind is None:
            return []
        if declared.array or kind.indirections > 1 or (kind.struct and _holds_pointers(kind.struct, program)):
            return []
        if kind.is_pointer:
            if any(use.subscript is None and _moves(use) for use in uses(body, parameter.name)):
                return []
            found.append((position, parameter, declared))
    return found if len(found) > 1 else []


def _holds_pointers(struct: str, program: ProgramFacts) -> bool:
    members = program.structs.get(struct)
    types = Types(program)
    if members is None:
        return False  # a vector type of the language
    kinds = [types.of_text(text.rstrip("*")) if "*" not in text else None for text in members.values()]
    return any(kind is None or bool(kind.struct) for kind in kinds)


def _moves(use: Use) -> bool:
    """Whether a use of a pointer itself may make it point elsewhere than into its own array."""
    parent = use.node.parent
    return use.kind in ("escape", "write") or parent is None


def _is_alone(kernel: Function, program: ProgramFacts) -> bool:
    """Whether a kernel is defined once, and reaches memory by its parameters only."""
    if len(definitions(program).get(kernel.name, ())) != 1:
        return False
    calls = len(program.calls.get(kernel.name, ()))
    mentions = sum(1 for facts in program.files.values() for _ in identifiers(facts.source.root, kernel.name))
    return 0 < calls == mentions - 1 and not _uses_globals(kernel, program, 0)


def _uses_globals(function: Function, program: ProgramFacts, depth: int) -> bool:
    """Whether a function or one that it calls may touch memory that it is not given."""
    if function.body is None or depth > _DEPTH:
        return True
    for item in descendants(function.body, "identifier"):
        declared = program.variables.get(text_of(item))
        if declared is None or declared.constant or declared.space in ("constant", "shared"):
            continue
        local = lookup(text_of(item), item, program)
        if local is None or local.where == "global":
            return True
    for call in descendants(function.body, "call_expression"):
        for other in definitions(program).get(callee(call), ()):
            if other.node.id != function.node.id and _uses_globals(other, program, depth + 1):
                return True
    return False


def _are_apart(kernel: Function, pointers: list[tuple[int, Declared, Name]], program: ProgramFacts) -> bool:
    """Whether no launch passes the same memory twice where the kernel writes it."""
    memory = Memory(program)
    read = {position for position, _, _ in pointers if kernel_reads_only(kernel, position)}
    if len(read) == len(pointers):
        return False  # nothing is written by a pointer: what is there may be somebody else's
    for (one, left, _), (two, right, _) in combinations(pointers, 2):
        places = [_identifier(item) for item in (left, right)]
        if {one, two} <= read:
            continue
        if places[0] is None or places[1] is None or not memory.distinct(places[0], places[1]):
            return False
    return True


def _identifier(parameter: Declared) -> Node | None:
    return next((item for item in descendants(parameter.node, "identifier")), None)


def _edits(kernel: Function, pointers: list[tuple[int, Declared, Name]]) -> list[Edit]:
    edits = []
    for position, parameter, declared in pointers:
        place = _identifier(parameter)
        if place is None:
            return []
        if not is_restrict(declared, kernel.source):
            edits.append(Edit(place.start_byte, place.start_byte, b"__restrict__ "))
        if not declared.const and kernel_reads_only(kernel, position) and _is_only_indexed(kernel, parameter):
            holder = ancestor(place, "parameter_declaration", "optional_parameter_declaration")
            if holder is not None:
                edits.append(Edit(holder.start_byte, holder.start_byte, b"const "))
    return edits


def _is_only_indexed(kernel: Function, parameter: Declared) -> bool:
    assert kernel.body is not None
    return all(use.kind == "read" and use.subscript is not None for use in uses(kernel.body, parameter.name))
