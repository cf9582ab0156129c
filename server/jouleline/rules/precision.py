"""The precision of expressions: which are double only because of literals and function names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

from tree_sitter import Node

from jouleline.core.ctype import CType, Scalar
from jouleline.core.declarations import Function
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import MATH, arguments_of, callee, definitions, sources_of
from .macros import opaque_macros
from .scope import Types, lookup

_FLOAT_MAX, _FLOAT_MIN = 3.4028234e38, 1.1754944e-38
_PLAIN_DOUBLE = re.compile(r"(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")
_CONSTANT_MACRO = re.compile(r"M_(?:E|LOG2E|LOG10E|LN2|LN10|PI|PI_2|PI_4|1_PI|2_PI|2_SQRTPI|SQRT2|SQRT1_2)")
_NUMBER = re.compile(r"[-+]?\.?\d(?:[\w.']|(?<=[eE])[-+])*")
_COMPARISONS = frozenset(("<", ">", "<=", ">=", "==", "!="))
_EXTENDING = frozenset("exp exp2 exp10 expm1 pow sinh cosh tgamma".split())
"""Functions whose double result often is out of a float's range where what is made of it is not."""
_SMALL_EXPONENT = 4.0
"""Powers up to this one are as a product of so many factors, which may overflow in float as well."""
STEPPED = frozenset("floor ceil round trunc rint nearbyint fmod remainder".split())
"""Functions that jump: an argument that differs in its last digit may change the whole result."""


class Kind(IntEnum):
    """What an expression's value is; a sum of two is the larger kind.

    SOFT is double, but only because of literals and function names. DOUBLE is double for another
    reason; of HARD nothing is known.
    """

    INT = 0
    FLOAT = 1
    SOFT = 2
    DOUBLE = 3
    HARD = 4


@dataclass(frozen=True)
class Precision:
    """An expression's kind, and the edits that turn a SOFT one into a float expression.

    ``extended`` says that its range is a double's: it may be stored in a float, but nothing may be
    computed from it in float.
    """

    kind: Kind
    edits: tuple[Edit, ...] = ()
    extended: bool = False


INT, FLOAT = Precision(Kind.INT), Precision(Kind.FLOAT)
DOUBLE, HARD = Precision(Kind.DOUBLE), Precision(Kind.HARD)


def literal(text: str) -> Precision:
    """The precision of a number; its edits are relative to its start."""
    lower = text.lower().replace("'", "").lstrip("+-")
    if lower.startswith(("0x", "0b")):
        return INT if not set(".p") & set(lower) else HARD
    if _PLAIN_DOUBLE.fullmatch(lower):
        value = abs(float(lower))
        if value and not _FLOAT_MIN <= value <= _FLOAT_MAX:
            return DOUBLE
        return Precision(Kind.SOFT, (Edit(len(text), len(text), b"f"),))
    if "." in lower or "e" in lower:
        return FLOAT if lower.endswith("f") and _PLAIN_DOUBLE.fullmatch(lower[:-1]) else HARD
    return INT


def is_exact_in_float(text: str) -> bool:
    """Whether a double literal has the same value as a float."""
    mantissa, _ = math.frexp(float(text))
    return (mantissa * 2**24).is_integer()


