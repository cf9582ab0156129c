"""What the members of a kernel's own structs and vectors are worth: each is a name, as ``c.x``.

Coordinates are often kept in an ``int2`` or a struct. Members of what lies in memory are no names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from .ctype import UNKNOWN, CType, Scalar, lane_of
from .evaluate import evaluate
from .narrowing import NarrowingCounter
from .syntax import field as child
from .syntax import text_of
from .values import Value

_LANES = "xyzw"
_LISTS = ("initializer_list", "argument_list")
_OWN = "register"


@dataclass(slots=True)
class PartCounter(NarrowingCounter):
    """Keeps the values of members, as far as they are integers."""

    def has_parts(self, kind: CType) -> bool:
        """Whether a type is a struct of the program or a vector."""
        known = kind.struct in self.program.structs or lane_of(kind.struct) is not None
        return known and not kind.is_pointer

    def is_part(self, target: Node | None) -> bool:
        """Whether something is a member of a struct that is a thread's own variable or parameter."""
        owner = (
            child(target, "argument") if target is not None and target.type == "field_expression" else None
        )
        return owner is not None and owner.type == "identifier" and self._is_own(text_of(owner))

    def keep_part(self, target: Node, value: Value) -> None:
        """Remember what a member was given."""
        owner = self.names[text_of(child(target, "argument"))].type
        kind = self.program.member_type(owner, text_of(child(target, "field")))
        self.names[text_of(target)] = Value(kind, value.value if kind.scalar is Scalar.INT else None)

    def declare_parts(self, name: str, given: Node | None) -> None:
        """Begin a variable of the block, which others of that name around it have nothing to do with."""
        for member in self._part_names(self.names[name].type):
            self.shadowed.setdefault(f"{name}.{member}", self.names.get(f"{name}.{member}"))
        self.keep_parts(name, given)

    def keep_parts(self, name: str, given: Node | None) -> None:
        """Remember what the members of a variable are after it was given something as a whole."""
        if not self._is_own(name):
            return
        known = dict(self._stated(self.names[name].type, given))
        self.forget(name, itself=False)
        self.names |= {f"{name}.{member}": value for member, value in known.items()}

    def leave(self, name: str, value: Value) -> None:
        """Remember what a function has left in a variable or a member that it was given."""
        known = self.names.get(name)
        if known is not None and not known.refers:
            self.names[name] = known._replace(value=value.value)
        elif self._is_own(name.rpartition(".")[0]):
            self.names[name] = Value(value.type, value.value)

    def forget(self, name: str, *, itself: bool = True) -> None:
        """What a variable and its members are worth is not known any more: others may have changed it."""
        for one in (*([name] if itself and name in self.names else ()), *self.parts_of(name)):
            self.names[one] = self.names[one]._replace(value=None)

    def parts_of(self, *names: str) -> list[str]:
        """The members of variables of which something is known."""
        return [one for one in self.names if "." in one and one.partition(".")[0] in names]

    def _is_own(self, name: str) -> bool:
        known = self.names.get(name)
        if known is None or known.refers or not self.has_parts(known.type):
            return False
        return known.array is None or (known.array.space == _OWN and not known.array.extents)

    def _stated(self, kind: CType, given: Node | None) -> Iterator[tuple[str, Value]]:
        """The members of a struct that is made of a list of values, or is a copy."""
        if given is not None and given.type == "identifier":
            source = text_of(given)
            for one in self.parts_of(source):
                yield one.removeprefix(f"{source}."), self.names[one]
            return
        for member, item in zip(self._part_names(kind), self._part_values(kind, given), strict=False):
            declared = self.program.member_type(kind, member)
            if declared.scalar is Scalar.INT and not declared.is_pointer:
                yield member, Value(declared, evaluate(item, self.lookup))

    def _part_names(self, kind: CType) -> Sequence[str]:
        return (
            _LANES if lane_of(kind.struct) is not None else tuple(self.program.structs.get(kind.struct, ()))
        )

    def _part_values(self, kind: CType, given: Node | None) -> Sequence[Node]:
        """The values in ``{a, b}``, ``T{a, b}``, ``make_int2(a, b)``, or, of a vector, ``(a, b)``."""
        if given is not None and given.type == "compound_literal_expression":
            given = child(given, "value")
        elif given is not None and given.type == "call_expression":
            called = self.type_of(text_of(child(given, "function")).removeprefix("make_")) or UNKNOWN
            given = child(given, "arguments") if called.struct == kind.struct else None
        if given is None or given.type not in _LISTS:
            return ()
        if given.type == "argument_list" and lane_of(kind.struct) is None:
            return ()  # what a constructor makes of it, it says itself
        return [one for one in given.named_children if one.type != "comment"]
