"""What the members of a kernel's own structs and vectors are worth: each is a name, as ``c.x``.

Coordinates are often kept in an ``int2`` or a struct. Of a variable that is used as a whole - by its address,
by a reference, in a call - or changed in a loop around it nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from .ctype import UNKNOWN, CType, Scalar, lane_of
from .declarations import Declared
from .evaluate import evaluate
from .narrowing import NarrowingCounter
from .syntax import ancestor, descendants, operator_of, text_of
from .syntax import field as child
from .values import Array, Value

_LANES = "xyzw"
_LISTS = ("initializer_list", "argument_list")
_REPEATED = ("for_statement", "while_statement", "do_statement", "for_range_loop", "lambda_expression")
_OWN = "register"


@dataclass(slots=True)
class PartCounter(NarrowingCounter):
    """Keeps the values of members, as far as they are integers.

    ``whole_use`` says of the variables that were declared whether they are used as a whole, too.
    """

    whole_use: dict[str, bool] = field(default_factory=dict)

    def declare_parts(self, declared: Declared) -> None:
        """Begin a variable, which others of that name around it have nothing to do with."""
        name = declared.name
        kind = self.names[name].type
        if not self._has_parts(kind) or declared.reference or declared.extents:
            return
        members = self._part_names(kind)
        for member in members:
            self.shadowed.setdefault(f"{name}.{member}", self.names.get(f"{name}.{member}"))
            self.names.pop(f"{name}.{member}", None)
        if name not in self.whole_use:
            self.whole_use[name] = _is_used_whole(declared)
        if not self.whole_use[name]:
            self.names[name] = Value(kind, None, Array(name, _OWN))
            self.keep_parts(name, declared.value)

    def is_part(self, target: Node | None) -> bool:
        """Whether something is a member of a variable of which members are kept."""
        owner = (
            child(target, "argument") if target is not None and target.type == "field_expression" else None
        )
        return owner is not None and self.whole_use.get(text_of(owner)) is False

    def keep_part(self, target: Node, value: Value) -> None:
        """Remember what a member was given."""
        owner, member = text_of(child(target, "argument")), text_of(child(target, "field"))
        kind = self.program.member_type(self.names[owner].type, member)
        kept = self.converted(value, kind).value if kind.scalar is Scalar.INT else None
        self.names[f"{owner}.{member}"] = Value(kind, kept)

    def keep_parts(self, name: str, given: Node | None) -> None:
        """Remember what the members of a variable are after it was given something as a whole."""
        if self.whole_use.get(name) is not False:
            return
        kind = self.names[name].type
        known = dict(self._stated(kind, given))
        for member in self._part_names(kind):
            self.names[f"{name}.{member}"] = known.get(member, Value(self.program.member_type(kind, member)))

    def converted(self, value: Value, kind: CType | None) -> Value:
        """A value after a cast."""
        raise NotImplementedError

    def _has_parts(self, kind: CType) -> bool:
        known = kind.struct in self.program.structs or lane_of(kind.struct) is not None
        return known and not kind.is_pointer

    def _stated(self, kind: CType, given: Node | None) -> Iterator[tuple[str, Value]]:
        """The members of a struct that is made of a list of values, or is a copy."""
        if given is not None and given.type == "identifier":
            source = text_of(given)
            names = ((member, self.names.get(f"{source}.{member}")) for member in self._part_names(kind))
            yield from ((member, known) for member, known in names if known is not None)
            return
        for member, item in zip(self._part_names(kind), self._part_values(kind, given), strict=False):
            declared = self.program.member_type(kind, member)
            if member in self.program.embedded.get(kind.struct, {}) or declared.struct:
                return  # its values may stand in the same list
            if declared.scalar is Scalar.INT and not declared.is_pointer:
                yield member, self.converted(Value(UNKNOWN, evaluate(item, self.lookup)), declared)

    def _part_names(self, kind: CType) -> Sequence[str]:
        is_vector = lane_of(kind.struct) is not None
        return _LANES if is_vector else tuple(self.program.structs.get(kind.struct, ()))

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


def _is_used_whole(declared: Declared) -> bool:
    """Whether a variable is used otherwise than by its members, as a copy, or to be given something once."""
    body, around = ancestor(declared.node, "function_definition"), ancestor(declared.node, *_REPEATED)
    if body is None:
        return True
    uses = (one for one in descendants(body, "identifier") if text_of(one) == declared.name)
    return not all(_is_plain(one, around) for one in uses)


def _is_plain(use: Node, around: Node | None) -> bool:
    taker = use.parent
    if taker is None:
        return False
    if taker.type == "field_expression":
        used, taker = taker, taker.parent
        if taker is None or taker.type in ("argument_list", "call_expression"):
            return False  # whoever is called may change it
    else:
        used = use
        if taker.type not in ("init_declarator", "declaration", "assignment_expression", "return_statement"):
            return False
    if taker.type == "pointer_expression":
        return operator_of(taker) != "&"
    if taker.type == "init_declarator":
        made = child(taker, "declarator")
        return made is None or made.id == used.id or made.type == "identifier"
    changed = child(taker, "left") if taker.type == "assignment_expression" else None
    if taker.type == "update_expression" or (changed is not None and changed.id == used.id):
        repeated = ancestor(use, *_REPEATED)
        return (repeated.id if repeated is not None else 0) == (around.id if around is not None else 0)
    return True