class Reader:
    """Tells the precision of the expressions of one file."""

    def __init__(self, source: ParsedSource, program: ProgramFacts) -> None:
        self.source = source
        self.program = program
        self.types = Types(program)
        self.functions = definitions(program)
        self.own = _own_functions(sources_of(program)) | program.function_macros.keys()
        data = source.text.data
        # With these, plain sqrt(float) already is the float function.
        self._overloaded = b"math.h>" in data or b"namespace std;" in data or b"cuda" in data.lower()
        self._overloaded = (
            self._overloaded
            or b"hip/hip" in data
            or any(item.kind != "pragma" for item in source.masked.blanked)
        )

    def read(self, node: Node | None, depth: int = 0) -> Precision:
        """The precision of an expression."""
        if node is None or depth > 200:
            return HARD
        match node.type:
            case "number_literal":
                return _shifted(literal(text_of(node)), node.start_byte)
            case "char_literal" | "true" | "false" | "sizeof_expression":
                return INT
            case "identifier":
                return self._identifier(node, depth)
            case "subscript_expression" | "field_expression" | "pointer_expression":
                return _of_type(self.place(node))
            case "parenthesized_expression":
                inner = [item for item in node.named_children if item.type != "comment"]
                return self.read(inner[0], depth + 1) if len(inner) == 1 else HARD
            case "unary_expression":
                operator = text_of(child(node, "operator"))
                inner_kind = self.read(child(node, "argument"), depth + 1)
                if operator in ("-", "+"):
                    return inner_kind
                return INT if operator == "!" or inner_kind.kind is Kind.INT else HARD
            case "binary_expression":
                return self._binary(node, depth)
            case "conditional_expression":
                parts = [self.read(child(node, name), depth + 1) for name in ("consequence", "alternative")]
                chosen = _joined(replace(part, extended=False) for part in parts)
                return replace(chosen, extended=any(part.extended for part in parts))
            case "assignment_expression":
                return self.read(child(node, "left"), depth + 1)
            case "update_expression":
                return self.read(child(node, "argument"), depth + 1)
            case "cast_expression":
                return _of_type(self.types.of_text(text_of(child(node, "type")).replace("*", "* ")))
            case "call_expression":
                return self._call(node, depth)
        return HARD

    def _binary(self, node: Node, depth: int) -> Precision:
        operator = text_of(child(node, "operator"))
        if operator in _COMPARISONS or operator in ("&&", "||"):
            return INT
        both = _joined(self.read(child(node, name), depth + 1) for name in ("left", "right"))
        if operator in ("+", "-", "*", "/"):
            return both
        return INT if both.kind is Kind.INT else HARD

    def _identifier(self, node: Node, depth: int) -> Precision:
        name = text_of(node)
        if name in opaque_macros(self.program):
            return HARD
        if name in self.program.macros or _CONSTANT_MACRO.fullmatch(name):
            body = self.program.macros.get(name, "1.0").strip("() ")
            if not _NUMBER.fullmatch(body):
                return HARD
            kind = literal(body.lstrip("+-")).kind
            cast = f"(float)({name})".encode()
            return Precision(kind, (Edit(node.start_byte, node.end_byte, cast),) if kind is Kind.SOFT else ())
        declared = lookup(name, node, self.program)
        if declared is not None and declared.base == "auto" and declared.levels == 0 and depth < 20:
            kind = self.read(declared.value, depth + 10).kind
            return DOUBLE if kind is Kind.SOFT else Precision(kind)
        return _of_type(self.types.of_name(declared))

    def place(self, node: Node | None) -> CType | None:
        """The type of a variable, an element or a member."""
        if node is None:
            return None
        match node.type:
            case "identifier":
                return self.types.of_name(lookup(text_of(node), node, self.program))
            case "parenthesized_expression":
                return self.place(node.named_children[0]) if len(node.named_children) == 1 else None
            case "binary_expression" if text_of(child(node, "operator")) in ("+", "-"):
                return self.place(child(node, "left"))
            case "subscript_expression" | "pointer_expression":
                base = self.place(child(node, "argument"))
                if base is None or text_of(child(node, "operator")) == "&" or not base.is_pointer:
                    return None
                return base.element
            case "field_expression":
                return self._member(node)
        return None

    def _member(self, node: Node) -> CType | None:
        base = self.place(child(node, "argument"))
        label = text_of(child(node, "field"))
        if base is None:
            return None
        owner = base.element if base.is_pointer else base
        text = self.program.structs.get(owner.struct, {}).get(label)
        if text is None:
            vector = re.fullmatch(r"(float|double|u?int)[1-4]", owner.struct)
            return self.types.of_text(vector[1]) if vector else None
        if container := re.match(r"(?:std::)?vector<(\w+)>$", text.replace(" ", "")):
            kind = self.types.of_text(container[1])
            return kind.pointer() if kind is not None else None
        return self.types.of_text(text)

    def _call(self, node: Node, depth: int) -> Precision:
        function, name = child(node, "function"), callee(node)
        arguments = arguments_of(node)
        if function is None:
            return HARD
        if function.type == "primitive_type" or name == "static_cast":
            target = (
                text_of(function).split("<", 1)[-1].rstrip("> ")
                if "<" in text_of(function)
                else text_of(function)
            )
            return _of_type(self.types.of_text(target))
        if known := self.function(node):
            return _of_type(self.types.of_text(known.return_type))
        if name in self.own or name in self.program.function_macros or name in opaque_macros(self.program):
            return HARD
        if not arguments or text_of(function) not in (name, f"std::{name}"):
            return HARD
        if name.endswith("f") and name.removesuffix("f") in MATH:
            return FLOAT
        if name not in MATH:
            return HARD
        parts = [self.read(item, depth + 1) for item in arguments]
        both = _joined(parts)
        if both.kind >= Kind.DOUBLE:
            return both
        if name in STEPPED and any(part.kind is not Kind.FLOAT for part in parts):
            return HARD
        extended = name in _EXTENDING and not _is_small_power(name, arguments)
        overloaded = self._overloaded or text_of(function).startswith("std")
        has_integer = any(part.kind is Kind.INT for part in parts)
        if overloaded and not has_integer:
            # The float overload is chosen once all arguments are float.
            return replace(both, extended=extended and both.kind is Kind.SOFT)
        rename = Edit(function.start_byte, function.end_byte, f"{name}f".encode())
        return Precision(Kind.SOFT, (rename, *both.edits), extended=extended)

    def function(self, call: Node) -> Function | None:
        """The one function of the program that a call can mean; None for templates and overloads."""
        listed = self.functions.get(callee(call), [])
        plain = child(call, "function")
        if len(listed) != 1 or listed[0].template_parameters or plain is None or plain.type != "identifier":
            return None
        return listed[0] if lookup(text_of(plain), call, self.program) is None else None


