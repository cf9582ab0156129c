"""Evaluate expressions of host code to what is known of their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .hostliterals import literal, unescaped
from .hostplaces import HostPlaces
from .hostvalues import (
    ANY,
    NUMBER,
    SCALAR,
    Buffer,
    Callee,
    Cell,
    HostValue,
    Pointer,
    arithmetic,
    convert,
    truth,
)
from .syntax import field as child
from .syntax import operands

_READS: Final = frozenset(("expression_statement", "condition_clause", "binary_expression"))
_DECIDING: Final = frozenset(("&&", "||", "and", "or"))
_CONSTANTS: Final = {
    "NULL": 0,
    "nullptr": 0,
    "true": 1,
    "false": 0,
    "cudaSuccess": 0,
    "hipSuccess": 0,
    "EOF": -1,
    "EXIT_SUCCESS": 0,
    "EXIT_FAILURE": 1,
    "INT_MAX": 2**31 - 1,
    "INT_MIN": -(2**31),
    "UINT_MAX": 2**32 - 1,
    "RAND_MAX": 2**31 - 1,
    "LONG_MAX": 2**63 - 1,
    "no_argument": 0,
    "required_argument": 1,
    "optional_argument": 2,
    "M_PI": 3.141592653589793,
}


@dataclass
class HostExpressions(HostPlaces):
    """Evaluates expressions."""

    _depth_of_macros: int = 0
    _handlers: dict[str, Callable[[Node], HostValue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the table of handlers, one for a type of node."""
        super().__post_init__()
        self._handlers = {
            "number_literal": self._number,
            "identifier": self._identifier,
            "field_identifier": self._identifier,
            "qualified_identifier": self._identifier,
            "type_identifier": self._identifier,
            "binary_expression": self._binary,
            "unary_expression": self._unary,
            "call_expression": self.call,
            "field_expression": self._of_place,
            "subscript_expression": self._subscript,
            "pointer_expression": self._pointer,
            "assignment_expression": self._assignment,
            "update_expression": self._update,
            "conditional_expression": self._conditional,
            "cast_expression": self._cast,
            "parenthesized_expression": self._inner,
            "condition_clause": self._condition,
            "comma_expression": self._comma,
            "sizeof_expression": self._sizeof,
            "new_expression": self._new,
            "lambda_expression": self._lambda,
            "string_literal": self._string,
            "concatenated_string": lambda node: "".join(
                str(self.evaluate(part) or "") for part in node.named_children
            ),
            "char_literal": self._character,
            "true": lambda _: 1,
            "false": lambda _: 0,
            "null": lambda _: 0,
            "this": lambda _: Pointer(Cell(self.this)) if self.this is not None else None,
            "initializer_list": lambda node: self.array_of(node, ANY),
            "compound_literal_expression": self._compound_literal,
            "template_function": self._function_name,
        }

    def evaluate(self, node: Node | None) -> HostValue:
        """The value of an expression; None where it is not known."""
        if node is None:
            return None
        self.step()
        handler = self._handlers.get(node.type)
        if handler is not None:
            return handler(node)
        for item in node.named_children:  # what is inside may still write
            self.evaluate(item)
        return None

    def evaluate_text(self, text: str) -> HostValue:
        """The value of an expression given as text."""
        return self.evaluate(self.parsed(text))

    def call(self, node: Node) -> HostValue:
        """The value of a call."""
        raise NotImplementedError

    # Literals

    def _number(self, node: Node) -> HostValue:
        return literal(self.text(node))

    def _string(self, node: Node) -> HostValue:
        text = self.text(node)
        opening = text.find('"')
        return unescaped(text[opening + 1 : -1]) if opening >= 0 else None

    def _character(self, node: Node) -> HostValue:
        inner = unescaped(self.text(node).strip("uUL")[1:-1])
        return ord(inner) if len(inner) == 1 else None

    # Names

    def _identifier(self, node: Node) -> HostValue:
        text = self.text(node)
        return self.named(text.rsplit("::", maxsplit=1)[-1] if "::" in text else text)

    def named(self, name: str) -> HostValue:
        """The value of a name: a variable, an enumerator, a macro or a function."""
        cell = self.cell_of(name)
        if cell is not None:
            return cell.value
        if (macro := self.macro(name)) is not None:
            if self._depth_of_macros > 30:
                return None
            self._depth_of_macros += 1
            try:
                return self.evaluate_text(macro)
            finally:
                self._depth_of_macros -= 1
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in self.program.enumerators:
            return self.enumerator(name)
        if self.functions(name):
            return self.taken(Callee(name))
        return None

    def _function_name(self, node: Node) -> HostValue:
        name, _, rest = self.text(node).partition("<")
        arguments = self.template_arguments(rest.rpartition(">")[0])
        return self.taken(Callee(name.rsplit("::", maxsplit=1)[-1].strip(), arguments))

    # Operations

    def _binary(self, node: Node) -> HostValue:
        first, operator, second = operands(node)
        if operator in _DECIDING:
            holds, decides = truth(self.evaluate(first)), operator in ("||", "or")
            if holds is decides:
                return int(decides)
            other = truth(self.evaluate(second))
            if other is decides:
                return int(decides)
            return None if holds is None or other is None else int(other)
        left = self.evaluate(first)
        right = self.evaluate(second)
        reads = operator == ">>" and not isinstance(left, NUMBER)
        if reads and node.parent is not None and node.parent.type in _READS:
            cell = self.place(second)  # std::cin >> n
            if cell is not None:
                self.write(cell, None)
        return arithmetic(operator, left, right)

    def _unary(self, node: Node) -> HostValue:
        value = self.evaluate(child(node, "argument"))
        operator = self.text(child(node, "operator"))
        if operator in ("!", "not"):
            holds = truth(value)
            return None if holds is None else int(not holds)
        if not isinstance(value, NUMBER):
            return None
        if operator == "~":
            return ~value if isinstance(value, int) else None
        return -value if operator == "-" else value

    def _assignment(self, node: Node) -> HostValue:
        (left, operator, right), read = operands(node), self.read
        cell = self.place(left)
        if right is not None and right.type == "initializer_list" and cell is not None:
            value = self.made(cell.kind, right)
        else:
            value = self.evaluate(right)
        if cell is None:
            self._scattered(left)
            return value
        if operator != "=":
            value = arithmetic(operator[:-1], cell.value, value)
        self.store(cell, value)
        self.note(self.text(left), cell.value, read)
        return cell.value

    def _scattered(self, node: Node | None) -> None:
        """Forget the kept elements of a buffer that is written at an unknown place."""
        if node is None or node.type != "subscript_expression":
            return
        base = self.evaluate(child(node, "argument"))
        target = base.target if isinstance(base, Pointer) else base
        if isinstance(target, Buffer):
            self.forget(target)

    def _update(self, node: Node) -> HostValue:
        cell = self.place(child(node, "argument"))
        if cell is None:
            return None
        before = cell.value
        operator = self.text(child(node, "operator"))
        self.write(cell, arithmetic(operator[0], before, 1))
        return cell.value if self.text(node).startswith(operator) else before

    def _conditional(self, node: Node) -> HostValue:
        holds = truth(self.evaluate(child(node, "condition")))
        if holds is not None:
            return self.evaluate(child(node, "consequence" if holds else "alternative"))
        left = self.evaluate(child(node, "consequence"))
        right = self.evaluate(child(node, "alternative"))
        return left if _same(left, right) else None

    def _cast(self, node: Node) -> HostValue:
        kind = self.kind_of(self.text(child(node, "type")))
        value = self.evaluate(child(node, "value"))
        return self.retyped(convert(value, kind) if isinstance(value, NUMBER) else value, kind)

    def _inner(self, node: Node) -> HostValue:
        value: HostValue = None
        for item in node.named_children:
            value = self.evaluate(item)
        return value

    def _condition(self, node: Node) -> HostValue:
        value: HostValue = None
        for item in node.named_children:
            if item.type == "declaration":
                for declared in self.declarators(item):
                    cell = self.declare(declared)
                    value = cell.value
            elif item.type == "init_statement":
                for inner in item.named_children:
                    self.declaration(inner) if inner.type == "declaration" else self.evaluate(inner)
            else:
                value = self.evaluate(item)
        return value

    def _comma(self, node: Node) -> HostValue:
        self.evaluate(child(node, "left"))
        return self.evaluate(child(node, "right"))

    def _sizeof(self, node: Node) -> HostValue:
        type_ = child(node, "type")
        value = child(node, "value")
        name = self.text(type_ or value).strip("() ")
        cell = self.cell_of(name) if name.isidentifier() else None
        if cell is None and value is not None and not name.isidentifier():
            cell = self.place(value)
        if cell is not None:
            if isinstance(cell.value, Pointer) and cell.kind.code == "array":
                target = cell.value.target
                size = target.size_bytes if isinstance(target, Buffer) else None
                return int(size) if size is not None else None
            return cell.kind.size if cell.kind is not ANY else None
        kind = self.program.type_of(self.bound(name))
        return kind.bytes if kind is not None else None

    def _new(self, node: Node) -> HostValue:
        name = self.text(child(node, "type"))
        kind = self.kind_of(name)
        declarator = child(node, "declarator")
        if declarator is not None:
            sizes = [self.evaluate(item) for item in declarator.named_children[:1]]
            count = sizes[0] if sizes else None
            return Pointer(Buffer("", kind, Cell(count if isinstance(count, int) else None), text=name))
        arguments = child(node, "arguments")
        values = [self.evaluate(item) for item in arguments.named_children] if arguments is not None else []
        if kind.code == "record":
            return Pointer(Cell(self.construct(kind.name, values), kind))
        return Pointer(Cell(values[0] if values else None, kind))

    def _lambda(self, node: Node) -> HostValue:
        return self.taken(Callee("", (), node, self.names, self.this))

    def _compound_literal(self, node: Node) -> HostValue:
        return self.made(self.kind_of(self.text(child(node, "type"))), child(node, "value"))


def _same(left: HostValue, right: HostValue) -> bool:
    if isinstance(left, SCALAR) and isinstance(right, SCALAR):
        return left == right
    return left is right
