"""Count the operations and memory accesses of expressions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from . import costs
from .arithmetic import CLASS_OF
from .counts import Operation
from .ctype import FLOAT, INT, CType, Scalar, wider
from .derive import chosen, likelier
from .evaluate import evaluate, evaluate_text, parse_expression, unary
from .extents import Extents
from .operators import (
    DIVISIONS,
    TRUTHS,
    is_combined,
    is_place,
    is_product,
    joined,
    literal,
    operator_cost,
    rotated,
)
from .places import ADDRESSED, PlaceCounter
from .polynomial import ONE, ZERO, Polynomial
from .probability import probability
from .syntax import field as child
from .syntax import operands, operator_of, text_of
from .values import NOTHING, SOMEWHERE, Array, Value, displaced

_OF_MEMORY = ("+", "-", "&", "|", "^")
_MOST_MACROS = 8
DATA_DEPENDENT_BRANCH = 0.5
"""How often a branch is taken whose condition depends on data (assumed)."""


@dataclass(slots=True)
class ExpressionCounter(PlaceCounter):
    """Walks expressions. How statements and calls are counted, its subclasses say."""

    def statement(self, node: Node, times: Polynomial) -> Polynomial:
        """Count a statement; returns how often what follows it runs."""
        raise NotImplementedError

    def call(self, node: Node, times: Polynomial, *, write: bool = False) -> Value:
        """Count a call; ``write`` when what it refers to is assigned to."""
        raise NotImplementedError

    def macro(self, name: str, times: Polynomial, *, write: bool) -> Value:
        """Count what an object-like macro of the program stands for."""
        raise NotImplementedError

    def subscripted(
        self, base: Value, index: Value, nodes: Sequence[Node | None], times: Polynomial, *, write: bool
    ) -> Value | None:
        """Count the subscript that the program defines for an object; None where it defines none."""
        raise NotImplementedError

    def operation(
        self, operator: str, operands: Sequence[Value], nodes: Sequence[Node | None], times: Polynomial
    ) -> Value | None:
        """Count the operator that the program defines for objects; None where it defines none for these."""
        raise NotImplementedError

    def assembly(self, node: Node, times: Polynomial) -> Value:
        """Count a statement of inline assembly."""
        raise NotImplementedError

    def closure(self, node: Node) -> Value:
        """What a lambda expression makes; it costs nothing until it is called."""
        raise NotImplementedError

    def expression(  # noqa: C901  # one branch a node type of the grammar
        self, node: Node | None, times: Polynomial, *, write: bool = False
    ) -> Value:
        """Count an expression; ``write`` when it is assigned to."""
        if node is None:
            return NOTHING
        match node.type:
            case "identifier" | "qualified_identifier":
                name = text_of(node)
                known = self.names.get(name)
                if known is not None:
                    return self.element(known, ZERO, times, write=write) if known.refers else known
                if name in self.program.macros:
                    return self.macro(name, times, write=write)
                return self.named(name)
            case "binary_expression":
                return self._binary(node, times)
            case "number_literal":
                return literal(text_of(node))
            case "subscript_expression":
                return self._subscript(node, times, write=write)
            case "field_expression":
                return self._member(node, times, write=write)
            case "pointer_expression":
                return self._pointer(node, times, write=write)
            case "assignment_expression":
                return self._assign(node, times)
            case "update_expression":
                target = child(node, "argument")
                stepped = self.expression(target, times)
                if self.is_stored(target):
                    self.expression(target, times, write=True)
                by = ONE if operator_of(node) == "++" else -ONE
                after = self._after("+", stepped, Value(INT, by))
                if self.atomic:
                    pass
                elif stepped.type.arithmetic is Scalar.INT:
                    self.integer(after.value, "", 1, times)
                else:
                    self.tally.count(CLASS_OF[stepped.type.arithmetic], times)
                self.assigned(target, after)
                return stepped if text_of(node)[-1] in "+-" else after
            case "unary_expression":
                value = self.expression(child(node, "argument"), times)
                operator = operator_of(node)
                if operator == "~" and not is_combined(node):
                    self.tally.count(Operation.INT, times)
                return Value(value.type, unary(operator, value.value))
            case "cast_expression":
                inner = self.expression(child(node, "value"), times)
                return self.converted(inner, self.type_of(text_of(child(node, "type"))))
            case "parenthesized_expression" if write and node.named_children:
                return self.expression(node.named_children[0], times, write=True)
            case "conditional_expression":
                return self._conditional(node, times)
            case "call_expression":
                return self.call(node, times, write=write)
            case "this":
                return self.names.get("this", NOTHING)
            case "lambda_expression":
                return self.closure(node)
            case "gnu_asm_expression":
                return self.assembly(node, times)
            case "string_literal" | "sizeof_expression":
                return Value(INT, evaluate(node, self.lookup))
            case _:
                value = NOTHING
                for item in node.named_children:
                    value = self.expression(item, times)
                return value

    def _subscript(self, node: Node, times: Polynomial, *, write: bool) -> Value:
        base = self.expression(child(node, "argument"), times)
        indices = child(node, "indices")
        index, last = NOTHING, None
        for item in indices.named_children if indices is not None else ():
            index, last = self.expression(item, times), item
        if base.type.struct and not base.type.is_pointer:
            own = self.subscripted(base, index, (child(node, "argument"), last), times, write=write)
            if own is not None:
                return own
        return self.element(base, index.value, times, write=write)

    def converted(self, value: Value, kind: CType | None) -> Value:
        """A value after a cast; a pointer's offset counts in the new elements, an array's rows stay."""
        if kind is None or kind == value.type:
            return value
        if kind.struct and kind.struct == value.type.struct and value.type.arguments:
            kind = kind._replace(arguments=value.type.arguments)  # which a friend calls by its class's names
        number = value.value.number if value.value is not None else None
        if number is not None and kind.arithmetic is Scalar.INT and not number.is_integer():
            return Value(kind, Polynomial.constant(math.trunc(number)) if math.isfinite(number) else None)
        if value.array is None or not (kind.is_pointer and value.type.is_pointer):
            return Value(kind, value.value, value.array)
        offset, old, new = value.array.offset, value.type.element.bytes, kind.element.bytes
        if offset is not None and old and new:
            offset = offset * (old / new)
        rows = value.array.extents if kind.indirections == value.type.indirections else ()
        return Value(kind, value.value, value.array.at(offset, rows))

    def _pointer(self, node: Node, times: Polynomial, *, write: bool) -> Value:
        argument = child(node, "argument")
        if operator_of(node) == "&":
            return self.address_of(argument, times)
        return self.element(self.expression(argument, times), ZERO, times, write=write)

    def address_of(self, node: Node | None, times: Polynomial) -> Value:
        """Count what it takes to form the address of a place."""
        if node is not None and node.type == "subscript_expression":
            base = self.expression(child(node, "argument"), times)
            index = self.expression(child(node, "indices"), times).value
            array = base.array or SOMEWHERE
            offset = None if index is None or array.offset is None else array.offset + index
            place = array.at(offset)
            if array.space in ADDRESSED:
                self.address(place, times)
            return Value(base.type, None, place)
        if node is not None and node.type == "pointer_expression" and operator_of(node) == "*":
            return self.expression(child(node, "argument"), times)
        if (known := self.names.get(text_of(node))) is not None and known.refers:
            return known._replace(refers=False)
        value = self.expression(node, times)
        space = self.spaces.get(text_of(node), "register")
        return Value(value.type.pointer(), None, value.array or Array("&", space))

    def _member(self, node: Node, times: Polynomial, *, write: bool) -> Value:
        text = text_of(node)
        known = self.names.get(text)
        if known is not None:
            return known
        base = self.expression(child(node, "argument"), times)
        owner = base.type.element if base.type.is_pointer else base.type
        field = text_of(child(node, "field"))
        member = self.program.member_type(owner, field)
        if (array := self.embedded(base.array, text, owner, field)) is not None:
            return Value(member, None, array)
        if (static := self.program.static_value(owner, field)) is not None:
            return Value(INT, evaluate_text(static, self.lookup))
        if member.is_pointer:
            return Value(member, None, Array(text, "global"))
        if base.array is None:  # a member of a parameter: the same for all threads
            uniform = member.scalar is Scalar.INT and not base.type.is_pointer
            return Value(member, Polynomial.symbol(text) if uniform else None)
        if owner.struct:
            self.access(base.array, owner, min(member.bytes, owner.bytes), times, write=write)
        name = f"{base.array.name}.{field}"
        return Value(member, self._loaded(base.array, member, name))

    def embedded(self, around: Array | None, text: str, owner: CType, field: str) -> Array | None:
        """The array that a member is: part of the structs' array, or of a parameter; None if it is none."""
        sizes = self.program.embedded.get(owner.struct, {}).get(field)
        if sizes is None or not (element := self.program.member_type(owner, field).innermost.bytes):
            return None
        extents = tuple(
            None
            if size is None or (known := self.program.extent(size)) is None
            else Polynomial.constant(known)
            for size in sizes
        )
        if around is None:
            return Array(text, "constant", ZERO, extents)
        offset = around.offset
        if offset is not None:
            offset = (offset * owner.bytes + self.program.bytes_before(owner.struct, field)) * (1 / element)
        return around.at(offset, extents)

    def _other_than_binary(
        self, operator: str, left: Node | None, right: Node | None, times: Polynomial
    ) -> Value | None:
        """A cast of a signed number, or a rotation of bits, which read as a sum or as a union; else None."""
        if operator in "+-" and (cast := self._cast_to(left)) is not None:
            return self.converted(self.expression(right, times), cast)
        if operator == "|" and (what := rotated(left, right)) is not None:
            turned = self.expression(what, times)
            self.tally.count(Operation.INT, times, operator_cost("<<", turned.type, None))
            return Value(turned.type)
        return None

    def _binary(self, node: Node, times: Polynomial) -> Value:
        left_node, operator, right_node = operands(node)
        if (other := self._other_than_binary(operator, left_node, right_node, times)) is not None:
            return other
        left, right = self.expression(left_node, times), self.expression(right_node, times)
        if left.type.struct or right.type.struct:
            own = self.operation(operator, (left, right), (left_node, right_node), times)
            if own is not None:
                return own
        kind = self.narrowed(node, operator, wider(left.type, right.type), left, right)
        scalar, divides = kind.arithmetic, operator in DIVISIONS
        divisor = self.divisor(right_node, right) if divides else None
        amount = operator_cost(operator, kind, divisor)
        known = left.value is not None and right.value is not None
        if scalar is not Scalar.INT and not known:  # numbers that depend on data, as most are
            if amount:
                self.floating(operator, left, kind, amount, times)
            return Value(INT, self.truth(node)) if operator in TRUTHS else Value(kind)
        if operator == "+" and scalar is Scalar.INT and is_product(left_node, right_node):
            amount = 0  # one multiply-add instruction
        elif scalar is Scalar.INT and (inputs := joined(left_node, operator, right_node)) != 1:
            amount *= 1 if self.hoists(left, right) else inputs
        folded = not amount or (known and self._folded(node, left, right))
        if kind.is_pointer and operator in "+-":
            moved = displaced(left, right, operator)
            if moved.array is not None and not folded:
                self.address(moved.array, times)
            return moved
        value = self.combined(operator, left, right) if known else None
        if divides and kind == INT and amount > costs.RECIPROCAL and not folded:
            self.divided(operator, left, right, amount, times)
        elif scalar is Scalar.INT and not (folded and amount):
            self.integer(value, "", amount, times)
        elif not folded:
            self.floating(operator, left, kind, amount, times)
        if operator in TRUTHS:
            return Value(INT, self.truth(node) if value is None else value)
        return Value(kind, value)

    def _cast_to(self, node: Node | None) -> CType | None:
        """The type in ``(T)-x``, which reads as a difference to a grammar without types; None for others."""
        if node is None or node.type != "parenthesized_expression" or node.named_child_count != 1:
            return None
        name = text_of(node.named_children[0])
        kind = self.type_of(name) if name.isidentifier() and name not in self.names else None
        return kind if kind is not None and kind.scalar is not Scalar.OTHER else None

    def _after(self, operator: str, old: Value, by: Value) -> Value:
        """What a place holds after ``old operator= by``."""
        if old.type.is_pointer:
            return displaced(old, by, operator)
        return Value(old.type, self.combined(operator, old, by))

    def assigned(self, target: Node | None, value: Value) -> None:
        """Remember what a variable was given."""
        name = text_of(target)
        known = self.names.get(name)
        if target is not None and self.is_part(target):
            self.keep_part(target, value)
        elif known is not None and target is not None and target.type == "identifier" and not known.refers:
            array = value.array if known.type.is_pointer else known.array
            self.names[name] = Value(known.type, self.converted(value, known.type).value, array)

    def is_stored(self, target: Node | None) -> bool:
        """Whether what is assigned to is a place in memory, or a name of one: a reference, or a macro."""
        name = text_of(target)
        if name in self.names or self.is_part(target):
            return name in self.names and self.names[name].refers
        for _ in range(_MOST_MACROS):
            if name not in self.program.macros:
                break
            target = parse_expression(self.program.macros[name])
            name = text_of(target).strip("() ")
        return is_place(target)

    def _folded(self, node: Node, *operands: Value) -> bool:
        """Whether the compiler computes an operation itself, as in ``2 * TILE``."""
        for operand in operands:
            if operand.value is None or operand.value.number is None:
                return False
        return evaluate(node, self.compiled) is not None

    def _assign(self, node: Node, times: Polynomial) -> Value:
        target, assigns, right = operands(node)
        value = self.expression(right, times)
        if assigns != "=":
            value = self._updated(assigns, target, right, value, times)
        self.whole(value, times, write=False)
        if self.is_stored(target):
            written = self.expression(target, times, write=True)
            self.whole(written, times, write=True)
            return written
        self.assigned(target, value)
        self.keep_parts(text_of(target), right if assigns == "=" else None)
        return value

    def _updated(
        self, operator: str, target: Node | None, right: Node | None, by: Value, times: Polynomial
    ) -> Value:
        """Count ``target operator right``, which is worth ``by``; returns what is stored."""
        old = self.expression(target, times)
        if self.operation(operator, (old, by), (target, right), times) is not None:
            return Value(old.type)
        operator = operator.removesuffix("=")
        kind = wider(old.type, by.type)
        if old.type.arithmetic is Scalar.SP and self.narrows(operator, kind, by):
            kind = FLOAT
        divisor = self.divisor(right, by) if operator in DIVISIONS else None
        amount = operator_cost(operator, kind, divisor)
        value = self._after(operator, old, by)
        if self.atomic and operator in _OF_MEMORY and old.type.bytes >= INT.size:
            return value
        if kind.arithmetic is Scalar.INT:
            self.integer(value.value, "", amount, times)
        else:
            self.floating(operator, old, kind, amount, times)
        return value

    def _conditional(self, node: Node, times: Polynomial) -> Value:
        condition = child(node, "condition")
        self.expression(condition, times)
        chance = probability(condition, self.compared, Extents(self.tally))
        often = DATA_DEPENDENT_BRANCH if chance is None else chance
        taken = self.expression(child(node, "consequence"), times * often)
        other = self.expression(child(node, "alternative"), times * (1 - often))
        kind = wider(taken.type, other.type)
        found = (
            likelier((taken, other), self.tally)
            if chance is None
            else chosen(taken, other, chance, self.tally)
        )
        return Value(kind, found.value, found.array or taken.array or other.array)
