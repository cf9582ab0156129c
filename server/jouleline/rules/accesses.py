"""The accesses to chosen arrays in a stretch of code, functions of the program seen through."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tree_sitter import Node

from jouleline.core.declarations import Function
from jouleline.core.directives import directive_of, opens_kernel
from jouleline.core.polynomial import Polynomial
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    HARMLESS,
    Use,
    arguments_of,
    callee,
    definitions,
    has_branches,
    root_name,
    uses,
    written_names,
)
from .indices import WIDE, Range, polynomial
from .loops import counted_loop
from .macros import is_spelled_out, opaque_macros
from .scope import lookup, names_in

_POINTED = re.compile(r"[*&\[]|vector|array")
_WAITING = ("nowait", "depend")


@dataclass(frozen=True)
class Access:
    """One access to an array, with the loops around it; ``order`` is its place in the sequence."""

    array: str
    index: Polynomial
    ranges: tuple[Range, ...]
    order: int
    conditional: bool = False
    write: bool = False


@dataclass(frozen=True)
class _Names:
    """What names mean in a function: chosen arrays, other memory of the caller, values."""

    arrays: dict[str, str]
    others: dict[str, Node] = field(default_factory=dict)
    values: dict[str, Polynomial | None] = field(default_factory=dict)
    outer: bool = True
    fixed: frozenset[str] = frozenset()


class NotUnderstoodError(Exception):
    """The code does something that this walk does not follow."""


class Walk:
    """Walks statements that run inside ``loop`` and gathers accesses to ``arrays``.

    ``others`` are the expressions for other memory that is used. Raises NotUnderstoodError where an
    access to one of the arrays may be missed.
    """

    def __init__(
        self, source: ParsedSource, program: ProgramFacts, loop: Node, arrays: tuple[str, ...]
    ) -> None:
        self.source = source
        self.program = program
        self.loop = loop
        self.accesses: list[Access] = []
        self.others: list[Node] = []
        self._functions = definitions(program)
        self._order = 0
        self._depth = 0
        self.names = _Names({name: name for name in arrays}, fixed=written_names(loop))

    def statement(
        self, node: Node, names: _Names, ranges: tuple[Range, ...] = (), *, conditional: bool = False
    ) -> None:
        """Gather the accesses of a statement."""
        match node.type:
            case "comment":
                return
            case "preproc_call" | "attribute_declaration":
                self._pragma(node)
            case "compound_statement" | "attributed_statement" | "else_clause":
                for item in node.named_children:
                    self.statement(item, names, ranges, conditional=conditional)
            case "declaration":
                self._declaration(node, names, ranges, conditional=conditional)
            case "expression_statement":
                for item in node.named_children:
                    self._expression(item, names, ranges, conditional=conditional)
            case "for_statement":
                self._loop(node, names, ranges, conditional=conditional)
            case "if_statement":
                for label in ("condition", "consequence", "alternative"):
                    if (part := child(node, label)) is not None:
                        self.statement(part, names, ranges, conditional=True)
            case "condition_clause":
                for item in node.named_children:
                    self._expression(item, names, ranges, conditional=conditional)
            case "break_statement" | "continue_statement" if not ranges and names.outer:
                return  # it ends the walk's own loop; who walks it looks after that
            case _:
                raise NotUnderstoodError(node.type)

    def _pragma(self, node: Node) -> None:
        directive = directive_of(node, self.source)
        if directive is None:
            return
        known = opens_kernel(directive) or set(directive.words) <= {"simd", "atomic", "critical", "update"}
        if not known or any(directive.clause(name) for name in _WAITING):
            raise NotUnderstoodError("pragma")

    def _declaration(
        self, node: Node, names: _Names, ranges: tuple[Range, ...], *, conditional: bool
    ) -> None:
        for name in names_in(node, "local"):
            if name.levels or name.container or name.reference or "static" in text_of(node).split():
                raise NotUnderstoodError("memory that is declared inside")
            if names.outer and lookup(name.text, self.loop, self.program) is not None:
                raise NotUnderstoodError("a name that hides another")
            block = node.parent
            known = block is not None and name.text not in written_names(block) and name.value is not None
            known = known and set(name.base.replace("std::", "").split()) <= WIDE | {"auto"}
            names.values[name.text] = self._value(name.value, names) if known else None
            if name.value is not None:
                self._expression(name.value, names, ranges, conditional=conditional)

    def _loop(self, node: Node, names: _Names, ranges: tuple[Range, ...], *, conditional: bool) -> None:
        loop = counted_loop(node)
        if loop is None or loop.variable in written_names(loop.body):
            raise NotUnderstoodError("a loop of another form")
        low, limit = self._value(loop.first, names), self._value(loop.limit, names)
        if low is None or limit is None:
            raise NotUnderstoodError("bounds that are not known")
        for part in (loop.first, loop.limit):
            self._expression(part, names, ranges, conditional=conditional)
        symbol = f"%{len(ranges)}"
        item = Range(symbol, low, limit if loop.relation == "<=" else limit - 1)
        hidden = names.values.get(loop.variable, _MISSING)
        names.values[loop.variable] = Polynomial.symbol(symbol)
        self.statement(loop.body, names, (*ranges, item), conditional=conditional)
        if hidden is _MISSING or not loop.declared:
            names.values[loop.variable] = None
        else:
            names.values[loop.variable] = hidden

    def _expression(self, node: Node, names: _Names, ranges: tuple[Range, ...], *, conditional: bool) -> None:
        if node.type == "call_expression":
            self._call(node, names, ranges, conditional=conditional)
            return
        if node.type in ("lambda_expression", "new_expression", "delete_expression", "ERROR"):
            raise NotUnderstoodError(node.type)
        if node.type == "pointer_expression":
            raise NotUnderstoodError("an address or an access without index")
        if node.type == "identifier":
            name = text_of(node)
            if name in names.arrays:
                raise NotUnderstoodError("an array as a whole")
            declared = lookup(name, node, self.program)
            if declared is not None and declared.reference and not declared.container:
                raise NotUnderstoodError("another name for something")
            return
        if node.type == "field_expression" and text_of(child(node, "operator")) == "->":
            raise NotUnderstoodError("memory behind a pointer")
        if node.type == "subscript_expression":
            self._subscript(node, names, ranges, conditional=conditional)
            return
        # What a condition guards inside an expression may not run.
        guarded = (
            conditional
            or node.type == "conditional_expression"
            or text_of(child(node, "operator")) in ("&&", "||")
        )
        if node.type == "assignment_expression":
            left, right = child(node, "left"), child(node, "right")
            if right is not None:
                self._expression(right, names, ranges, conditional=guarded)
            if left is not None:
                self._expression(left, names, ranges, conditional=guarded)
            return
        for item in node.named_children:
            self._expression(item, names, ranges, conditional=guarded)

    def _subscript(self, node: Node, names: _Names, ranges: tuple[Range, ...], *, conditional: bool) -> None:
        base, index = child(node, "argument"), child(node, "indices")
        if base is None or index is None:
            raise NotUnderstoodError("an incomplete subscript")
        self._expression(index, names, ranges, conditional=conditional)
        array = names.arrays.get(text_of(base)) if base.type == "identifier" else None
        if array is None:
            self._other(base, names)
            return
        value = self._value(index, names)
        found = [
            use
            for use in uses(node, text_of(base))
            if use.subscript is not None and use.subscript.id == node.id
        ]
        if value is None or len(found) != 1 or found[0].kind == "escape":
            raise NotUnderstoodError("an index that is not known")
        parent = node.parent
        kind = found[0].kind
        if parent is not None and parent.type == "subscript_expression" and child(parent, "argument") == node:
            raise NotUnderstoodError("an array of arrays")
        self._order += 1
        if kind in ("read", "update"):
            self.accesses.append(Access(array, value, ranges, self._order, conditional=conditional))
        if kind in ("write", "update"):
            access = Access(array, value, ranges, self._order, conditional=conditional, write=True)
            self.accesses.append(access)

    def _other(self, base: Node, names: _Names) -> None:
        if base.type == "subscript_expression" and (inner := child(base, "argument")) is not None:
            self._other(inner, names)
            return
        name = root_name(base)
        if name is None or base.type not in ("identifier", "field_expression") or name in names.arrays:
            raise NotUnderstoodError("memory that cannot be named")
        if names.outer:
            self.others.append(base)
        elif name in names.others and base.type == "identifier":
            self.others.append(names.others[name])
        else:
            raise NotUnderstoodError("memory that the caller does not see")

    def _call(self, node: Node, names: _Names, ranges: tuple[Range, ...], *, conditional: bool) -> None:
        name, arguments = callee(node), arguments_of(node)
        listed = self._functions.get(name, [])
        if name in HARMLESS and not listed and name not in self.program.function_macros:
            for item in arguments:
                self._expression(item, names, ranges, conditional=conditional)
            return
        function = listed[0] if len(listed) == 1 else None
        body = function.body if function is not None else None
        if function is None or body is None or self._depth > 3 or len(arguments) != len(function.parameters):
            raise NotUnderstoodError(f"a call of {name}")
        hidden = has_branches(function.node) or not is_spelled_out(function.node, self.program)
        if function.template_parameters or function.node.has_error or hidden:
            raise NotUnderstoodError(f"a call of {name}")
        inner = self._entered(function, arguments, names, ranges, conditional=conditional)
        self._depth += 1
        for item in body.named_children:
            if item.type == "return_statement" and item.id == body.named_children[-1].id:
                for value in item.named_children:
                    self._expression(value, inner, ranges, conditional=conditional)
            else:
                self.statement(item, inner, ranges, conditional=conditional)
        self._depth -= 1

    def _entered(
        self,
        function: Function,
        arguments: list[Node],
        names: _Names,
        ranges: tuple[Range, ...],
        *,
        conditional: bool,
    ) -> _Names:
        assert function.body is not None
        inner = _Names({}, {}, {}, outer=False, fixed=written_names(function.body))
        for parameter, argument in zip(function.parameters, arguments, strict=True):
            declaration = (
                parameter.node
                if parameter.node.type.endswith("declaration")
                else ancestor(parameter.node, "parameter_declaration", "optional_parameter_declaration")
            )
            if not _POINTED.search(text_of(declaration)):
                inner.values[parameter.name] = (
                    self._value(argument, names) if parameter.name not in inner.fixed else None
                )
                self._expression(argument, names, ranges, conditional=conditional)
                continue
            if _whole_uses(function, parameter.name):
                raise NotUnderstoodError("a pointer that is moved or passed on")
            whole = re.sub(r"\s*\.\s*data\s*\(\s*\)$", "", text_of(argument))
            if whole in names.arrays:
                inner.arrays[parameter.name] = names.arrays[whole]
            elif names.outer:
                inner.others[parameter.name] = argument
            elif argument.type == "identifier" and whole in names.others:
                inner.others[parameter.name] = names.others[whole]
            else:
                raise NotUnderstoodError("memory that the caller does not see")
        return inner

    def value(self, node: Node | None) -> Polynomial | None:
        """An integer expression that stands in the loop, if no iteration changes it."""
        return self._value(node, self.names)

    def _value(self, node: Node | None, names: _Names) -> Polynomial | None:
        return polynomial(node, lambda name, place: self._resolve(name, place, names))

    def _resolve(self, name: str, place: Node, names: _Names) -> Polynomial | None:
        if name in names.values:
            return names.values[name]
        if name in self.program.macros:
            return Polynomial.symbol(name) if name not in opaque_macros(self.program) else None
        if not names.outer or name in names.fixed:
            return None
        declared = lookup(name, self.loop, self.program)
        if declared is None or declared.levels or declared.container or declared.reference:
            return None
        if declared.where == "global" and not declared.const:
            return None
        function = ancestor(self.loop, "function_definition")
        return (
            Polynomial.symbol(name) if function is not None and not _address_taken(function, name) else None
        )


_MISSING = Polynomial.symbol("?missing")


def _whole_uses(function: Function, name: str) -> list[Use]:
    return (
        [use for use in uses(function.body, name) if use.subscript is None]
        if function.body is not None
        else []
    )


def _address_taken(function: Node, name: str) -> bool:
    return any(
        text_of(child(node, "operator")) == "&" and text_of(child(node, "argument")) == name
        for node in descendants(function, "pointer_expression")
    )