@lru_cache(maxsize=4)
def _own_functions(sources: tuple[ParsedSource, ...]) -> frozenset[str]:
    """The names that the program declares as functions."""
    return frozenset(
        text_of(child(node, "declarator")).split("::")[-1]
        for source in sources
        for node in descendants(source.root, "function_declarator")
    )


def _is_small_power(name: str, arguments: list[Node]) -> bool:
    """Whether a call raises to a literal power that is no more than a product of a few factors."""
    if name != "pow" or len(arguments) != 2:
        return False
    try:
        return abs(float(text_of(arguments[1]).lower().removesuffix("f"))) <= _SMALL_EXPONENT
    except ValueError:
        return False


def _of_type(kind: CType | None) -> Precision:
    if kind is None or kind.is_pointer or kind.struct:
        return HARD
    if kind.scalar is Scalar.INT:
        return INT
    if kind.scalar is Scalar.DP:
        return DOUBLE
    return FLOAT if kind.scalar is Scalar.SP and kind.size == 4 else HARD


def _joined(parts: Iterable[Precision]) -> Precision:
    listed = list(parts)
    kind = max(part.kind for part in listed)
    if any(part.extended for part in listed):
        return HARD
    if kind >= Kind.DOUBLE:
        return Precision(kind)
    return Precision(kind, tuple(edit for part in listed for edit in part.edits))


def _shifted(precision: Precision, by: int) -> Precision:
    edits = tuple(Edit(edit.start + by, edit.end + by, edit.replacement) for edit in precision.edits)
    return replace(precision, edits=edits)
