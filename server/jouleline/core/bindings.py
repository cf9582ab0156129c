"""What a device function sees where it is called: its parameters, template parameters and members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple, Self

from tree_sitter import Node

from .ctype import FLOAT, INT, UNKNOWN, CType, Scalar
from .declarations import Declared, Function, template_parameters, type_parameters
from .evaluate import evaluate, evaluate_text, split_arguments
from .macro_calls import MacroCounter
from .polynomial import Polynomial
from .scope import Remembered
from .syntax import text_of
from .values import Array, Value, referring


class Receiver(NamedTuple):
    """An object whose method is called, and how it is written."""

    text: str
    value: Value


@dataclass(slots=True)
class BindingCounter(MacroCounter):
    """Binds what a function sees. ``returned`` is what was returned in it, where that was met."""

    returned: Value | None = None

    def inside(
        self,
        function: Function,
        callee: str,
        values: Sequence[Value],
        nodes: Sequence[Node | None],
        receiver: Receiver | None,
    ) -> Self:
        """The scope inside of a function: its parameters, template parameters and members are bound."""
        inner = copy(self)
        inner.source, inner.changes = function.source, function.changes
        inner.names, inner.fixed, inner.shadowed = dict(self.builtins), {}, {}
        inner.known, inner.known_compiled = Remembered(), Remembered()
        inner.loops, inner.entered, inner.renewing = (), (), frozenset()
        inner.spaces, inner.striding, inner.renewed, inner.written_out = {}, set(), set(), {}
        inner.computed, inner.returned = set(), None
        inner.refers, inner.whole_use = function.by_reference, {}
        inner.depth += 1
        given = split_arguments(callee.partition("<")[2].rpartition(">")[0])
        inner.types = {**self.types, **self._template_types(function, given, values)}
        if receiver is not None:
            around = self.program.classes.get(function.owner)
            of_class = template_parameters(around) if around is not None else []
            for name, text in zip(of_class, split_arguments(receiver.value.type.arguments), strict=False):
                if (bound := self.type_of(text)) is not None and is_known(bound):
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
            kind = inner.type_of(parameter.type) or (UNKNOWN if "auto" not in parameter.type else value.type)
            inner.names[parameter.name] = _bound(parameter, self.converted(value, kind), value)
            if kind.struct and not kind.is_pointer:
                inner.names |= self._known_members(text_of(node), parameter.name)
            fixed = None if kind.is_pointer else evaluate(node, self.compiled)
            if fixed is not None and parameter.name not in function.changes.names:
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

    def _members(self, receiver: Receiver, type_of: Callable[[str], CType | None]) -> dict[str, Value]:
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
        around = self.program.classes.get(function.owner)
        open_names = {*function.template_parameters, *(template_parameters(around) if around else ())}
        for parameter, value in zip(function.parameters, values, strict=False):
            listed = parameter.type.partition("<")[2].rpartition(">")[0] if open_names else ""
            for name, text in zip(
                split_arguments(listed), split_arguments(value.type.arguments), strict=False
            ):
                if name in open_names and (bound := self.type_of(text)) is not None and is_known(bound):
                    types[name] = bound
            words = parameter.type.replace("*", " ").replace("const", " ").split()
            if words and words[-1] in function.template_parameters:
                levels = max(0, value.type.indirections - parameter.type.count("*"))
                types[words[-1]] = value.type._replace(indirections=levels)
        for name, text in zip(function.template_parameters, given, strict=False):
            named = None if text.isdigit() else self.type_of(text)
            if named is not None and is_known(named):
                types[name] = named
        return types


def _bound(parameter: Declared, converted: Value, given: Value) -> Value:
    """What a parameter is; one that refers to what is in memory, and may be stored to, is that place."""
    if not parameter.reference or parameter.constant or converted.type != given.type:
        return converted
    return referring(Value(given.type.pointer(), None, given.array)) or converted


def is_known(kind: CType) -> bool:
    """Whether it is known what a type is."""
    return kind.scalar is not Scalar.OTHER or bool(kind.struct)
