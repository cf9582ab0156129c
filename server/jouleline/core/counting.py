"""Count a kernel's operations and memory accesses from its source.

The body is walked once with the number of times each statement runs, as a polynomial of what is
not known. Thread, block and loop indices stay symbols with a range, so that an access is an affine
form of them wherever the source allows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tree_sitter import Node

from . import costs
from .calls import CallCounter
from .counts import Operation
from .ctype import INT, UNKNOWN
from .evaluate import evaluate
from .expressions import DATA_DEPENDENT_BRANCH
from .facts import Declared, declarations
from .loops import Loop, read_loop
from .polynomial import ZERO, Polynomial
from .probability import probability
from .syntax import field as child
from .values import Array, Value


class BodyCounter(CallCounter):
    """Walks the statements of one kernel."""

    def statement(self, node: Node, times: Polynomial) -> Polynomial:
        """Count a statement; returns how often what follows it runs."""
        match node.type:
            case "compound_statement" | "else_clause" | "case_statement" | "labeled_statement":
                return self._block(node, times)
            case "declaration":
                for declared in declarations(node, self.source):
                    self._declare(declared, times)
            case "for_statement":
                self._for(node, times)
            case "while_statement" | "do_statement" | "for_range_loop":
                self._while(node, times)
            case "if_statement":
                return self._if(node, times)
            case "switch_statement":
                self._switch(node, times)
            case "return_statement" | "expression_statement":
                for item in node.named_children:
                    self.expression(item, times)
                if node.type == "return_statement":
                    return ZERO
            case "continue_statement" | "break_statement":
                return ZERO
            case "comment" | "preproc_call" | "preproc_def" | "type_definition":
                pass
            case kind if kind.endswith(("expression", "literal")) or kind == "identifier":
                self.expression(node, times)
            case _:
                self._block(node, times)
        return times

    def _block(self, node: Node, times: Polynomial) -> Polynomial:
        with self._scope(opened=node.type == "compound_statement"):
            for item in node.named_children:
                times = self.statement(item, times)
        return times

    @contextmanager
    def _scope(self, *, opened: bool = True) -> Iterator[None]:
        names, fixed = (dict(self.names), dict(self.fixed)) if opened else (self.names, self.fixed)
        try:
            yield
        finally:
            self.names, self.fixed = names, fixed

    def _declare(self, declared: Declared, times: Polynomial) -> None:
        fixed = None if declared.name in self.mutated else evaluate(declared.value, self.compiled)
        given = self.expression(declared.value, times) if declared.value is not None else None
        kind = self.type_of(declared.type) or (given.type if given else UNKNOWN)
        if declared.extents:
            extents = tuple(evaluate(item, self.lookup) for item in declared.extents)
            array = Array(declared.name, declared.space or "register", ZERO, extents)
            self.names[declared.name] = Value(kind, None, array)
        elif kind.is_pointer and given and given.array:
            self.names[declared.name] = Value(kind, None, given.array)
        else:
            value = given.value if given and declared.name not in self.mutated else None
            self.names[declared.name] = Value(kind, value)
        self.fixed.pop(declared.name, None)
        if fixed is not None:
            self.fixed[declared.name] = fixed

    def _for(self, node: Node, times: Polynomial) -> None:
        with self._scope():
            initializer = child(node, "initializer")
            if initializer is not None:
                self.statement(initializer, times)
            loop = read_loop(node, self.lookup, self.ranges)
            unrolled = self._unrolled(node)
            inner = self._enter(loop, node, times)
            if not unrolled:
                self.tally.count(Operation.INT, inner * costs.LOOP_CONTROL)
            body = child(node, "body")
            if body is not None:
                self.statement(body, inner)

    def _unrolled(self, node: Node) -> bool:
        """Whether compilers unroll a loop fully: its few iterations are known when compiling."""
        trips = read_loop(node, self.compiled, {}).trips
        known = trips.number if trips is not None else None
        return known is not None and known <= costs.UNROLLED_TRIPS

    def _enter(self, loop: Loop, node: Node, times: Polynomial) -> Polynomial:
        trips = loop.trips
        line = node.start_point.row + 1
        if trips is None:
            trips = Polynomial.symbol(f"trips@{line}")
        if loop.variable:
            index = f"{loop.variable}@{node.start_byte}"
            self.tally.ranges[index] = trips
            known = self.names.get(loop.variable, Value(INT))
            value = loop.start + loop.step * Polynomial.symbol(index) if loop.affine else None
            self.names[loop.variable] = Value(known.type, value)
            self.fixed.pop(loop.variable, None)
        return times * trips

    def _while(self, node: Node, times: Polynomial) -> None:
        inner = times * Polynomial.symbol(f"trips@{node.start_point.row + 1}")
        with self._scope():
            for item in node.named_children:
                self.statement(item, inner)

    def _if(self, node: Node, times: Polynomial) -> Polynomial:
        condition = child(node, "condition")
        if condition is not None:
            self.expression(condition, times)
        chance = probability(condition, self.lookup, self.ranges)
        if chance is None:
            chance = DATA_DEPENDENT_BRANCH
            self.tally.assume("branches that depend on data are taken half the time")
        after = ZERO
        taken = child(node, "consequence")
        if taken is not None:
            with self._scope():
                after = after + self.statement(taken, times * chance)
        other = child(node, "alternative")
        if other is None:
            return after + times * (1 - chance)
        with self._scope():
            return after + self.statement(other, times * (1 - chance))

    def _switch(self, node: Node, times: Polynomial) -> None:
        body = child(node, "body")
        condition = child(node, "condition")
        if condition is not None:
            self.expression(condition, times)
        cases = body.named_children if body is not None else []
        for case in cases:
            self.statement(case, times * (1 / len(cases)))
