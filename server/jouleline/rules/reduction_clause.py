"""Threads that take turns at one variable: let each sum for itself, with a reduction clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.ctype import CType, Scalar
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    HARMLESS,
    Region,
    callee,
    declares,
    end_of_clauses,
    has_branches,
    identifiers,
    is_macro_body,
    is_pure,
    line_of,
    pragmas,
    regions,
    remove_lines,
    uses,
    written_names,
)
from .loops import same_text, statements
from .macros import is_spelled_out
from .precision import Kind, Reader
from .scope import lookup
from .values import kind_of_value

_COMBINE = {"+": "+", "-": "+", "*": "*", "&": "&", "|": "|", "^": "^"}
"""The reduction for an operator: what is subtracted is added up as well."""
_ATOMIC_WORDS = frozenset("atomic update relaxed seq_cst acq_rel release acquire".split())
_WORDS = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class _Accumulation:
    """``variable op= value`` under an atomic or a critical."""

    guard: Region
    variable: Node
    operator: str
    value: Node | None


@dataclass(frozen=True)
class ReductionClause:
    """An atomic or critical accumulation of a scalar in a parallel loop becomes a reduction."""

    name: str = "reduction-clause"
    title: str = "Sum with a reduction clause instead of taking turns"
    rationale: str = (
        "Threads wait for each other at every iteration, and the variable's cache line travels between "
        "cores. It is replaced where the variable is a shared scalar that the loop only accumulates into, "
        "always by the same operation; floating-point sums are then added up in another order."
    )
    smell: str = (
        "Threads take turns at one variable and burn power while they wait: sum up with a reduction clause."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each loop directive."""
        found: list[Rewrite] = []
        all_regions = [item for item in regions(source) if not is_macro_body(item.pragma)]
        reader = Reader(source, program)
        for loop in all_regions:
            if not _is_shared_loop(loop, all_regions):
                continue
            accepted = _accepted(loop, all_regions, reader)
            if accepted:
                found.append(self._rewrite(loop, accepted, reader))
        return found

    def _rewrite(
        self,
        loop: Region,
        accepted: dict[str, list[_Accumulation]],
        reader: Reader,
    ) -> Rewrite:
        source = reader.source
        by_operator: dict[str, list[str]] = {}
        rounding = False
        guards: dict[int, Region] = {}
        for name, listed in accepted.items():
            by_operator.setdefault(listed[0].operator, []).append(name)
            kind = reader.types.of_name(lookup(name, loop.statement, reader.program))
            rounding = rounding or kind is None or kind.scalar is not Scalar.INT
            guards.update({item.guard.pragma.start_byte: item.guard for item in listed})
        clauses = "".join(
            f" reduction({operator} : {', '.join(names)})" for operator, names in by_operator.items()
        )
        place = end_of_clauses(loop, source)
        edits = [Edit(place, place, clauses.encode())]
        edits += [
            remove_lines(source, guard.directive.start, guard.directive.end - 1)
            for _, guard in sorted(guards.items())
        ]
        line = line_of(source, loop.directive.start)
        return Rewrite(self.name, line, self.title, self.rationale, tuple(edits), rounding=rounding)


def _encloses(outer: Region, inner: Region) -> bool:
    return (
        outer.pragma.start_byte < inner.pragma.start_byte
        and inner.statement.end_byte <= outer.statement.end_byte
    )


def _is_shared_loop(loop: Region, all_regions: Sequence[Region]) -> bool:
    """Whether a directive shares a loop among threads so that it may reduce into a shared variable."""
    words = set(loop.directive.words)
    if "for" not in words or "simd" in words or loop.statement.type != "for_statement":
        return False
    if loop.directive.clause("nowait") or loop.statement.has_error or has_branches(loop.statement):
        return False
    around = [set(item.directive.words) for item in all_regions if _encloses(item, loop)]
    around = [item for item in around if item != {"target", "data"}]
    if "target" in words:
        return not around
    if "parallel" not in words:
        return around in ([{"parallel"}], [{"target"}, {"parallel"}], [{"target", "parallel"}])
    # Several teams, or outer threads, would each reduce into the same variable at once.
    return around in ([], [{"target"}]) and ("teams" in words or "distribute" not in words)


