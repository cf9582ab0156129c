"""Count calls: known functions by their cost, the program's own by counting their bodies."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tree_sitter import Node

from . import costs
from .bindings import BindingCounter, Receiver, is_known
from .closures import changed_around
from .counts import Doubt
from .ctype import UNKNOWN, CType, Scalar, lane_of, wider
from .declarations import Function, closure_of
from .inlining import Part, Walk
from .macro_calls import MOST_NESTED
from .polynomial import ONE, ZERO, Polynomial
from .syntax import bare_name, text_of
from .syntax import field as child
from .values import Value, referring

_CLOSURE_BYTES = 8


class _Closure(NamedTuple):
    """A lambda with the scope that it sees, and the names that it changes there."""

    function: Function
    scope: CallCounter
    changed: frozenset[str]


@dataclass(slots=True)
class CallCounter(BindingCounter):
    """Counts calls: those of a kernel, and of a ``walk`` through one body of it.

    ``closures`` are the lambdas that were met, by the types that they have.
    """

    closures: dict[str, _Closure] = field(default_factory=dict)

    def closure(self, node: Node) -> Value:
        kind = CType(Scalar.OTHER, _CLOSURE_BYTES, struct=f"lambda@{id(self.source)}:{node.start_byte}")
        function = closure_of(node, self.source)
        self.closures[kind.struct] = _Closure(function, self, changed_around(function))
        return Value(kind)

    def call(self, node: Node, times: Polynomial, *, write: bool = False) -> Value:
        """Count a call; ``write`` when what it refers to is assigned to."""
        function = _unwrapped(child(node, "function"))
        callee = self.program.renamed(text_of(function))
        name = bare_name(callee)
        receiver = self._receiver(function, times)
        arguments = child(node, "arguments")
        nodes = [item for item in arguments.named_children if item.type != "comment"] if arguments else []
        referred = self._referred(name, len(nodes)) if name in self.program.overloads else ()
        values = [self._argument(item, times, refers=at in referred) for at, item in enumerate(nodes)]
        kind = values[0].type if values else UNKNOWN
        for value in values[1:]:
            kind = wider(kind, value.type)
        if receiver is not None and (closure := self.closures.get(receiver.value.type.struct)):
            return self._of_closure(closure, values, nodes, times)
        if known := self.library(name, node, values, kind, times):
            return known
        if known := self.of_group(function, receiver and receiver.value, values, times):
            return known
        macro = self.program.function_macros.get(name)
        if macro is not None and self.depth < MOST_NESTED and not self.inlined.is_full_of_macros:
            return self.expand(macro, values, nodes, times, write=write)
        own = self._own(callee, function, receiver, values)
        makes = name.startswith("make_") and lane_of(name.removeprefix("make_")) is not None
        if makes and own is not None and len(values) > len(own.parameters):
            own = None  # the program's own ones are made of the language's, which takes each number
        if own is not None:
            own = self.program.written_out(own)
        if receiver is not None:
            self._reached(receiver.value, own, times)
        if own is not None and own.is_kernel:
            if self._is_launch(node):
                return Value(UNKNOWN)  # what it costs is told where it is defined
            own = None  # something else of that name
        if own is not None and own.body is not None:
            inner = self.inside(own, callee, values, nodes, receiver)
            return self._inline(own, inner, times, write=write)
        if name.startswith("make_") and (vector := self.type_of(name.removeprefix("make_"))) is not None:
            return Value(vector)
        cast = self.type_of(callee.partition("<")[2].rstrip("> ") or callee)
        if cast is not None and (name.endswith("_cast") or is_known(cast)):
            return self.converted(values[0], cast) if values else Value(cast)
        if name not in costs.FREE and name:
            self.tally.assume(f"{name}() is not counted: its source is not in the program", Doubt.TRIPS)
        return Value(kind)

    def _referred(self, name: str, count: int) -> Collection[int]:
        """The arguments of so many that all functions of a name take by reference, to store to them."""
        takes = [one.parameters for one in self.program.overloads[name] if len(one.parameters) == count]
        return [
            at
            for at, ones in enumerate(zip(*takes, strict=False))
            if all(one.reference and not one.constant for one in ones)
        ]

    def _argument(self, node: Node, times: Polynomial, *, refers: bool) -> Value:
        """An argument's value; of one that ``refers`` it is not read here."""
        if refers and node.type in ("subscript_expression", "pointer_expression"):
            place = referring(self.address_of(node, times))
            if place is not None:
                return Value(place.type.element, None, place.array)
        return self.expression(node, times)

    @property
    def surroundings(self) -> Hashable:
        """What a function's walk depends on besides what it is given and the indices there are."""
        return None

    def _is_launch(self, call: Node) -> bool:
        """Whether there is a launch configuration between a function and its arguments."""
        stretch = self.source.masked.within(call.start_byte, call.end_byte)
        return any(item.kind == "launch" for item in stretch)

    def operation(
        self, operator: str, operands: Sequence[Value], nodes: Sequence[Node | None], times: Polynomial
    ) -> Value | None:
        """Count the operator that the program defines for objects; None where it defines none for these."""
        if not any(one.type.struct and not one.type.is_pointer for one in operands):
            return None
        known = [one for one in self.program.overloads.get(f"operator{operator}", ()) if one.body is not None]
        methods = [one for one in known if one.owner and one.owner == operands[0].type.struct]
        free = [one for one in known if not one.owner and self._takes(one, operands)]
        if not (methods or free):
            return None
        for one in operands:
            self.whole(one, times, write=False)
        if methods:
            method = self._fitting(methods, operands[1:])
            receiver = Receiver(text_of(nodes[0]), operands[0])
            return self._inline(method, self.inside(method, "", operands[1:], nodes[1:], receiver), times)
        function = self._fitting(free, operands)
        return self._inline(function, self.inside(function, "", operands, nodes, None), times)

    def subscripted(
        self, base: Value, index: Value, nodes: Sequence[Node | None], times: Polynomial, *, write: bool
    ) -> Value | None:
        """Count the subscript that the program defines for an object; None where it defines none."""
        known = self.program.overloads.get("operator[]", ())
        methods = [one for one in known if one.owner == base.type.struct and one.body is not None]
        if not methods:
            return None
        method = self._fitting(methods, (index,))
        self._reached(base, method, times)
        receiver = Receiver(text_of(nodes[0]), base)
        return self._inline(
            method, self.inside(method, "", (index,), nodes[1:], receiver), times, write=write
        )

    def _takes(self, function: Function, operands: Sequence[Value]) -> bool:
        """Whether an operator is one for such objects."""
        kinds = [self.type_of(one.type) for one in function.parameters]
        if len(kinds) != len(operands):
            return False
        alike = (kind == one.type and one.type.struct for kind, one in zip(kinds, operands, strict=True))
        return bool(function.template_parameters) or any(alike)

    def _receiver(self, function: Node | None, times: Polynomial) -> Receiver | None:
        """The object whose method is called."""
        if function is None:
            return None
        if function.type == "field_expression":
            argument = child(function, "argument")
            text, value = text_of(argument), self.expression(argument, times)
        elif function.type == "identifier" and text_of(function) in self.names:
            text, value = text_of(function), self.names[text_of(function)]  # called as a function
        elif function.type == "lambda_expression":
            text, value = "", self.closure(function)
        else:
            return None
        return Receiver(text, value._replace(type=_pointee(value.type)))

    def _own(
        self, callee: str, function: Node | None, receiver: Receiver | None, values: Sequence[Value]
    ) -> Function | None:
        """The program's function that is called: a method of the receiver's class, or one of that name."""
        if receiver is None:
            return self._overload(callee, values)
        if function is not None and function.type == "field_expression":
            name = text_of(child(function, "field")).split("<")[0]
        else:
            name = "operator()"
        known = self.program.overloads.get(name, ())
        methods = [one for one in known if one.owner and one.owner == receiver.value.type.struct]
        return self._fitting(methods, values) if methods else None

    # The program's own functions and macros

    def _reached(self, value: Value, method: Function | None, times: Polynomial) -> None:
        """Count what a method reads and writes of its object: the members that it names, or all of it."""
        kind, array = value.type, value.array
        if array is None or method is None or kind.struct not in self.program.structs:
            self.whole(value, times, write=False)
            return
        words = method.words
        sizes = {
            name: self.program.member_type(kind, name).bytes
            for name in self.program.structs[kind.struct]
            if name in words
        }
        if size := sum(sizes.values()):
            self.access(array, kind, min(size, kind.bytes), times, write=False)
        if size := sum(sizes[name] for name in sizes.keys() & method.changes.names):
            self.access(array, kind, min(size, kind.bytes), times, write=True)

    def _overload(self, callee: str, values: Sequence[Value]) -> Function | None:
        """Of the functions of a name the one whose parameters fit best; the first of those that fit alike."""
        owner, _, name = callee.partition("<")[0].strip().rpartition("::")
        known = self.program.overloads.get(name, ())
        if len(known) < 2:
            return self.program.functions.get(name)
        this = self.names.get("this")
        owners = ("", owner.rpartition("::")[2], this.type.struct if this is not None else "")
        return self._fitting([one for one in known if one.owner in owners] or known, values)

    def _fitting(self, known: Sequence[Function], values: Sequence[Value]) -> Function:
        def misfits(function: Function) -> tuple[bool, bool, int, bool]:
            kinds = [self.type_of(one.type) for one in function.parameters]
            alike = sum(kind == value.type for kind, value in zip(kinds, values, strict=False))
            elsewhere = function.source is not self.source  # two files may have a static one of one name
            return function.body is None, len(kinds) != len(values), -alike, elsewhere

        return min(known, key=misfits)

    def _inline(
        self, function: Function, inner: CallCounter, times: Polynomial, *, write: bool = False
    ) -> Value:
        """Count a function's body; equal arguments cost the same, so each is walked once."""
        given = [*inner.names.items()][len(self.builtins) :]
        arrays = {value.array.name for _, value in given if value.array is not None}
        inner.tally = self.tally.part([one for _, value in given for one in value.polynomials])
        # Within a function an array is taken to hold what it held: else no two calls in a row were alike.
        before = {} if self.depth else {name: self.stored[name] for name in arrays & self.stored.keys()}
        inner.stored = dict(before)
        inner.unrolled = self.unrolled & {*inner.tally.ranges, *inner.tally.derived}
        tally = inner.tally
        takes = bool(self.closures) and any(map(self._is_closure, inner.names.values()))
        key = (
            id(self.program),
            function.node.id,
            inner.depth,
            inner.active,
            inner.local_space,
            *given,
            *inner.fixed.items(),
            *inner.types.items(),
            frozenset(tally.ranges.items()),
            frozenset(tally.derived.items()),
            frozenset(tally.sizes.items()),
            frozenset(before.items()),
            frozenset(inner.unrolled),
            object() if takes else None,  # what a lambda does depends on more than is given
            self.surroundings,
            tuple(name if name in tally.ranges else "" for name in tally.parallel[:1]),
            tuple(name for name in tally.parallel if name in tally.ranges),
        )
        part = self.inlined.known(key)
        if part is None and (self.depth >= MOST_NESTED or self.inlined.is_full):
            self.tally.assume(
                f"{function.name}() is counted to a depth of {MOST_NESTED} calls only", Doubt.TRIPS
            )
        elif part is None and function.body is not None:
            part = inner.part(function.body)
            # A lambda's type says something to the kernel alone that met it.
            gives = part.returned is not None and self._is_closure(part.returned)
            self.inlined.keep(key, part, is_own=takes or gives)
        if part is not None:
            self.walk.meet(part)
            self.tally.learn(part.tally)
            for name, times_stored in part.stored.items():
                self.stored[name] = self.stored.get(name, 0) + times_stored - before.get(name, 0)
            self.unrolled |= part.unrolled
        kind = inner.type_of(function.return_type)
        if kind is None:
            kind = part.returned.type if part is not None and part.returned is not None else UNKNOWN
        if part is None:
            return Value(kind)
        self.tally.add(part.tally, times, self.loops)
        if part.returned is None:
            return Value(kind, None)
        if function.by_reference and part.returned.type.is_pointer and not kind.is_pointer:
            return self.element(part.returned, ZERO, times, write=write)
        return self.converted(part.returned, kind)

    def _of_closure(
        self, closure: _Closure, values: Sequence[Value], nodes: Sequence[Node | None], times: Polynomial
    ) -> Value:
        """Count a lambda's body, which sees what is around it; what it changes there is not known after."""
        function, scope, changed_there = closure
        inner = self.inside(function, "", values, nodes, None)
        changed = function.changes.names
        known = {name: value for name, value in scope.fixed.items() if name not in changed}
        inner.names, inner.fixed = {**self.builtins, **scope.names, **inner.names}, known | inner.fixed
        inner.types, inner.spaces = {**inner.types, **scope.types}, dict(scope.spaces)
        returned = self._inline(function, inner, times)
        for name in changed_there & scope.names.keys():
            scope.names[name] = scope.names[name]._replace(value=None)
        return returned

    def _is_closure(self, value: Value) -> bool:
        return value.type.struct in self.closures

    def part(self, body: Node) -> Part:
        """One run of the function that this is the scope of."""
        self.walk = Walk()
        self.statement(body, ONE)
        return Part(self.tally, self.returned, self.stored, self.unrolled, self.walk)


def _unwrapped(function: Node | None) -> Node | None:
    """What is called in ``(f)(x)``; a type there is a cast."""
    while function is not None and function.type == "parenthesized_expression" and function.named_children:
        function = function.named_children[0]
    return function


def _pointee(kind: CType) -> CType:
    return kind.element if kind.is_pointer else kind
