"""The places that expressions of host code denote: variables, members, elements, targets of pointers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from .hostdeclarations import HostDeclarations
from .hostvalues import Buffer, Callee, Cell, HostValue, Pointer, Record, arithmetic
from .syntax import field as child

_MOST_NESTED: Final = 24


@dataclass
class HostPlaces(HostDeclarations):
    """Finds the places that expressions denote, and what is in them."""

    def place(self, node: Node | None) -> Cell | None:
        """The cell that an expression denotes; None if it denotes none that is known."""
        if node is None:
            return None
        self.step()
        match node.type:
            case "identifier" | "qualified_identifier" | "field_identifier":
                return self.cell_of(self.text(node).rsplit("::", maxsplit=1)[-1])
            case "parenthesized_expression" if node.named_child_count == 1:
                return self.place(node.named_children[0])
            case "field_expression":
                return self._member(node)
            case "subscript_expression":
                return self._element(node)
            case "pointer_expression" if self.text(node).startswith("*"):
                value = self.evaluate(child(node, "argument"))
                return value.cell() if isinstance(value, Pointer) else None
            case "update_expression" | "assignment_expression":
                self.evaluate(node)
                return self.place(child(node, "argument") or child(node, "left"))
            case "cast_expression":
                return self.place(child(node, "value"))
            case "call_expression":
                return self._of_macro(node)
        return None

    def _of_macro(self, call: Node) -> Cell | None:
        """The cell that a macro with parameters stands for, as in ``SIZE(matrix) = n``."""
        macro = self.program.function_macros.get(self.text(child(call, "function")))
        arguments = child(call, "arguments")
        if macro is None or arguments is None or self.depth >= _MOST_NESTED:
            return None
        self.depth += 1
        try:
            return self.place(
                self.parsed(macro.written([self.text(one) for one in arguments.named_children]))
            )
        finally:
            self.depth -= 1

    def _of_place(self, node: Node) -> HostValue:
        cell = self.place(node)
        return cell.value if cell is not None else None

    def _member(self, node: Node) -> Cell | None:
        record = self.record_at(child(node, "argument"))
        if record is None:
            return None
        name = self.text(child(node, "field"))
        if name not in record.fields:
            record.fields[name] = Cell()
        return record.fields[name]

    def record_at(self, node: Node | None) -> Record | None:
        """The record that an expression denotes or points to."""
        value = self.evaluate(node)
        for _ in range(2):
            if isinstance(value, Pointer):
                cell = value.cell()
                value = cell.value if cell is not None else None
                if value is None and cell is not None and cell.kind.code == "record":
                    value = cell.value = self.record(cell.kind.name)
        return value if isinstance(value, Record) else None

    def _indexed(self, node: Node) -> tuple[HostValue, int | None]:
        """What is indexed, a buffer as its address, and the index if it is a known one."""
        base = self.evaluate(child(node, "argument"))
        listed = child(node, "indices")
        index = (
            self.evaluate(listed.named_children[0]) if listed is not None and listed.named_children else None
        )
        if isinstance(base, Buffer):
            base = Pointer(base)
        return base, index if isinstance(index, int) else None

    def _element(self, node: Node) -> Cell | None:
        base, index = self._indexed(node)
        return base.cell(index) if isinstance(base, Pointer) and index is not None else None

    def _subscript(self, node: Node) -> HostValue:
        base, index = self._indexed(node)
        if index is None:
            return None
        if isinstance(base, str) and 0 <= index <= len(base):
            return ord(base[index]) if index < len(base) else 0
        cell = base.cell(index) if isinstance(base, Pointer) else None
        return cell.value if cell is not None else None

    def _pointer(self, node: Node) -> HostValue:
        argument = child(node, "argument")
        if self.text(child(node, "operator")) == "*":
            value = self.evaluate(argument)
            if isinstance(value, str):
                return ord(value[0]) if value else 0
            cell = value.cell() if isinstance(value, Pointer) else None
            return cell.value if cell is not None else value if isinstance(value, Callee) else None
        if argument is not None and argument.type == "subscript_expression":
            base, index = self._indexed(argument)
            if isinstance(base, Pointer):
                return arithmetic("+", base, index)
        cell = self.place(argument)
        if cell is None:
            value = self.evaluate(argument)
            return value if isinstance(value, Callee) else None
        if isinstance(cell.value, Callee) and not cell.kind.name:
            return cell.value
        return Pointer(cell)
