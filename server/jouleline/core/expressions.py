"""Count the operations and memory accesses of expressions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from . import costs
from .counts import Operation
from .ctype import DOUBLE, FLOAT, INT, LONG, UNKNOWN, CType, Scalar, wider
from .evaluate import combine, evaluate, evaluate_text, number, parse_expression
from .facts import Function, Macro, ProgramFacts
from .polynomial import ZERO, Polynomial
from .probability import Ranges, probability
from .syntax import ParsedSource, text_of
from .syntax import field as child
from .values import Access, Array, Tally, Value

_CLASS: Mapping[Scalar, Operation] = {
    Scalar.SP: Operation.SP,
    Scalar.DP: Operation.DP,
    Scalar.INT: Operation.INT,
    Scalar.OTHER: Operation.INT,
}
_INLINE_DEPTH = 6
# A kernel that calls through this many functions is a generated one; the document path must not wait.
_INLINE_LIMIT = 400
_ATOMICS = ("atomic", "__hip_atomic", "__atomic")
DATA_DEPENDENT_BRANCH = 0.5
"""How often a branch is taken whose condition depends on data (assumed)."""


@dataclass
class ExpressionCounter:
    """Walks expressions. ``names`` holds what is known: parameters, locals, built-in indices."""

    program: ProgramFacts
    source: ParsedSource
    names: dict[str, Value]
    types: Mapping[str, CType] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    mutated: frozenset[str] = frozenset()
    depth: int = 0

    def statement(self, node: Node, times: Polynomial) -> Polynomial:
        """Count a statement, as the body of an inlined function; the statement counter's task."""
        raise NotImplementedError

    def expression(  # noqa: C901  # one branch a node type of the grammar
        self, node: Node | None, times: Polynomial, *, write: bool = False
    ) -> Value:
        """Count an expression; ``write`` when it is assigned to."""
        if node is None:
            return Value(UNKNOWN)
        match node.type:
            case "number_literal":
                return _literal(text_of(node))
            case "identifier" | "qualified_identifier":
                return self._name(text_of(node))
            case "subscript_expression":
                return self._subscript(node, times, write=write)
            case "pointer_expression":
                return self._pointer(node, times, write=write)
            case "field_expression":
                return self._member(node, times, write=write)
            case "binary_expression":
                return self._binary(node, times)
            case "assignment_expression":
                return self._assign(node, times)
            case "update_expression":
                target = child(node, "argument")
                stepped = self.expression(target, times)
                if _is_place(target):
                    self.expression(target, times, write=True)
                self.tally.count(_CLASS[stepped.type.arithmetic], times)
                return Value(stepped.type)
            case "unary_expression":
                value = self.expression(child(node, "argument"), times)
                if text_of(child(node, "operator")) == "~":
                    self.tally.count(Operation.INT, times)
                return Value(value.type, evaluate(node, self.lookup))
            case "cast_expression":
                inner = self.expression(child(node, "value"), times)
                kind = self.type_of(text_of(child(node, "type"))) or inner.type
                return Value(kind, inner.value, inner.array)
            case "conditional_expression":
                return self._conditional(node, times)
            case "call_expression":
                return self._call(node, times)
            case "lambda_expression" | "string_literal" | "sizeof_expression":
                return Value(INT, evaluate(node, self.lookup))
            case _:
                value = Value(UNKNOWN)
                for item in node.named_children:
                    value = self.expression(item, times)
                return value

    def _name(self, name: str) -> Value:
        name = name.rsplit("::", maxsplit=1)[-1]
        if name in self.names:
            return self.names[name]
        declared = self.program.variables.get(name)
        if declared is None:
            return Value(INT, self.lookup(name))
        kind = self.type_of(declared.type) or UNKNOWN
        if kind.is_pointer:
            extents = tuple(evaluate(item, self.lookup) for item in declared.extents)
            return Value(kind, None, Array(name, declared.space or "global", ZERO, extents))
        return Value(kind, self.lookup(name))

    def _subscript(self, node: Node, times: Polynomial, *, write: bool) -> Value:
        base = self.expression(child(node, "argument"), times)
        indices = child(node, "indices")
        index = self.expression(indices, times).value if indices is not None else None
        return self._element(base, index, times, write=write)

    def _element(self, base: Value, index: Polynomial | None, times: Polynomial, *, write: bool) -> Value:
        element = base.type.element
        array = base.array or Array("?", "global", None)
        inner = array.extents[1:]
        if inner and index is not None:
            for extent in inner:
                index = index * extent if index is not None and extent is not None else None
        offset = None if array.offset is None or index is None else array.offset + index
        place = replace(array, offset=offset, extents=inner)
        if array.space in ("global", "constant"):
            self.tally.count(Operation.INT, times * costs.ADDRESS)
        if element.is_pointer:
            if not inner:
                place = Array(f"{array.name}[]", array.space, ZERO)
            return Value(element, None, place)
        if element.scalar is not Scalar.OTHER or not element.struct:
            self._access(place, element, element.bytes, times, write=write)
        return Value(element, None, place)

    def _access(self, place: Array, element: CType, size: int, times: Polynomial, *, write: bool) -> None:
        if place.space == "global" and element.bytes:
            self.tally.accesses.append(Access(place.name, place.offset, element.bytes, size, times, write))

    def _pointer(self, node: Node, times: Polynomial, *, write: bool) -> Value:
        argument = child(node, "argument")
        if text_of(child(node, "operator")) == "&":
            return self._address(argument, times)
        return self._element(self.expression(argument, times), ZERO, times, write=write)

    def _address(self, node: Node | None, times: Polynomial) -> Value:
        if node is not None and node.type == "subscript_expression":
            base = self.expression(child(node, "argument"), times)
            index = self.expression(child(node, "indices"), times).value
            self.tally.count(Operation.INT, times * costs.ADDRESS)
            array = base.array or Array("?", "global", None)
            offset = None if index is None or array.offset is None else array.offset + index
            return Value(base.type, None, replace(array, offset=offset))
        value = self.expression(node, times)
        return Value(value.type.pointer(), None, value.array or Array("&", "register"))

    def _member(self, node: Node, times: Polynomial, *, write: bool) -> Value:
        known = self.lookup_name(text_of(node))
        if known is not None:
            return known
        base = self.expression(child(node, "argument"), times)
        owner = base.type.element if base.type.is_pointer else base.type
        member = self.program.member_type(owner, text_of(child(node, "field")))
        if member.is_pointer:
            return Value(member, None, Array(text_of(node), "global"))
        if base.array is not None and owner.struct:
            self._access(base.array, owner, min(member.bytes, owner.bytes), times, write=write)
        return Value(member, None)

    def _binary(self, node: Node, times: Polynomial) -> Value:
        left_node, right_node = child(node, "left"), child(node, "right")
        left, right = self.expression(left_node, times), self.expression(right_node, times)
        operator = text_of(child(node, "operator"))
        kind = wider(left.type, right.type)
        amount = _operator_cost(operator, kind, right.value)
        if operator == "+" and kind.arithmetic is Scalar.INT and _is_product(left_node, right_node):
            amount = 0  # one multiply-add instruction
        if amount:
            self.tally.count(_CLASS[kind.arithmetic], times * amount)
        if kind.is_pointer and operator in "+-":
            return self._moved(left, right, operator)
        if operator in ("<", ">", "<=", ">=", "==", "!=", "&&", "||"):
            kind = INT
        if left.value is None or right.value is None:
            return Value(kind)
        return Value(kind, combine(operator, left.value, right.value))

    def _moved(self, left: Value, right: Value, operator: str) -> Value:
        pointer, by = (left, right) if left.type.is_pointer else (right, left)
        array = pointer.array or Array("?", "global", None)
        if array.offset is None or by.value is None:
            return Value(pointer.type, None, replace(array, offset=None))
        offset = array.offset + by.value if operator == "+" else array.offset - by.value
        return Value(pointer.type, None, replace(array, offset=offset))

    def _assign(self, node: Node, times: Polynomial) -> Value:
        target, operator = child(node, "left"), text_of(child(node, "operator"))
        value = self.expression(child(node, "right"), times)
        if operator != "=":
            old = self.expression(target, times)
            kind = wider(old.type, value.type)
            amount = _operator_cost(operator.removesuffix("="), kind, value.value)
            self.tally.count(_CLASS[kind.arithmetic], times * amount)
        if _is_place(target):
            return self.expression(target, times, write=True)
        name = text_of(target)
        if name in self.names:
            known = self.names[name]
            array = value.array if known.type.is_pointer and operator == "=" else known.array
            self.names[name] = Value(known.type, None, array)
        return value

    def _conditional(self, node: Node, times: Polynomial) -> Value:
        condition = child(node, "condition")
        self.expression(condition, times)
        chance = probability(condition, self.lookup, self.ranges)
        chance = DATA_DEPENDENT_BRANCH if chance is None else chance
        taken = self.expression(child(node, "consequence"), times * chance)
        other = self.expression(child(node, "alternative"), times * (1 - chance))
        return Value(wider(taken.type, other.type), None, taken.array or other.array)

    # Calls

    def _call(self, node: Node, times: Polynomial) -> Value:
        callee = text_of(child(node, "function"))
        name = callee.split("<")[0].split("::")[-1].strip()
        arguments = child(node, "arguments")
        nodes = arguments.named_children if arguments is not None else []
        values = [self.expression(item, times) for item in nodes if item.type != "comment"]
        kind = values[0].type if values else UNKNOWN
        for value in values[1:]:
            kind = wider(kind, value.type)
        if name.startswith(_ATOMICS):
            return self._atomic(values, times)
        if name in ("__ldg", "__ldcg", "__ldcs") and values:
            return self._element(values[0], ZERO, times, write=False)
        if special := costs.special_cost(name):
            return self._special(special, kind, times)
        if name in costs.PLAIN:
            self.tally.count(_CLASS[kind.scalar], times * costs.PLAIN[name])
            return Value(kind)
        if name in costs.INTEGER:
            if kind.arithmetic is Scalar.INT:
                self.tally.count(Operation.INT, times * costs.INTEGER[name])
            return Value(kind, evaluate(node, self.lookup))
        macro = self.program.function_macros.get(name)
        if macro is not None and self.depth < _INLINE_DEPTH:
            return self._expand(macro, values, times)
        function = self.program.functions.get(name)
        if function is not None and function.body is not None:
            if self.depth < _INLINE_DEPTH and self.tally.inlined < _INLINE_LIMIT:
                return self._inline(function, values, times)
            self.tally.assume(f"{name}() is counted to a depth of {_INLINE_DEPTH} calls only")
            return Value(self.type_of(function.return_type) or UNKNOWN)
        cast = self.program.types.resolve(callee.rstrip("> ").split("<")[-1])
        if cast is not None and (name.endswith("_cast") or cast.scalar is not Scalar.OTHER):
            return Value(cast, values[0].value if values else None)
        if name not in costs.FREE and name:
            self.tally.assume(f"{name}() is not counted: its source is not in the program")
        return Value(kind)

    def _special(self, special: tuple[str, int, bool], kind: CType, times: Polynomial) -> Value:
        _, expansion, single = special
        double = kind.scalar is not Scalar.SP and not single
        self.tally.count(Operation.SPECIAL, times)
        if double:
            self.tally.count(Operation.DP, times * (expansion * costs.SPECIAL_DP_FACTOR))
        else:
            self.tally.count(Operation.SP, times * expansion)
        return Value(DOUBLE if double else FLOAT)

    def _atomic(self, values: list[Value], times: Polynomial) -> Value:
        if not values:
            return Value(UNKNOWN)
        element = values[0].type.element
        if values[0].array is not None:
            self._access(values[0].array, element, element.bytes, times, write=True)
        self.tally.count(_CLASS[element.scalar], times)
        return Value(element)

    def _inline(self, function: Function, values: list[Value], times: Polynomial) -> Value:
        self.tally.inlined += 1
        source = next(
            (
                facts.source
                for facts in self.program.files.values()
                if facts.functions.get(function.name) is function
            ),
            self.source,
        )
        types = dict(self.types)
        names: dict[str, Value] = {}
        for parameter, value in zip(function.parameters, values, strict=False):
            words = parameter.type.replace("*", " ").replace("const", " ").split()
            if words and words[-1] in function.template_parameters:
                types[words[-1]] = replace(
                    value.type,
                    indirections=max(0, value.type.indirections - parameter.type.count("*")),
                )
            names[parameter.name] = replace(value, type=self._typed(parameter.type, types))
        inner = replace(
            self,
            source=source,
            names=names,
            types=types,
            depth=self.depth + 1,
            mutated=function.mutated,
        )
        if function.body is not None:
            inner.statement(function.body, times)
        return Value(inner.type_of(function.return_type) or UNKNOWN)

    def _expand(self, macro: Macro, values: list[Value], times: Polynomial) -> Value:
        body = parse_expression(macro.body)
        if body is None:
            return Value(UNKNOWN)
        names = {**self.names, **dict(zip(macro.parameters, values, strict=False))}
        return replace(self, names=names, depth=self.depth + 1).expression(body, times)

    # Names and types

    @property
    def ranges(self) -> Ranges:
        """How many values each index symbol takes."""
        return self.tally.ranges

    def lookup_name(self, name: str) -> Value | None:
        """A name or dotted name that is known on entry, such as ``threadIdx.x``."""
        return self.names.get(name)

    def lookup(self, name: str) -> Polynomial | None:
        """The value of a name for an expression's evaluation."""
        if name in self.names:
            return self.names[name].value
        if text := self.program.macros.get(name):
            return evaluate_text(text, self.lookup) if text != name else None
        declared = self.program.variables.get(name)
        if declared is not None and declared.value is not None:
            return evaluate(declared.value, self.lookup)
        return None if declared is not None or "(" in name else Polynomial.symbol(name)

    def type_of(self, text: str) -> CType | None:
        """The type that a text names here; None for ``auto``."""
        words = text.replace("*", " ").replace("&", " ").split()
        for word in words:
            if word in self.types:
                return self.types[word].pointer(text.count("*"))
        return self.program.type_of(text)

    def _typed(self, text: str, types: Mapping[str, CType]) -> CType:
        return replace(self, types=types).type_of(text) or UNKNOWN


