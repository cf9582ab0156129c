"""Values that stay the same over a loop, and the place in front of it where they can be computed once."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of

from .analysis import has_alias, has_branches, pragmas, uses
from .macros import is_spelled_out
from .scope import Name

LOOPS = ("for_statement", "while_statement", "do_statement", "for_range_loop")


def is_fixed(name: Name, program: ProgramFacts) -> bool:
    """Whether a variable keeps its value from its declaration to the end of the function."""
    if name.where == "global" or name.reference or name.container or name.levels:
        return False
    function = ancestor(name.declaration, "function_definition")
    if function is None or any(True for _ in descendants(function, "lambda_expression")):
        return False
    if not is_spelled_out(function, program):
        return False
    if {"static", "volatile"} & set(text_of(name.declaration).split()):
        return False
    return not has_alias(function, name.text) and all(use.kind == "read" for use in uses(function, name.text))


def outermost_loop(node: Node, names: Sequence[Name]) -> Node | None:
    """The outermost loop around an expression in which none of its variables is declared."""
    found = None
    outer = node.parent
    while outer is not None and outer.type != "function_definition":
        inside = any(outer.start_byte <= name.declaration.start_byte < outer.end_byte for name in names)
        if outer.type in LOOPS and not inside:
            found = outer
        outer = outer.parent
    return found


def start_of(loop: Node) -> int:
    """The start of the line of a loop, or of the pragmas in front of it."""
    first = loop
    previous = first.prev_named_sibling
    while previous is not None and previous.type == "preproc_call":
        first, previous = previous, previous.prev_named_sibling
    return first.start_byte - first.start_point.column


def can_precede(loop: Node, names: Sequence[Name], source: ParsedSource) -> bool:
    """Whether a declaration that uses variables may stand in front of a loop."""
    if loop.parent is None or loop.parent.type != "compound_statement" or has_branches(loop):
        return False
    start = start_of(loop)
    if not start > loop.parent.start_byte or any(name.declaration.end_byte > start for name in names):
        return False
    line = source.text.line_bytes(source.text.point(start).line).lstrip()
    first = source.code(loop)[:3]
    if not line.startswith((b"#", first)):
        return False  # something else stands on the line
    # A region that lists every variable would have to list the new one as well.
    return not any(
        clause.name == "default" and clause.argument != "shared"
        for directive, node in pragmas(source)
        if start <= node.start_byte < loop.end_byte or _holds(node, loop)
        for clause in directive.clauses
    )


def _holds(pragma: Node, loop: Node) -> bool:
    following = pragma.next_named_sibling
    return following is not None and following.start_byte <= loop.start_byte < following.end_byte