def _accepted(loop: Region, all_regions: Sequence[Region], reader: Reader) -> dict[str, list[_Accumulation]]:
    """The variables that may be reduced, with all places that accumulate into them."""
    found: dict[str, list[_Accumulation]] = {}
    refused: set[str] = set()
    for guard in all_regions:
        if not _encloses(loop, guard):
            continue
        between = [item for item in all_regions if _encloses(loop, item) and _encloses(item, guard)]
        listed = _accumulations(guard)
        names = {text_of(item.variable) for item in listed}
        if not listed or between or not all(_is_eligible(item, loop, all_regions, reader) for item in listed):
            refused |= names
            continue
        for item in listed:
            found.setdefault(text_of(item.variable), []).append(item)
    # A critical section is only taken away as a whole.
    changed = True
    while changed:
        changed = False
        for name in list(found):
            listed = found[name]
            alone = len(uses(loop.statement, name)) == len(_own_uses(listed, name))
            whole = all(
                text_of(other.variable) in found for item in listed for other in _accumulations(item.guard)
            )
            if name in refused or not alone or not whole or len({item.operator for item in listed}) > 1:
                del found[name]
                changed = True
    return found


def _own_uses(listed: list[_Accumulation], name: str) -> list[Node]:
    return [
        node
        for guard in {item.guard.pragma.start_byte: item.guard for item in listed}.values()
        for node in identifiers(guard.statement, name)
    ]


def _accumulations(guard: Region) -> list[_Accumulation]:
    """What a guarded statement accumulates; empty if it does anything else, or guards something else."""
    words = set(guard.directive.words) | {clause.name for clause in guard.directive.clauses}
    atomic = "atomic" in words and words <= _ATOMIC_WORDS
    critical = words == {"critical"}
    if not atomic and not critical:
        return []
    found = []
    for statement in statements(guard.statement):
        item = _accumulation(guard, statement, pure=critical)
        if item is None or (atomic and guard.statement.type != "expression_statement"):
            return []
        found.append(item)
    names = [text_of(item.variable) for item in found]
    if len(set(names)) != len(names):
        return []
    used_by_others = any(
        text_of(item.variable) == text_of(node)
        for item in found
        for other in found
        if other.value is not None
        for node in descendants(other.value, "identifier")
    )
    return [] if used_by_others else found


def _accumulation(guard: Region, statement: Node, *, pure: bool) -> _Accumulation | None:
    if statement.type != "expression_statement" or len(statement.named_children) != 1:
        return None
    node = statement.named_children[0]
    operator = text_of(child(node, "operator"))
    if node.type == "update_expression":
        variable = child(node, "argument")
        if variable is None or variable.type != "identifier":
            return None
        return _Accumulation(guard, variable, "+", None)
    variable, value = child(node, "left"), child(node, "right")
    if (
        node.type != "assignment_expression"
        or variable is None
        or variable.type != "identifier"
        or value is None
    ):
        return None
    if operator == "=":
        if value.type != "binary_expression":
            return None
        operator = text_of(child(value, "operator"))
        left, right = child(value, "left"), child(value, "right")
        if same_text(left, variable):
            value = right
        elif same_text(right, variable) and operator != "-":
            value = left
        else:
            return None
    else:
        operator = operator.removesuffix("=")
    if operator not in _COMBINE or value is None or value.has_error:
        return None
    if pure and not _is_free_of_effects(value):
        return None
    return _Accumulation(guard, variable, _COMBINE[operator], value)


def _is_free_of_effects(value: Node) -> bool:
    """Whether a value that was computed under a lock may be computed without."""
    calls = list(descendants(value, "call_expression"))
    if any(callee(call) not in HARMLESS or "print" in callee(call) for call in calls):
        return False
    kinds = "assignment_expression update_expression lambda_expression new_expression".split()
    return is_pure(value) or not any(True for _ in descendants(value, *kinds))


