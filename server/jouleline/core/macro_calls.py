"""Count the program's macros where they stand for values."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

from tree_sitter import Node

from .ctype import UNKNOWN, Scalar
from .evaluate import evaluate, parse_expression
from .facts import Macro
from .inlining import Inlined, Walk
from .library import LibraryCounter
from .polynomial import Polynomial
from .values import Value

MOST_NESTED = 6
"""Calls within calls that are walked, macros among them."""


@dataclass(slots=True)
class MacroCounter(LibraryCounter):
    """Counts macros; ``inlined`` bounds how many, and a ``walk`` through a body tells.

    ``written_out`` are those that have been computed, by what they depended on.
    """

    inlined: Inlined = field(default_factory=Inlined)
    walk: Walk = field(default_factory=Walk)
    written_out: dict[str, tuple[Sequence[Value | None], Value]] = field(default_factory=dict)

    def macro(self, name: str, times: Polynomial, *, write: bool) -> Value:
        """Count what an object-like macro of the program stands for."""
        depends = [self.names.get(word) for word in self.program.macro_names[name]]
        known = self.written_out.get(name)
        if (
            known is not None
            and not write
            and all(new is old for new, old in zip(depends, known[0], strict=True))
        ):
            return known[1]
        body = parse_expression(self.program.macros[name])
        if body is None or self.depth >= MOST_NESTED or self.inlined.is_full_of_macros:
            return self.named(name)
        self.inlined.expanded += 1
        self.walk.expanded += 1
        self.depth += 1
        value = self.expression(body, times, write=write)
        self.depth -= 1
        if value.type.arithmetic is Scalar.INT and value.array is None:
            value = Value(value.type, self.lookup(name))
        if value.value is not None:
            self.written_out[name] = depends, value  # which is not computed again
        return value

    def expand(
        self,
        macro: Macro,
        values: Sequence[Value],
        nodes: Sequence[Node],
        times: Polynomial,
        *,
        write: bool = False,
    ) -> Value:
        """Count what a function-like macro stands for; ``write`` when that is assigned to."""
        self.inlined.expanded += 1
        self.walk.expanded += 1
        body = parse_expression(macro.body)
        if body is None:
            return Value(UNKNOWN)
        inner = copy(self)
        inner.names = {**self.names, **dict(zip(macro.parameters, values, strict=False))}
        given = {
            name: evaluate(node, self.compiled) for name, node in zip(macro.parameters, nodes, strict=False)
        }
        inner.fixed = {name: known for name, known in {**self.fixed, **given}.items() if known is not None}
        inner.depth += 1
        return inner.expression(body, times, write=write)
