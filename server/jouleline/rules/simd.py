"""Innermost loops without dependences that a compiler leaves scalar: say so with a simd directive."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.declarations import function_of
from jouleline.core.evaluate import number
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of

from .analysis import Region, has_pragma, indentation, kernel_code, line_of, newline, regions
from .memory import Memory
from .plain_loops import PlainLoop, plain_loop
from .precision import Reader

_SHORT = 16
_CHEAP = frozenset("sqrt sqrtf fabs fabsf fmin fmax fminf fmaxf min max fma fmaf".split())
"""Functions that are single vector instructions; a call of another one keeps a loop scalar."""
_FOR = re.compile(rb"\bfor\b")
_CLAUSES = frozenset(
    "reduction schedule num_threads default shared private firstprivate proc_bind nowait map num_teams "
    "thread_limit device depend is_device_ptr dist_schedule".split()
)


@dataclass(frozen=True)
class Simd:
    """An innermost loop of independent iterations, or of sums, gets ``simd``."""

    name: str = "simd"
    title: str = "Let the innermost loop use vector instructions"
    rationale: str = (
        "A vector instruction does four to eight operations for little more energy than one. Compilers do "
        "not use them where arrays might overlap or a sum of floats would be added up in another order. It "
        "is done where every access of the loop has stride one or none, and no iteration touches what "
        "another one writes, sums aside."
    )
    smell: str = "This loop takes an instruction for each element: let it use vector instructions."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each innermost loop in kernel code of OpenMP."""
        all_regions = regions(source)
        if not all_regions:
            return []
        reader, memory = Reader(source, program), Memory(program)
        found: list[Rewrite] = []
        for code in kernel_code(source, program):
            for node in descendants(code, "for_statement"):
                owner = next((item for item in all_regions if item.statement.id == node.id), None)
                if not _is_openmp(node, source) or not _may_carry(node, owner, all_regions):
                    continue
                loop = plain_loop(node, reader)
                if loop is None or not _is_worth_it(loop, reader) or not loop.is_independent(memory):
                    continue
                edit = _at_directive(loop, owner, source) if owner else _above(loop, source)
                if edit is not None:
                    line, rounding = line_of(source, node.start_byte), bool(loop.fractions)
                    found.append(Rewrite(self.name, line, self.title, self.rationale, (edit,), rounding))
        return found


def _is_openmp(node: Node, source: ParsedSource) -> bool:
    around = ancestor(node, "function_definition")
    function = function_of(around, source) if around is not None else None
    return function is not None and not {b"__global__", b"__device__"} & function.attributes


def _may_carry(node: Node, owner: Region | None, all_regions: tuple[Region, ...]) -> bool:
    """Whether no directive at or around a loop stands against a simd directive."""
    for region in all_regions:
        if not region.statement.start_byte <= node.start_byte < region.statement.end_byte:
            continue
        words, is_owner = (
            set(region.directive.words),
            owner is not None and region.pragma.id == owner.pragma.id,
        )
        if words & {"simd", "loop", "ordered", "declare"}:
            return False
        if region.directive.collapse > 1 or region.directive.clause("ordered"):
            return False
        if not is_owner and region.statement.id == node.id:
            return False
    return True


def _is_worth_it(loop: PlainLoop, reader: Reader) -> bool:
    """Whether vectors help: unit strides, enough iterations, and functions that exist for vectors."""
    if any(loop.stride(item) not in (0, 1) for item in loop.accesses):
        return False
    if not any(loop.stride(item) == 1 for item in loop.accesses):
        return False
    calls = descendants(loop.loop.body, "call_expression")
    if any(text_of(call.named_children[0]).removeprefix("std::") not in _CHEAP for call in calls):
        return False
    known = reader.program.macros.get(text_of(loop.loop.limit), text_of(loop.loop.limit))
    trips = number(known)
    return trips is None or trips >= _SHORT


def _at_directive(loop: PlainLoop, owner: Region, source: ParsedSource) -> Edit | None:
    """``simd`` behind the ``for`` of the directive that shares the loop among threads."""
    directive = owner.directive
    if directive.words[-1] != "for" or any(clause.name not in _CLAUSES for clause in directive.clauses):
        return None
    schedule = directive.clause("schedule")
    if schedule is not None and schedule.argument.strip() != "static":
        return None  # pieces of few iterations leave nothing to share a vector
    reduced = {
        name.strip()
        for clause in directive.clauses
        if clause.name == "reduction"
        for name in clause.argument.partition(":")[2].split(",")
    }
    if not loop.sums.keys() <= reduced:
        return None
    word = _FOR.search(source.text.data, directive.start, directive.end)
    return Edit(word.end(), word.end(), b" simd") if word else None


def _above(loop: PlainLoop, source: ParsedSource) -> Edit | None:
    """A directive on a line of its own before the loop."""
    node = loop.loop.node
    if node.parent is None or node.parent.type != "compound_statement" or has_pragma(node):
        return None
    column = node.start_point.column
    if source.text.data[node.start_byte - column : node.start_byte].strip():
        return None
    by_operator: dict[str, list[str]] = {}
    for name, operator in loop.sums.items():
        by_operator.setdefault(operator, []).append(name)
    clauses = "".join(f" reduction({key} : {', '.join(names)})" for key, names in by_operator.items())
    start = node.start_byte
    return Edit(
        start, start, f"#pragma omp simd{clauses}".encode() + newline(source) + indentation(source, start)
    )
