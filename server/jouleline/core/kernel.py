"""Kernels, launches and directives, as found in a source file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tree_sitter import Node

from .syntax import ParsedSource


class Language(StrEnum):
    """The programming model of a kernel."""

    CUDA = "cuda"
    HIP = "hip"
    OPENMP = "openmp"


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of a directive; ``argument`` is the text between its parentheses."""

    name: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Directive:
    """An OpenMP directive: its words such as ``target teams distribute``, and its clauses.

    ``start:end`` are byte offsets of the whole pragma, continued lines included.
    """

    words: tuple[str, ...]
    clauses: tuple[Clause, ...]
    start: int
    end: int

    def clause(self, name: str) -> Clause | None:
        """The first clause of that name."""
        return next((clause for clause in self.clauses if clause.name == name), None)

    def has(self, *words: str) -> bool:
        """Whether all the words are part of the construct's name."""
        return set(words) <= set(self.words)

    @property
    def collapse(self) -> int:
        """How many nested loops the directive takes as one."""
        clause = self.clause("collapse")
        return int(clause.argument) if clause and clause.argument.strip().isdigit() else 1


@dataclass(frozen=True)
class Kernel:
    """A kernel: a ``__global__`` function, or an OpenMP target or parallel region.

    ``start:end`` are byte offsets of the whole kernel and ``anchor`` is where a hint belongs: the
    function's name or the directive. ``node`` is the function definition or the region's
    statement, None while it is still to be typed; it belongs to ``source``, which is a repaired
    text of the same offsets where the file could not be parsed there. Lines count from 1.
    """

    name: str
    language: Language
    start: int
    end: int
    anchor: int
    line: int
    end_line: int
    node: Node | None
    source: ParsedSource
    display: str
    directive: Directive | None = None


@dataclass(frozen=True)
class Launch:
    """A kernel launch, its parts as text.

    ``place`` is a node where it stands: names in the texts mean what they mean there. ``anchor`` is
    the offset after which a hint belongs; ``line`` counts from 1.
    """

    kernel: str
    line: int
    anchor: int
    grid: str
    block: str
    arguments: tuple[str, ...]
    template_arguments: tuple[str, ...]
    place: Node


_DIRECTIVE = re.compile(r"#\s*pragma\s+omp\s+(.*)", re.DOTALL)
_CONTINUED = re.compile(r"\\\r?\n")
_CLAUSE_NAMES = frozenset(
    (
        "aligned allocate bind collapse copyin copyprivate default defaultmap depend device "
        "dist_schedule firstprivate final from grainsize has_device_addr hint if in_reduction "
        "is_device_ptr lastprivate linear map mergeable nogroup nontemporal nowait num_tasks "
        "num_teams num_threads order ordered priority private proc_bind reduction safelen schedule "
        "shared simdlen task_reduction thread_limit to uniform untied use_device_addr "
        "use_device_ptr"
    ).split()
)
_CONSTRUCT = re.compile(r"\s*,?\s*([a-z_]+)\s*")


def parse_directive(text: str, start: int) -> Directive | None:
    """Read an OpenMP pragma; None if ``text`` is another pragma.

    A clause whose parenthesis is never closed takes the rest of the line: the file is half typed.
    """
    match = _DIRECTIVE.match(text)
    if not match:
        return None
    rest = _CONTINUED.sub(" ", match[1])
    words: list[str] = []
    clauses: list[Clause] = []
    position = 0
    while word := _CONSTRUCT.match(rest, position):
        position = word.end()
        argument = ""
        if opened := rest[position : position + 1] == "(":
            end = _closing_parenthesis(rest, position)
            argument = rest[position + 1 : end].strip()
            position = min(len(rest), end + 1)
        # The first word is the directive's, even where a clause has its name: ordered, critical(x).
        is_clause = opened or (bool(words) and word[1] in _CLAUSE_NAMES)
        if not words or not (is_clause or clauses):
            words.append(word[1])
        if is_clause:
            clauses.append(Clause(word[1], argument))
    end = start + len(text.rstrip().encode("utf-8", "surrogateescape"))
    return Directive(tuple(words), tuple(clauses), start, end)


def _closing_parenthesis(text: str, opening: int) -> int:
    depth = 0
    for index in range(opening, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return index
    return len(text)
