"""Division by what does not change in a loop: multiply by its reciprocal, computed once."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.ctype import DOUBLE, FLOAT, CType
from jouleline.core.facts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    FreshNames,
    has_alias,
    has_branches,
    indentation,
    is_dead,
    is_macro_body,
    is_sound,
    kernel_code,
    line_of,
    newline,
    pragmas,
    uses,
)
from .macros import is_spelled_out
from .precision import Kind, Reader
from .scope import Name, lookup

_LOOPS = ("for_statement", "while_statement", "do_statement", "for_range_loop")


@dataclass(frozen=True)
class Reciprocal:
    """``x / d`` in a loop becomes ``x * inverse_d``, where ``inverse_d`` is set before the loop."""

    name: str = "reciprocal"
    title: str = "Multiply by a reciprocal that is computed once"
    rationale: str = (
        "A division takes several times as long as a product, and compilers may not exchange them because "
        "the last digit can differ. It is done where the divisor is a local variable or parameter of the "
        "quotient's precision that is never changed."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each outermost loop."""
        regions = kernel_code(source, program)
        if not regions:
            return []
        reader = Reader(source, program)
        found: dict[int, tuple[Node, dict[str, list[Node]]]] = {}
        for region in regions:
            for node in descendants(region, "binary_expression", "assignment_expression"):
                if is_dead(node) or is_macro_body(node) or not is_sound(node):
                    continue
                place = _place(node, reader)
                if place is not None:
                    loop, divisor = place
                    found.setdefault(loop.start_byte, (loop, {}))[1].setdefault(divisor, []).append(node)
        fresh = FreshNames()
        return [self._rewrite(loop, divisors, reader, fresh) for _, (loop, divisors) in sorted(found.items())]

    def _rewrite(
        self, loop: Node, divisors: dict[str, list[Node]], reader: Reader, fresh: FreshNames
    ) -> Rewrite:
        source = reader.source
        edits: list[Edit] = []
        start = _start(loop)
        eol, indent = newline(source), indentation(source, loop.start_byte)
        before = b""
        for divisor, nodes in divisors.items():
            name = fresh.take(f"inverse_{divisor}", loop)
            kind = reader.types.of_name(lookup(divisor, loop, reader.program))
            word, one = ("float", "1.0f") if kind == FLOAT else ("double", "1.0")
            before += indent + f"const {word} {name} = {one} / {divisor};".encode() + eol
            for node in nodes:
                operator, right = child(node, "operator"), child(node, "right")
                if operator is not None and right is not None:
                    edits.append(Edit(operator.start_byte, operator.start_byte + 1, b"*"))
                    edits.append(Edit(right.start_byte, right.end_byte, name.encode()))
        edits.append(Edit(start, start, before))
        line = min(line_of(source, node.start_byte) for nodes in divisors.values() for node in nodes)
        return Rewrite(self.name, line, self.title, self.rationale, tuple(sorted(edits)), rounding=True)


def _place(node: Node, reader: Reader) -> tuple[Node, str] | None:
    """The loop before which the reciprocal of a division's divisor is computed, and the divisor."""
    if text_of(child(node, "operator")) not in ("/", "/="):
        return None
    left, right = child(node, "left"), child(node, "right")
    if left is None or right is None or right.type != "identifier" or text_of(right) in reader.program.macros:
        return None
    name = lookup(text_of(right), right, reader.program)
    kind = reader.types.of_name(name)
    if name is None or kind is None or not _is_fixed(name, reader.program):
        return None
    if not _keeps_precision(reader.read(left).kind, kind, node.type):
        return None
    loop = _outermost(node, name)
    return (loop, name.text) if loop is not None and _can_precede(loop, name, reader) else None


def _keeps_precision(left: Kind, divisor: CType, node_type: str) -> bool:
    if divisor == FLOAT:
        return left in (Kind.INT, Kind.FLOAT)
    if divisor != DOUBLE or left is Kind.HARD:
        return False
    # What is stored back into an integer or a float may be rounded twice already: leave it alone.
    return node_type == "binary_expression" or left is Kind.DOUBLE


def _is_fixed(name: Name, program: ProgramFacts) -> bool:
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


def _outermost(node: Node, name: Name) -> Node | None:
    """The outermost loop around a division in which its divisor is not declared."""
    found = None
    outer = node.parent
    while outer is not None and outer.type != "function_definition":
        inside = outer.start_byte <= name.declaration.start_byte < outer.end_byte
        if outer.type in _LOOPS and not inside:
            found = outer
        outer = outer.parent
    return found


def _start(loop: Node) -> int:
    """The start of the line of a loop, or of the pragmas in front of it."""
    first = loop
    previous = first.prev_named_sibling
    while previous is not None and previous.type == "preproc_call":
        first, previous = previous, previous.prev_named_sibling
    return first.start_byte - first.start_point.column


def _can_precede(loop: Node, name: Name, reader: Reader) -> bool:
    source = reader.source
    if loop.parent is None or loop.parent.type != "compound_statement" or has_branches(loop):
        return False
    start = _start(loop)
    if not start > loop.parent.start_byte or name.declaration.end_byte > start:
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
