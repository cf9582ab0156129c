"""Division by what does not change in a loop: multiply by its reciprocal, computed once."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.ctype import DOUBLE, FLOAT, CType
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    FreshNames,
    indentation,
    is_dead,
    is_macro_body,
    is_sound,
    kernel_code,
    line_of,
    newline,
)
from .hoisting import can_precede, is_fixed, outermost_loop, start_of
from .precision import Kind, Reader
from .scope import lookup


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
    smell: str = (
        "A division takes several times the energy of a product, and the divisor never changes in this loop: "
        "multiply by its reciprocal."
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
        start = start_of(loop)
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
    if name is None or kind is None or not is_fixed(name, reader.program):
        return None
    if not _keeps_precision(reader.read(left).kind, kind, node.type):
        return None
    loop = outermost_loop(node, [name])
    return (loop, name.text) if loop is not None and can_precede(loop, [name], reader.source) else None


def _keeps_precision(left: Kind, divisor: CType, node_type: str) -> bool:
    if divisor == FLOAT:
        return left in (Kind.INT, Kind.FLOAT)
    if divisor != DOUBLE or left is Kind.HARD:
        return False
    # What is stored back into an integer or a float may be rounded twice already: leave it alone.
    return node_type == "binary_expression" or left is Kind.DOUBLE
