"""Count calls: known functions by their cost, the program's own by counting their bodies."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from tree_sitter import Node

from . import costs
from .counts import Doubt
from .ctype import FLOAT, INT, UNKNOWN, CType, Scalar, wider
from .declarations import Function, template_parameters, type_parameters
from .evaluate import evaluate, evaluate_text, parse_expression, split_arguments
from .facts import Macro
from .inlining import Inlined, Part, Walk
from .library import LibraryCounter
from .polynomial import ONE, ZERO, Polynomial
from .scope import Remembered
from .syntax import field as child
from .syntax import text_of
from .values import Array, Value

_DEPTH = 6


class _Receiver(NamedTuple):
    """An object whose method is called, and how it is written."""

    text: str
    value: Value


@dataclass
class CallCounter(LibraryCounter):
    """Counts calls: those of a kernel, and of a ``walk`` through one body of it."""

    inlined: Inlined = field(default_factory=Inlined)
    walk: Walk = field(default_factory=Walk)
    returned: Value | None = None

    def call(self, node: Node, times: Polynomial, *, write: bool = False) -> Value:
        """Count a call; ``write`` when what it refers to is assigned to."""
        function = _unwrapped(child(node, "function"))
        callee = text_of(function)
        name = callee.split("<")[0].split("::")[-1].strip()
        receiver = self._receiver(function, times)
        arguments = child(node, "arguments")
        nodes = [item for item in arguments.named_children if item.type != "comment"] if arguments else []
        values = [self.expression(item, times) for item in nodes]
        kind = values[0].type if values else UNKNOWN
        for value in values[1:]:
            kind = wider(kind, value.type)
        if known := self.library(name, node, values, kind, times):
            return known
        if known := self.of_group(function, receiver and receiver.value, values, times):
            return known
        macro = self.program.function_macros.get(name)
        if macro is not None and self.depth < _DEPTH and not self.inlined.is_full_of_macros:
            return self._expand(macro, values, nodes, times)
        own = self._own(callee, function, receiver, values)
        if own is not None:
            own = self.program.written_out(own)
        if receiver is not None:
            self._reached(receiver.value, own, times)
        if own is not None and own.is_kernel:
            if self._is_launch(node):
                return Value(UNKNOWN)  # what it costs is told where it is defined
            own = None  # something else of that name
        if own is not None and own.body is not None:
            inner = self._inside(own, callee, values, nodes, receiver)
            return self._inline(own, inner, times, write=write)
        if name.startswith("make_") and (vector := self.type_of(name.removeprefix("make_"))) is not None:
            return Value(vector)
        cast = self.type_of(callee.partition("<")[2].rstrip("> ") or callee)
        if cast is not None and (name.endswith("_cast") or _is_known(cast)):
            return self.converted(values[0], cast) if values else Value(cast)
        if name not in costs.FREE and name:
            self.tally.assume(f"{name}() is not counted: its source is not in the program", Doubt.TRIPS)
        return Value(kind)

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
            receiver = _Receiver(text_of(nodes[0]), operands[0])
            return self._inline(method, self._inside(method, "", operands[1:], nodes[1:], receiver), times)
        function = self._fitting(free, operands)
        return self._inline(function, self._inside(function, "", operands, nodes, None), times)

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
        receiver = _Receiver(text_of(nodes[0]), base)
        return self._inline(
            method, self._inside(method, "", (index,), nodes[1:], receiver), times, write=write
        )

    def _takes(self, function: Function, operands: Sequence[Value]) -> bool:
        """Whether an operator is one for such objects."""
        kinds = [self.type_of(one.type) for one in function.parameters]
        if len(kinds) != len(operands):
            return False
        alike = (kind == one.type and one.type.struct for kind, one in zip(kinds, operands, strict=True))
        return bool(function.template_parameters) or any(alike)

    def _receiver(self, function: Node | None, times: Polynomial) -> _Receiver | None:
        """The object whose method is called."""
        if function is None:
            return None
        if function.type == "field_expression":
            argument = child(function, "argument")
            text, value = text_of(argument), self.expression(argument, times)
        elif function.type == "identifier" and text_of(function) in self.names:
            text, value = text_of(function), self.names[text_of(function)]  # called as a function
        else:
            return None
        return _Receiver(text, value._replace(type=_pointee(value.type)))

    def _own(
        self, callee: str, function: Node | None, receiver: _Receiver | None, values: Sequence[Value]
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
        def misfits(function: Function) -> tuple[bool, bool, int]:
            kinds = [self.type_of(one.type) for one in function.parameters]
            alike = sum(kind == value.type for kind, value in zip(kinds, values, strict=False))
            return function.body is None, len(kinds) != len(values), -alike

        return min(known, key=misfits)

    def _inside(
        self,
        function: Function,
        callee: str,
        values: Sequence[Value],
        nodes: Sequence[Node | None],
        receiver: _Receiver | None,
    ) -> CallCounter:
        """The scope inside of a function: its parameters, template parameters and members are bound."""
        inner = copy(self)
        inner.source, inner.changes = function.source, function.changes
        inner.names, inner.fixed, inner.shadowed = dict(self.builtins), {}, {}
        inner.known, inner.known_compiled = Remembered(), Remembered()
        inner.loops, inner.entered, inner.spaces = (), (), {}
        inner.computed, inner.returned = set(), None
        inner.refers = function.by_reference
        inner.depth += 1
        given = split_arguments(callee.partition("<")[2].rpartition(">")[0])
        inner.types = {**self.types, **self._template_types(function, given, values)}
        if receiver is not None:
            around = self.program.classes.get(function.owner)
            of_class = template_parameters(around) if around is not None else []
            for name, text in zip(of_class, split_arguments(receiver.value.type.arguments), strict=False):
                if (bound := self.type_of(text)) is not None and _is_known(bound):
                    inner.types[name] = bound
            for name in self._open_types(function):
                if name not in inner.types:
                    self.tally.assume(f"{name} = float: the template argument is not known")
                    inner.types[name] = FLOAT
            inner.names |= self._members(receiver, inner.type_of)
        for name, text in zip(function.template_parameters, given, strict=False):
            known = evaluate_text(text, self.lookup)
            if name not in inner.types and known is not None:
                inner.names[name] = Value(INT, known)
                if (fixed := evaluate_text(text, self.compiled)) is not None:
                    inner.fixed[name] = fixed
        for parameter, value, node in zip(function.parameters, values, nodes, strict=False):
            kind = inner.type_of(parameter.type) or UNKNOWN
            inner.names[parameter.name] = self.converted(value, kind)
            if kind.struct and not kind.is_pointer:
                inner.names |= self._known_members(text_of(node), parameter.name)
            changes = parameter.name in function.changes.names
            fixed = None if changes or kind.is_pointer else evaluate(node, self.compiled)
            if fixed is not None:
                inner.fixed[parameter.name] = fixed
            for size, extent in zip(
                parameter.extents, value.array.extents if value.array else (), strict=False
            ):
                if extent is not None and (deduced := text_of(size)) in function.value_parameters:
                    inner.names[deduced] = Value(INT, extent)
                    inner.fixed[deduced] = extent
        return inner

    def _known_members(self, argument: str, parameter: str) -> dict[str, Value]:
        """What is known of the members of an object that a function is given, as the function sees them."""
        within = f"{argument}."
        return {
            f"{parameter}.{name.removeprefix(within)}": value
            for name, value in self.names.items()
            if name.startswith(within)
        }

    def _open_types(self, method: Function) -> Sequence[str]:
        """The types that a method's template, and that of its class, leave open."""
        around = self.program.classes.get(method.owner)
        own = [name for name in method.template_parameters if name not in method.value_parameters]
        return [*own, *(type_parameters(around) if around is not None else ())]

    def _members(self, receiver: _Receiver, type_of: Callable[[str], CType | None]) -> dict[str, Value]:
        """What a method sees of its object, whose memory was counted where it is called."""
        owner = receiver.value.type
        found = {"this": Value(owner.pointer())}
        for name, declared in self.program.structs.get(owner.struct, {}).items():
            member, text = type_of(declared) or UNKNOWN, f"{receiver.text}.{name}"
            if (known := self.names.get(text)) is not None:
                found[name] = known
            elif (array := self.embedded(receiver.value.array, text, owner, name)) is not None:
                found[name] = Value(member, None, array)
            elif member.is_pointer:
                found[name] = Value(member, None, Array(text, "global"))
            else:
                found[name] = Value(member, Polynomial.symbol(text) if member.scalar is Scalar.INT else None)
        return found

    def _template_types(
        self, function: Function, given: Sequence[str], values: Sequence[Value]
    ) -> dict[str, CType]:
        """Template parameters that are types: as given, else as deduced from the arguments."""
        types: dict[str, CType] = {}
        for parameter, value in zip(function.parameters, values, strict=False):
            words = parameter.type.replace("*", " ").replace("const", " ").split()
            if words and words[-1] in function.template_parameters:
                levels = max(0, value.type.indirections - parameter.type.count("*"))
                types[words[-1]] = value.type._replace(indirections=levels)
        for name, text in zip(function.template_parameters, given, strict=False):
            named = None if text.isdigit() else self.type_of(text)
            if named is not None and _is_known(named):
                types[name] = named
        return types

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
            self.surroundings,
            tuple(name if name in tally.ranges else "" for name in tally.parallel[:1]),
            tuple(name for name in tally.parallel if name in tally.ranges),
        )
        part = self.inlined.known(key)
        if part is None and (self.depth >= _DEPTH or self.inlined.is_full):
            self.tally.assume(f"{function.name}() is counted to a depth of {_DEPTH} calls only", Doubt.TRIPS)
        elif part is None and function.body is not None:
            part = inner.part(function.body)
            self.inlined.keep(key, part)
        if part is not None:
            self.walk.meet(part)
            self.tally.learn(part.tally)
            for name, times_stored in part.stored.items():
                self.stored[name] = self.stored.get(name, 0) + times_stored - before.get(name, 0)
            self.unrolled |= part.unrolled
        kind = inner.type_of(function.return_type) or UNKNOWN
        if part is None:
            return Value(kind)
        self.tally.add(part.tally, times, self.loops)
        if part.returned is None:
            return Value(kind, None)
        if function.by_reference and part.returned.type.is_pointer and not kind.is_pointer:
            return self.element(part.returned, ZERO, times, write=write)
        return self.converted(part.returned, kind)

    def part(self, body: Node) -> Part:
        """One run of the function that this is the scope of."""
        self.walk = Walk()
        self.statement(body, ONE)
        return Part(self.tally, self.returned, self.stored, self.unrolled, self.walk)

    def _expand(
        self, macro: Macro, values: Sequence[Value], nodes: Sequence[Node], times: Polynomial
    ) -> Value:
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
        return inner.expression(body, times)


def _unwrapped(function: Node | None) -> Node | None:
    """What is called in ``(f)(x)``; a type there is a cast."""
    while function is not None and function.type == "parenthesized_expression" and function.named_children:
        function = function.named_children[0]
    return function


def _is_known(kind: CType) -> bool:
    return kind.scalar is not Scalar.OTHER or bool(kind.struct)


def _pointee(kind: CType) -> CType:
    return kind.element if kind.is_pointer else kind
