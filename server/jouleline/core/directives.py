"""OpenMP directives: their words and clauses, what they apply to, and which of them start a kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from .syntax import ParsedSource

_DATA_CONSTRUCTS: Final = frozenset(("data", "update", "enter", "exit", "declare"))
_CONDITIONALS: Final = ("preproc_if", "preproc_ifdef")
PRAGMAS: Final = ("preproc_call", "attribute_declaration")
"""Nodes that may be pragmas; those of bodies without braces are attributes to the grammar."""
_BRANCHES: Final = ("preproc_else", "preproc_elif", "preproc_elifdef")
_DIRECTIVE = re.compile(r"#\s*pragma\s+omp\s+(.*)", re.DOTALL)
_MARK = re.compile(rb"#\s*pragma\s+omp\s")
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

    def moved(self, by: int) -> Directive:
        """The same directive, so many bytes further on."""
        return Directive(self.words, self.clauses, self.start + by, self.end + by)

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


def directives(source: ParsedSource, within: range | None = None) -> list[tuple[Directive, Node]]:
    """The OpenMP directives of a file, or of a stretch of it, with their nodes, in the order of the text."""
    found = []
    data = source.text.data
    start, end = (within.start, within.stop) if within is not None else (0, len(data))
    if data.find(b"pragma", start, end) < 0:
        return []
    for mark in _MARK.finditer(data, start, end):
        node = source.root.descendant_for_byte_range(mark.start(), mark.start())
        while node is not None and node.type not in PRAGMAS and node.start_byte == mark.start():
            node = node.parent
        if node is None or node.type not in PRAGMAS or node.start_byte != mark.start():
            continue  # in a comment, a string or a macro
        directive = directive_of(node, source)
        if directive is not None:
            found.append((directive, node))
    return found


def statement_after(node: Node) -> Node | None:
    """The statement a directive applies to: the next one that is no comment and no pragma.

    A directive that is the last line under an ``#ifdef`` applies to what follows the ``#endif``.
    """
    following = node.next_named_sibling
    while following is not None and following.type in ("comment", *PRAGMAS):
        following = following.next_named_sibling
    parent = node.parent
    if (following is None or following.type in _BRANCHES) and parent is not None:
        return statement_after(parent) if parent.type in (*_BRANCHES, *_CONDITIONALS) else None
    return following


def pragmas_before(node: Node) -> Iterator[Node]:
    """The pragmas that apply to a statement, the nearest first: no more than comments is between them."""
    before = node.prev_named_sibling
    while before is not None and before.type in ("comment", *PRAGMAS):
        if before.type in PRAGMAS:
            yield before
        before = before.prev_named_sibling


def opens_kernel(directive: Directive) -> bool:
    """Whether the directive starts a region that runs on a device or on a team of threads."""
    if directive.has("target"):
        return not _DATA_CONSTRUCTS & set(directive.words)
    return directive.has("parallel")


def offloads(directive: Directive) -> bool:
    """Whether the directive starts a region that runs on a device: it has variables of its own."""
    return directive.has("target") and opens_kernel(directive)


def directive_of(node: Node, source: ParsedSource) -> Directive | None:
    """The directive that a node is; None if it is none."""
    if node.type not in PRAGMAS:
        return None
    return parse_directive(source.code(node).decode("utf-8", "replace"), node.start_byte)


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
