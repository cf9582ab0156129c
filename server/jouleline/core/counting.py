"""Count a kernel's operations and memory accesses from its source.

The body is walked once with the number of times each statement runs, as a polynomial of what is
not known. Thread, block and loop indices stay symbols with a range, so that an access is an affine
form of them wherever the source allows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tree_sitter import Node

from .conditionals import CONDITIONALS
from .counts import Doubt
from .ctype import UNKNOWN, Scalar
from .declarations import Declared, declarations
from .derive import chosen, likelier
from .evaluate import evaluate, evaluate_constant
from .expressions import DATA_DEPENDENT_BRANCH
from .extents import Extents
from .loop_counting import LoopCounter
from .polynomial import ONE, ZERO, Polynomial
from .probability import lanes
from .syntax import field as child
from .syntax import text_of
from .values import Array, Derived, Holds, Value, referring

_INCLUSIONS = 3


@dataclass(slots=True)
class BodyCounter(LoopCounter):
    """Walks the statements of one kernel."""

    def kernel(self, node: Node, times: Polynomial) -> Polynomial:
        """Count the whole kernel, executed ``times`` times."""
        return self.statement(node, times)

    def statement(self, node: Node, times: Polynomial) -> Polynomial:
        """Count a statement; returns how often what follows it runs."""
        match node.type:
            case "declaration":
                self.tally.visits.statement(self.source, node, times)
                for declared in declarations(node, self.source, inside=True):
                    self._declare(declared, times)
            case "expression_statement" | "return_statement":
                self.tally.visits.statement(self.source, node, times)
                value = None
                for item in node.named_children:
                    value = self._place(item, times) if self.refers else self.expression(item, times)
                if node.type == "return_statement":
                    if value is not None:
                        self.returned = likelier((self.returned or value, value), self.tally)
                    return ZERO
            case "compound_statement" | "else_clause" | "case_statement" | "labeled_statement":
                return self._block(node, times)
            case "for_statement" | "while_statement" | "do_statement" | "for_range_loop" as kind:
                self._scoped(self._for if kind == "for_statement" else self._while, node, times)
            case "if_statement":
                return self._if(node, times)
            case "switch_statement":
                self._switch(node, times)
            case "continue_statement" | "break_statement":
                return ZERO
            case "preproc_include":
                return self._included(node, times)
            case "comment" | "preproc_call" | "attribute_declaration" | "preproc_def" | "type_definition":
                pass
            case kind if kind.endswith(("expression", "literal")) or kind == "identifier":
                self._bare(node, times)
            case _:
                self._block(node, times)
        return times

    def _place(self, node: Node, times: Polynomial) -> Value:
        """What a function returns that returns a reference: whoever calls it reads or writes there."""
        if node.type == "subscript_expression":
            place = self.address_of(node, times)
            if place.type.is_pointer:
                return place
        return self.expression(node, times)

    def _bare(self, node: Node, times: Polynomial) -> None:
        """Count an expression without a semicolon, but for a directive's condition, which never runs."""
        if node.parent is None or node.parent.type not in CONDITIONALS:
            self.expression(node, times)

    def _block(self, node: Node, times: Polynomial) -> Polynomial:
        if node.type != "compound_statement":
            return self._sequence(node, times)
        return self._scoped(self._sequence, node, times)

    def _sequence(self, node: Node, times: Polynomial) -> Polynomial:
        for item in node.named_children:
            times = self.statement(item, times)
        return times

    def _included(self, node: Node, times: Polynomial) -> Polynomial:
        """A file of the program that is included in the middle of a function."""
        name = text_of(child(node, "path")).strip('"<>')
        for file, facts in self.program.files.items():
            if (file == name or file.endswith(f"/{name}")) and self.depth < _INCLUSIONS:
                around, self.source = self.source, facts.source
                self.depth += 1
                for item in facts.source.root.named_children:
                    times = self.statement(item, times)
                self.source, self.depth = around, self.depth - 1
                break
        return times

    def _declare(self, declared: Declared, times: Polynomial) -> None:
        given = self._given(declared, times)
        kind = self.type_of(declared.type) or (given.type if given else UNKNOWN)
        self.shadowed.setdefault(declared.name, self.names.get(declared.name))
        if given is not None and given.refers:
            self.names[declared.name] = given
        elif declared.extents and not (declared.reference and given is not None and given.array):
            extents = tuple(item and evaluate(item, self.lookup) for item in declared.extents)
            size = math.prod((item and item.number) or math.inf for item in extents) * kind.innermost.bytes
            known = size if math.isfinite(size) else None
            array = Array(declared.name, declared.space or self.local_space, ZERO, extents, known)
            self.names[declared.name] = Value(kind, None, array)
        elif kind.is_pointer and declared.space:
            self.names[declared.name] = Value(kind, None, Array(declared.name, declared.space))
        elif kind.is_pointer and given and given.array:
            self.names[declared.name] = self.converted(given, kind)
        elif kind.struct in self.program.structs and not kind.is_pointer:
            if given is not None:
                self.whole(given, times, write=False)
            self.names[declared.name] = Value(kind, None, Array(declared.name, "register"))
        else:
            self.names[declared.name] = Value(kind, self.converted(given, kind).value if given else None)
            self.spaces[declared.name] = declared.space or "register"
        self.declare_parts(declared)
        self.fixed.pop(declared.name, None)
        real = kind.arithmetic in (Scalar.SP, Scalar.DP)
        fixed = evaluate_constant(declared.value, self.compiled, real=real)
        if fixed is not None and declared.name not in self.changes.names:
            self.fixed[declared.name] = fixed

    def _given(self, declared: Declared, times: Polynomial) -> Value | None:
        """What a variable is declared with: of a reference that may be stored to, the place."""
        node = declared.value
        if node is None:
            return None
        refers = declared.reference and not declared.constant and not declared.extents
        if refers and node.type in ("subscript_expression", "pointer_expression", "identifier"):
            return referring(self.address_of(node, times)) or self.expression(node, times)
        found = self.expression(node, times)
        place = referring(Value(found.type.pointer(), None, found.array)) if refers else None
        return place or found

    def _if(self, node: Node, times: Polynomial) -> Polynomial:
        condition = child(node, "condition")
        self.tally.visits.statement(self.source, node, times)
        value = self.expression(condition, times).value if condition is not None else None
        extents = Extents(self.tally)
        chance = self.chance(condition, extents)
        if chance is None and value is not None and (holds := self.tally.holds(value)) is not None:
            chance = holds.chance  # what a function says of its arguments
        known = chance is not None
        if chance is None:
            chance = DATA_DEPENDENT_BRANCH
            self.tally.assume("branches that depend on data are taken half the time", Doubt.BRANCHES)
        before, active = dict(self.names), self.active
        together = self._lanes(condition, extents) if chance < 1 else 1.0
        after = ZERO
        taken = child(node, "consequence")
        if taken is not None:
            self.active = active * together
            after = self._scoped(self.statement, taken, times * chance)
        left = after
        names, self.names = self.names, before
        other, stays = child(node, "alternative"), bool(left.terms)
        self.active = active
        if (other is not None or not stays) and chance > 0:
            self.active *= self._lanes(condition, extents, holds=False)
        if other is None:
            after = after + times * (1 - chance)
        else:
            after = after + self._scoped(self.statement, other, times * (1 - chance))
        if stays:
            self.active = active
        elif condition is not None:  # who comes behind it has not left
            self.present *= self._share_otherwise(condition)
        if left.terms and names != self.names:
            self._join(names, Holds(chance, together) if known else None)
        return after

    def _lanes(self, condition: Node | None, extents: Extents, *, holds: bool = True) -> float:
        return lanes(condition, self.compared, extents, self.tally.fastest(), holds=holds)

    def _join(self, taken: Mapping[str, Value], holds: Holds | None) -> None:
        """After a branch: each variable has the value of one way, or what stands for both."""
        for name, value in taken.items():
            other = self.names.get(name)
            if other is None or other is value:
                continue
            if holds is None:
                self.names[name] = likelier((value, other), self.tally)
            elif value.value == ONE and other.value == ZERO:  # it says later which way was gone
                depends = frozenset((*self.tally.threads, *self.loops))
                flag = Derived(depends, extent=Polynomial.constant(2), holds=holds)
                self.names[name] = value._replace(value=self.tally.derive(f"{name}?{holds}", flag))
            else:
                self.names[name] = chosen(value, other, holds.chance, self.tally)

    def _switch(self, node: Node, times: Polynomial) -> None:
        body = child(node, "body")
        condition = child(node, "condition")
        if condition is not None:
            self.expression(condition, times)
        cases = body.named_children if body is not None else []
        there = self.active, self.present
        for case in cases:
            self.statement(case, times * (1 / len(cases)))
            self.active, self.present = there  # who breaks out of one is there again behind it
