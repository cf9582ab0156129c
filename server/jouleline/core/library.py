"""Count the functions of the language and its libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from . import complexes, costs, groups, halves
from .arithmetic import CLASS_OF
from .counts import Operation
from .ctype import DOUBLE, FLOAT, INT, CType, Scalar, result_of_conversion
from .derive import extreme
from .evaluate import evaluate, evaluate_text
from .polynomial import ONE, ZERO, Polynomial
from .syntax import text_of
from .transfers import TransferCounter
from .values import NOTHING, Value

_PRODUCTS = frozenset(("__mul24", "__umul24"))
_CHOICES = frozenset("min max umin umax".split())
_ATOMICS = ("atomic", "__hip_atomic", "__atomic")
_ADDED_IN_A_LOOP = (Scalar.HALF, Scalar.SP, Scalar.DP)
_CACHED_STORES = ("__stwb", "__stcg", "__stcs", "__stwt")
_CACHED_LOADS = ("__ldg", "__ldca", "__ldcg", "__ldcs", "__ldlu", "__ldcv")


@dataclass(slots=True)
class LibraryCounter(TransferCounter):
    """Counts calls of what is no function of the program.

    ``present`` is the share of a block's threads that get here, as far as branches on their indices tell.
    """

    present: float = 1.0

    def library(
        self, name: str, node: Node, values: Sequence[Value], kind: CType, times: Polynomial
    ) -> Value | None:
        """Count a function of the language or its libraries; None if it is none."""
        if (told := self.names.get(f"{name}()")) is not None:
            return told
        if name.startswith(_ATOMICS):
            return self._atomic(node, values, times)
        if name in _CACHED_LOADS and values:
            return self.element(values[0], ZERO, times, write=False)
        if name in _CACHED_STORES and values:
            return self.element(values[0], ZERO, times, write=True)
        if name in ("memcpy", "memset") and len(values) > 2:
            return self._copied(name, values, times)
        if (converted := result_of_conversion(name)) is not None:
            return Value(converted)
        if special := costs.special_function(name):
            told = self._special(special, node, kind, times)
            numbers = [one.value is not None and one.value.number is not None for one in values]
            return told._replace(value=evaluate(node, self.lookup)) if numbers and all(numbers) else told
        if name not in self.program.overloads and (found := self._of_header(name, kind, times)) is not None:
            return found
        if name in costs.PLAIN:
            self.tally.count(CLASS_OF[kind.scalar], times, costs.PLAIN[name])
            product = name in _PRODUCTS and len(values) > 1
            return Value(kind, self.combined("*", *values[:2]) if product else None)
        if name in costs.INTEGER and values:
            if kind.arithmetic is Scalar.INT:
                self.tally.count(Operation.INT, times, costs.INTEGER[name])
            known = evaluate(node, self.lookup)
            if known is None and name in _CHOICES:
                known = extreme(values, self.tally, least=name.endswith("min")).value
            return Value(kind, known)
        return self.of_matrices(name, node, values, times) or self.transfer(name, node, values, times)

    def _of_header(self, name: str, kind: CType, times: Polynomial) -> Value | None:
        """Count a function that a toolkit's header defines for halves or complex numbers."""
        if (of_halves := halves.FUNCTIONS.get(name)) is not None:
            for operation, amount in of_halves.operations:
                self.tally.count(operation, times, amount)
            return Value(kind if kind.scalar is of_halves.result.scalar else of_halves.result)
        if (of_complex := complexes.function(name)) is not None:
            result, operations = of_complex
            for operation, amount in operations.items():
                self.tally.count(operation, times, amount)
            return Value(result)
        return None

    def of_group(
        self, function: Node | None, group: Value | None, values: Sequence[Value], times: Polynomial
    ) -> Value | None:
        """Count a function or a method of cooperative groups; None if it is none."""
        callee = text_of(function)
        if group is not None:
            method = callee.rpartition(".")[2].partition("<")[0]
            if not groups.is_group(group):
                return None
            told = groups.member(group, method, self.names, self.tally)
            if told is not None and self.tally.indices(told):
                self.integer(told, "", 1, times)
            return Value(INT, told) if told is not None or not values else values[0]
        name, _, size = callee.rpartition("::")[2].partition("<")
        if name in self.program.overloads:
            return None
        asked = values[1].value if name == "tiled_partition" and len(values) > 1 else None
        made = groups.made(name, evaluate_text(size.rpartition(">")[0], self.lookup) or asked)
        if made is None and len(values) > 1 and (steps := groups.steps(name, values[0])):
            self.tally.count(CLASS_OF[values[1].type.arithmetic], times, steps)
            made = values[1]._replace(value=None)
        return made if made is not None or not any(map(groups.is_group, values)) else NOTHING

    def _special(self, special: costs.Special, node: Node, kind: CType, times: Polynomial) -> Value:
        of_c = self.has_c_functions and "::" not in text_of(node.child_by_field_name("function"))
        double = (of_c or kind.scalar not in (Scalar.SP, Scalar.HALF)) and not special.single
        if (known := evaluate(node, self.compiled)) is not None:
            return Value(DOUBLE if double else FLOAT, known)  # the compiler works it out
        floating, integers = special.cost(double=double, fast=self.program.is_fast)
        self.tally.count(Operation.SPECIAL, times)
        self.tally.count(Operation.DP if double else Operation.SP, times, floating)
        self.tally.count(Operation.INT, times, integers)
        if double and (single := costs.SINGLE_IN_DOUBLE.get(special.name)):
            self.tally.count(Operation.SP, times, single)
        return Value(DOUBLE if double else FLOAT)

    def _atomic(self, node: Node, values: Sequence[Value], times: Polynomial) -> Value:
        if not values:
            return NOTHING
        element, array = values[0].type.element, values[0].array
        if array is not None:
            for write in (False, True):
                self.access(array, element, element.bytes, times, write=write)
        if array is not None and array.space == "shared" and element.scalar in _ADDED_IN_A_LOOP:
            offset = array.offset
            attempts = times * self._attempts(
                frozenset(self.ranges) if offset is None else self.tally.indices(offset)
            )
            self.tally.visits.attempt(self.source, node, times, attempts)
            self.tally.count(CLASS_OF[element.scalar], attempts, element.numbers)
            self.tally.count(Operation.INT, attempts, costs.ATTEMPT)
        # Elsewhere the memory's own units do the arithmetic: no class of operations counts it.
        return Value(element)

    def _copied(self, name: str, values: Sequence[Value], times: Polynomial) -> Value:
        """Count a copy or a fill of so many bytes."""
        size = self.number(values, 2)
        ends = ((values[0], True), (values[1], False)) if name == "memcpy" else ((values[0], True),)
        for value, write in ends:
            if value.array is not None and value.array.space == "global" and value.type.is_pointer and size:
                self.access(value.array, value.type.element, int(size), times, write=write)
        return values[0]

    def _attempts(self, indices: frozenset[str]) -> Polynomial:
        """How often a thread tries to update what others change meanwhile, at a place that ``indices`` tell.

        All n threads of a block that are there try at the same time, and one of them succeeds each time:
        (n + 1) / 2.
        """
        threads = Polynomial.constant(self.present)
        for name, extent in self.ranges.items():
            if name.startswith("threadIdx"):
                if name in indices:
                    return ONE
                threads = threads * extent
        known = threads.number
        return (threads + 1) * 0.5 if known is None else Polynomial.constant((max(1.0, known) + 1) / 2)