def _literal(text: str) -> Value:
    value = number(text)
    known = Polynomial.constant(value) if value is not None else None
    lower = text.lower()
    if lower.startswith(("0x", "0b")):
        return Value(LONG if "l" in lower else INT, known)
    if "." in lower or "e" in lower:
        return Value(FLOAT if lower.endswith("f") else DOUBLE, known)
    return Value(LONG if lower.endswith("l") else INT, known)


def _operator_cost(operator: str, kind: CType, right: Polynomial | None) -> float:
    scalar = kind.arithmetic
    constant = right.number if right is not None else None
    if operator in ("/", "%") and scalar in (Scalar.INT, Scalar.OTHER):
        if constant is None or constant <= 0:
            return costs.MODULO if operator == "%" else costs.DIVISION[Scalar.INT]
        return 1 if math.log2(constant).is_integer() else costs.CONSTANT_DIVISION
    if operator == "/":
        return costs.DIVISION[scalar] if constant is None else 1
    if operator in ("&&", "||"):
        return 0
    if operator in ("<", ">", "<=", ">=", "==", "!="):
        return 1 if scalar is Scalar.INT else 0
    return 1


def _is_place(node: Node | None) -> bool:
    return node is not None and node.type in (
        "subscript_expression",
        "pointer_expression",
        "field_expression",
    )


def _is_product(*nodes: Node | None) -> bool:
    return any(
        node is not None and node.type == "binary_expression" and text_of(child(node, "operator")) == "*"
        for node in nodes
    )
