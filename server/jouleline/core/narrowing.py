"""Arithmetic in double precision whose result is rounded at once: compilers do it in single precision.

Where the operands are single-precision numbers, or constants that are, a sum, difference, product or quotient
that is rounded to single precision is the same either way (S. A. Figueroa, *When is double rounding
innocuous?*, 1995). LLVM, and so clang and nvcc, knows that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tree_sitter import Node

from .arithmetic import ArithmeticCounter
from .ctype import FLOAT, CType, Scalar
from .syntax import bare_name, operator_of, text_of
from .syntax import field as child
from .values import Value

_ROUNDED = frozenset(("+", "-", "*", "/"))
_PASSED_ON = frozenset(("parenthesized_expression", "conditional_expression"))


@dataclass(slots=True)
class NarrowingCounter(ArithmeticCounter):
    """Knows the type of what an expression's value is given to, as far as that takes no evaluation."""

    def narrows(self, operator: str, kind: CType, *operands: Value) -> bool:
        """Whether an operation in double precision may be done in single precision if it is rounded."""
        return kind.arithmetic is Scalar.DP and operator in _ROUNDED and all(map(_is_single, operands))

    def narrowed(self, node: Node, operator: str, kind: CType, left: Value, right: Value) -> CType:
        """The type that an operation with operands of a common ``kind`` is done in."""
        return FLOAT if self.narrows(operator, kind, left, right) and self.is_rounded(node) else kind

    def is_rounded(self, node: Node) -> bool:
        """Whether an expression's value is rounded to single precision by whoever takes it."""
        inner, taker = node, node.parent
        while taker is not None and (taker.type in _PASSED_ON or _is_sign(taker)):
            if (condition := child(taker, "condition")) is not None and condition.id == inner.id:
                return False
            inner, taker = taker, taker.parent
        kind = self._taken_as(inner, taker) if taker is not None else None
        return kind is not None and kind.arithmetic is Scalar.SP

    def _taken_as(self, value: Node, taker: Node) -> CType | None:
        """The type that takes a value: of a variable, of a cast, of what is assigned to, of a parameter."""
        match taker.type:
            case "cast_expression":
                return self.type_of(text_of(child(taker, "type")))
            case "init_declarator":
                return self._declared_as(taker)
            case "assignment_expression" if operator_of(taker) == "=":
                target = child(taker, "left")
                return self._type_at(target) if target is None or target.id != value.id else None
            case "return_statement":
                function: Node | None = taker
                while function is not None and function.type not in (
                    "function_definition",
                    "lambda_expression",
                ):
                    function = function.parent
                return self._declared_as(function, "declarator") if function is not None else None
            case "argument_list":
                return self._parameter(value, taker)
        return None

    def _declared_as(self, node: Node, declares: str = "") -> CType | None:
        """The type of a declaration, or of a function's result, that has no star."""
        declarator = child(node, "declarator")
        typed = node if declares else node.parent
        plain = "function_declarator" if declares else "identifier"
        if declarator is None or typed is None or declarator.type != plain:
            return None
        return self.type_of(text_of(child(typed, "type")))

    def _parameter(self, value: Node, arguments: Node) -> CType | None:
        """The type of the parameter that takes an argument, where one function or a type has the name."""
        call = arguments.parent
        function = text_of(child(call, "function")) if call is not None else ""
        name = bare_name(function)
        if name == "static_cast":
            return self.type_of(function.partition("<")[2].rpartition(">")[0])
        known = self.program.overloads.get(name, ())
        given = [one.id for one in arguments.named_children if one.type != "comment"]
        if len(known) == 1 and value.id in given[: len(known[0].parameters)]:
            return self.type_of(known[0].parameters[given.index(value.id)].type)
        return (
            self.type_of(name) if not known and len(given) == 1 and name in ("float", *self.types) else None
        )

    def _type_at(self, place: Node | None) -> CType | None:
        """The type of a place that is assigned to."""
        if place is None:
            return None
        match place.type:
            case "identifier":
                known = self.names.get(text_of(place))
                return (known.type.element if known.refers else known.type) if known is not None else None
            case "subscript_expression" | "pointer_expression":
                around = self._type_at(child(place, "argument"))
                return around.element if around is not None and around.is_pointer else None
            case "field_expression":
                if (member := self.names.get(text_of(place))) is not None:
                    return member.type
                owner = self._type_at(child(place, "argument"))
                field = text_of(child(place, "field"))
                return self.program.member_type(owner.innermost, field) if owner is not None else None
        return None


def _is_sign(node: Node) -> bool:
    """Whether an expression only changes the sign of another, which rounding does not see."""
    return node.type == "unary_expression" and operator_of(node) == "-"


def _is_single(value: Value) -> bool:
    """Whether a value is a single-precision number, or a constant that is one."""
    if value.type.arithmetic is Scalar.SP:
        return True
    known = value.value.number if value.type.arithmetic is Scalar.DP and value.value is not None else None
    if known is None:
        return False
    try:
        return bool(struct.unpack("f", struct.pack("f", known))[0] == known)
    except OverflowError:
        return False
