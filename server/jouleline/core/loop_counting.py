"""Count loops: how often a body runs, and what the variables that it changes are worth in it and after it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from tree_sitter import Node

from . import costs
from .bisection import halvings
from .calls import CallCounter
from .counts import Doubt, Operation
from .ctype import Scalar
from .directives import pragmas_before
from .evaluate import evaluate, parse_loop, split_arguments
from .extents import Extents
from .inductions import LoopBody, Updates
from .launch import DEFAULT_SIZE
from .loops import (
    Loop,
    arithmetic_trips,
    doubling,
    doubling_while,
    is_endless,
    is_nearest,
    limit_of,
    read_loop,
    relation_that_runs,
)
from .polynomial import ONE, ZERO, Polynomial
from .retries import swap_that_ends
from .syntax import descendants, inside, operands, text_of
from .syntax import field as child
from .unrolling import copies_asked, size
from .values import Derived, Value
from .visits import LoopVisits

# Of the threads that still try to store an extreme, half find a better one there each time.
_EXTREME_ATTEMPTS = Polynomial.constant(2)
T = TypeVar("T")


@dataclass(slots=True)
class LoopCounter(CallCounter):
    """Walks loops; how other statements are counted, its subclass says."""

    def _scoped(self, walk: Callable[[Node, Polynomial], T], node: Node, times: Polynomial) -> T:
        """Walk a block: what is declared in it ends with it, what is assigned in it lasts."""
        fixed, shadowed, there = dict(self.fixed), self.shadowed, (self.active, self.present)
        self.shadowed = {}
        if walk == self.statement:  # a branch, whose own block comes here once more
            self.present *= self._share_of(node)
        found = walk(node, times)
        self.active, self.present = there
        for name, outer in self.shadowed.items():
            if outer is None:
                self.names.pop(name, None)
            else:
                self.names[name] = outer
        self.fixed, self.shadowed = fixed, shadowed
        return found

    @property
    def surroundings(self) -> Hashable:
        """What a function's walk depends on besides what it is given and the indices there are."""
        return self.present

    def _share_of(self, branch: Node) -> float:
        """The share of a block's threads that a branch is for, as far as their indices decide."""
        around = branch.parent
        condition = (
            child(around, "condition") if around is not None and around.type == "if_statement" else None
        )
        if around is None or condition is None:
            return 1.0
        other = child(around, "alternative")
        is_other = other is not None and other.id == branch.id
        return self._share_otherwise(condition) if is_other else self._share_where(condition)

    def _share_where(self, condition: Node | None) -> float:
        """The share of a block's threads for which a condition holds, as far as their indices decide."""
        condition = inside(condition, ("condition_clause", "parenthesized_expression"))
        if condition is None:
            return 1.0
        left, operator, right = operands(condition)
        if operator == "&&":
            return self._share_where(left) * self._share_where(right)
        chance = self._decided(condition)
        return 1.0 if chance is None else chance

    def _share_otherwise(self, condition: Node) -> float:
        """The share for which it does not."""
        chance = self._decided(condition)
        return 1.0 if chance is None or chance == 1.0 else 1 - chance

    def _decided(self, condition: Node) -> float | None:
        """The share for which a condition holds that asks for the indices in a block alone."""
        decide = self._followed(condition)
        if not decide or not all(name.startswith("threadIdx") for name in decide):
            return None
        return self.chance(condition, Extents(self.tally))

    def _head(self, node: Node) -> Node:
        """The loop that tells how a loop runs: itself, or what the macro in its head's place stands for."""
        macros = self.source.masked.within(node.start_byte, node.start_byte + 1)
        if not macros or macros[0].kind != "loop":
            return node
        name, _, given = macros[0].text.decode("utf-8", "replace").partition("(")
        macro = self.program.function_macros.get(name.strip())
        if macro is None or not macro.body.startswith("for"):
            return node
        return parse_loop(macro.written(split_arguments(given.rpartition(")")[0]))) or node

    def _for(self, node: Node, times: Polynomial) -> None:
        head = self._head(node)
        initializer = child(head, "initializer")
        if initializer is not None:
            self.statement(initializer, times)
        loop, compiled = read_loop(head, self.lookup, self.tally.mean), read_loop(head, self.compiled)
        unrolled = self._unrolled(node, compiled)
        trips = self._trips(node) if loop.trips is None else loop.trips
        self._note_early_end(node, trips)
        self._as_many_as_threads(loop.start, trips)
        inner = times * trips
        step = loop.step if loop.affine else None
        by = step.number if step is not None else None
        shared = self.tally.shared_loops.get(node.start_byte)
        if shared is None or shared.integers:  # of loops that are taken as one, the innermost stands for all
            self.tally.visits.loop(self.source, node, LoopVisits(times, inner, by, shared is not None))
        if unrolled:
            self.unrolled.add(f"{loop.variable or 'loop'}@{node.start_byte}")
        else:
            if not compiled.affine:
                self.striding.add(f"{loop.variable or 'loop'}@{node.start_byte}")
            innermost = loop.trips is not None and not self._loop_body(node).nests
            control = costs.UNROLLED_CONTROL if innermost and compiled.affine else costs.LOOP_CONTROL
            self.tally.count(Operation.INT, inner, control)
        values = () if loop.affine else doubling(head, self.lookup)
        with self._repeated(node, loop.variable, trips, step, times):
            if unrolled and loop.variable in self.names and (value := self.names[loop.variable].value):
                self.unrolled |= value.symbols & (self.tally.derived.keys() | self.ranges.keys())
            around = self.doubling
            if values:
                self.doubling = {**around, loop.variable: values}
            body = child(node, "body")
            if body is not None:
                self.statement(body, inner)
            self.doubling = around

    def _note_early_end(self, node: Node, trips: Polynomial) -> None:
        """A loop that counts and asks for data as well is taken to run as long as it counts."""
        if trips.number == 0 or any(name.startswith("trips@") for name in trips.symbols):
            return
        condition = inside(child(node, "condition"), ("condition_clause", "parenthesized_expression"))
        left, operator, right = operands(condition) if condition is not None else (None, "", None)
        extents = Extents(self.tally)
        if operator == "&&":
            sooner = any(self.chance(one, extents) is None for one in (left, right))
        else:
            sooner = (
                is_endless(node)
                and sum(is_nearest(node, one) for one in descendants(node, "break_statement")) > 1
            )
        if sooner:
            line = node.start_point.row + 1
            self.tally.assume(
                f"the loop in line {line} runs to its end: what may end it sooner depends on data",
                Doubt.TRIPS,
            )

    def _as_many_as_threads(self, start: Polynomial | None, trips: Polynomial) -> None:
        """Where threads walk up to a size that nothing tells, it is no less than there are threads."""
        if start is None or not self.ranges.keys() & start.symbols & {*self.tally.parallel}:
            return
        unknown = trips.symbols - self.ranges.keys() - self.tally.derived.keys() - self.tally.sizes.keys()
        last = {name: self.ranges[name] - 1 for name in start.symbols if name in self.ranges}
        most = start.substitute(last).number
        if len(unknown) == 1 and most is not None:
            self.tally.sizes[next(iter(unknown))] = max(most + 1, DEFAULT_SIZE)

    def _unrolled(self, node: Node, compiled: Loop) -> bool:
        """Whether compilers unroll a loop fully: its few iterations are known when compiling."""
        known = compiled.trips.number if compiled.trips is not None else None
        if known is None or known > costs.UNROLLED_TRIPS:
            return False
        for pragma in pragmas_before(node):
            copies = copies_asked(self.source.code(pragma).decode("utf-8", "replace"), self.compiled)
            if copies is not None:
                return copies >= known
        most = costs.UNROLLED_SIZE / known if known else 0.0
        return known * size(child(node, "body"), self._compiled_trips, most) <= costs.UNROLLED_SIZE

    def _compiled_trips(self, node: Node) -> float | None:
        """How often a loop runs, where the compiler knows it."""
        trips = read_loop(self._head(node), self.compiled).trips
        return trips.number if trips is not None else None

    def _while(self, node: Node, times: Polynomial) -> None:
        geometric = doubling_while(node, self.lookup)
        variable, values = geometric or ("", ())
        trips = self._trips(node) if geometric is None else Polynomial.constant(len(values))
        if node.type == "do_statement":
            least = trips.number
            if least == 0 and (body := child(node, "body")) is not None:
                self.statement(body, times)  # a block that is written as a loop: do { } while (0)
                return
            trips = trips if least is None else Polynomial.constant(max(1.0, least))
        self._note_early_end(node, trips)
        inner = times * trips
        self.tally.visits.loop(self.source, node, LoopVisits(times, inner))
        self.tally.count(Operation.INT, inner)
        around = self.doubling
        if values:
            self.doubling = {**around, variable: values}
        with self._repeated(node, "", trips, None, times):
            for item in node.named_children:
                self.statement(item, inner)
        self.doubling = around

    def _trips(self, node: Node) -> Polynomial:
        """Iterations of a loop whose condition is on a variable that its body steps, else a symbol."""
        condition = inside(child(node, "condition"), ("condition_clause", "parenthesized_expression"))
        if (known := evaluate(condition, self.compiled)) is not None and known.number == 0:
            return ZERO
        changed = self._loop_body(node).updates
        for name in changed:
            stepped = ("++{}", "--{}") if node.type == "do_statement" else ("{}++", "{}--")
            relation = relation_that_runs(node, name, *(one.format(name) for one in stepped))
            start, step = self.lookup(name), self._step(changed, name)
            if relation is None or start is None or step is None:
                continue
            limit = limit_of(relation, self.lookup)
            if limit is not None:
                trips = arithmetic_trips(start, limit, step, relation[0], self.tally.mean)
                if trips is not None:
                    return trips
        if (often := halvings(node, self.lookup, self._is_real)) is not None:
            return Polynomial.constant(often)
        if (swap := swap_that_ends(node, condition)) is not None:
            attempts = self._attempts(self._followed(swap.place))
            return _EXTREME_ATTEMPTS if swap.gives_up and attempts != ONE else attempts
        return Polynomial.symbol(f"trips@{node.start_point.row + 1}")

    def _followed(self, place: Node) -> frozenset[str]:
        """The indices that what an expression names varies with: all of them where that is not known."""
        words = (
            self.names.get(text_of(word)) for word in descendants(place, "identifier", "field_expression")
        )
        named = [value for value in words if value is not None]
        if any(
            value.value is None and (value.array is None or value.array.offset is None) for value in named
        ):
            return frozenset(self.ranges)
        return frozenset(
            index for value in named for one in value.polynomials for index in self.tally.indices(one)
        )

    def _is_real(self, name: str) -> bool:
        """Whether a name is that of a floating-point variable."""
        value = self.names.get(name)
        return value is not None and value.type.arithmetic in (Scalar.HALF, Scalar.SP, Scalar.DP)

    def _loop_body(self, node: Node) -> LoopBody:
        return self.changes.loops.get(node.id) or LoopBody.of(node)  # of a file that is included here

    def _step(self, changed: Updates, name: str) -> Polynomial | None:
        """What a loop adds to a variable each time round; None if that is not fixed."""
        total = ZERO
        for step in changed[name] or ():
            if step.amount is not None and any(
                text_of(word) in changed for word in descendants(step.amount, "identifier")
            ):
                return None
            amount = ONE if step.amount is None else evaluate(step.amount, self.lookup)
            if amount is None:
                return None
            total = total + amount * step.sign
        return total if changed[name] else None

    @contextmanager
    def _repeated(
        self, node: Node, variable: str, trips: Polynomial, step: Polynomial | None, times: Polynomial
    ) -> Iterator[None]:
        """Inside of a loop: what it changes depends on its index, there and after it."""
        index = f"{variable or 'loop'}@{node.start_byte}"
        self.tally.ranges[index] = trips
        if node.start_byte in self.tally.shared_loops:
            shared = self.tally.shared_loops[node.start_byte]
            self.tally.share(index, trips, fast=shared.fast)
            self.tally.count(Operation.INT, times * trips, shared.integers)
        changed = self._loop_body(node).updates
        steps = {name: self._step(changed, name) for name in changed if name in self.names}
        if variable in self.names:
            steps[variable] = step
        before = {name: self.names[name] for name in steps}
        for name, by in steps.items():
            self.names[name] = self._advanced(name, before[name], by, Polynomial.symbol(index), index)
            self.fixed.pop(name, None)
        around = self.loops, self.entered, self.renewing
        self.loops, self.entered = (*self.loops, index), (*self.entered, times)
        self.renewing |= {self._array(name) for name in self._loop_body(node).stores}
        try:
            yield
        finally:
            self.loops, self.entered, self.renewing = around
            for name, by in steps.items():
                self.names[name] = self._advanced(name, before[name], by, trips, index)

    def _array(self, name: str) -> str:
        """The array that a name stands for."""
        value = self.names.get(name)
        return value.array.name if value is not None and value.array is not None else name

    def _advanced(
        self, name: str, value: Value, step: Polynomial | None, rounds: Polynomial, index: str
    ) -> Value:
        """A variable after some rounds of a loop that adds ``step`` to it, or does what is not known."""
        kind = value.type
        if value.refers:
            return value
        if step is not None and value.array is not None and value.array.offset is not None:
            return Value(kind, None, value.array.at(value.array.offset + step * rounds))
        if step is not None and value.value is not None:
            return Value(kind, value.value + step * rounds)
        if kind.is_pointer:
            return Value(kind, None, value.array.at(None) if value.array else None)
        if kind.scalar is not Scalar.INT:
            return Value(kind, None, value.array)
        derived = Derived(frozenset((*self.tally.threads, *self.loops, index)))
        return Value(kind, self.tally.derive(f"{name}[{index}]", derived))