def _is_eligible(item: _Accumulation, loop: Region, all_regions: Sequence[Region], reader: Reader) -> bool:
    name = text_of(item.variable)
    declared = lookup(name, loop.statement, reader.program)
    function = ancestor(loop.statement, "function_definition")
    if declared is None or function is None or function.has_error or declared.where == "global":
        return False
    if not is_spelled_out(function, reader.program):
        return False
    kind = reader.types.of_name(declared)
    if declared.reference or declared.container or declared.const or not _is_arithmetic(kind):
        return False
    if item.value is not None:
        added = kind_of_value(item.value, reader)
        # An integer that takes up a fraction rounds each time: only whole values are added up alike.
        if added is None or (kind is not None and kind.scalar is Scalar.INT and added is not Kind.INT):
            return False
    if "static" in text_of(declared.declaration).split() or declares(loop.statement, name):
        return False
    around = [region for region in all_regions if _encloses(region, loop)]
    if any(declared.declaration.start_byte >= region.pragma.start_byte for region in around):
        return False  # declared in the region: each thread has its own
    if any(True for _ in descendants(function, "lambda_expression")) or any(
        use.kind == "escape" for use in uses(function, name)
    ):
        return False
    if _has_reference(function, name):
        return False
    if item.value is not None and item.guard.directive.has("critical"):
        # The lock may have kept these values apart as well.
        read = {text_of(node) for node in descendants(item.value, "identifier")}
        shared = {other for other in read if not declares(loop.statement, other)}
        if shared & written_names(loop.statement):
            return False
        places = ("subscript_expression", "pointer_expression", "field_expression")
        reads = shared - reader.program.macros.keys() or any(True for _ in descendants(item.value, *places))
        if reads and _may_write_memory(loop.statement):
            return False
        if any(callee(call) in reader.own for call in descendants(item.value, "call_expression")):
            return False
    teams = [region for region in around if region.directive.has("parallel")]
    if any(_is_used_beside(name, region, loop, reader.source) for region in teams):
        return False
    return _is_shared(name, [loop, *around])


def _may_write_memory(loop: Node) -> bool:
    """Whether a loop may change memory through another name: by a call, a pointer or a reference."""
    if any(callee(call) not in HARMLESS for call in descendants(loop, "call_expression")):
        return True
    if any(True for _ in descendants(loop, "reference_declarator")):
        return True
    return any(
        (target := child(node, "left") or child(node, "argument")) is None or target.type != "identifier"
        for node in descendants(loop, "assignment_expression", "update_expression")
    )


def _is_used_beside(name: str, region: Region, loop: Region, source: ParsedSource) -> bool:
    """Whether a parallel region names a variable outside the loop, where other threads may still add."""
    inside = sum(1 for _ in identifiers(loop.statement, name))
    if sum(1 for _ in identifiers(region.statement, name)) != inside:
        return True
    return any(
        name in _WORDS.findall(clause.argument)
        for directive, node in pragmas(source)
        if region.statement.start_byte <= node.start_byte < region.statement.end_byte
        and node.id != loop.pragma.id
        and not loop.statement.start_byte <= node.start_byte < loop.statement.end_byte
        for clause in directive.clauses
    )


def _has_reference(function: Node, name: str) -> bool:
    """Whether a variable has another name, under which the loop might read it."""
    return any(
        text_of(child(node.parent, "value")) == name
        for node in descendants(function, "reference_declarator")
        if node.parent is not None and node.parent.type == "init_declarator"
    )


def _is_arithmetic(kind: CType | None) -> bool:
    return (
        kind is not None
        and not kind.is_pointer
        and not kind.struct
        and kind.scalar is not Scalar.OTHER
        and kind.size >= 4
    )


def _is_shared(name: str, chain: list[Region]) -> bool:
    """Whether the variable is shared by default, or mapped to the device and back."""
    mapped = False
    offloaded = False
    for region in chain:
        offloaded = offloaded or (region.directive.has("target") and not region.directive.has("data"))
        for clause in region.directive.clauses:
            if clause.name == "default" and clause.argument != "shared":
                return False
            if name not in _WORDS.findall(clause.argument):
                continue
            kind = clause.argument.split(":")[0].strip()
            if (
                clause.name == "map"
                and kind == "tofrom"
                and f"{name}[" not in clause.argument.replace(" ", "")
            ):
                mapped = True
            elif clause.name not in (
                "if",
                "schedule",
                "num_threads",
                "num_teams",
                "thread_limit",
                "collapse",
            ):
                return False
    return mapped or not offloaded
