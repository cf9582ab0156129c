"""Follow the calls of host code: into the program's functions, methods, lambdas and macros."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tree_sitter import Node

from .declarations import Function
from .hostdeclarations import Declarator
from .hostlibrary import ATTRIBUTES, LIBRARY, RUNTIME_PREFIXES, real
from .hostmacros import MOST_CALLS
from .hostmethods import of_string, of_vector
from .hosttemplates import PACK, HostTemplates
from .hostvalues import (
    ANY,
    INT,
    NUMBER,
    SCALAR,
    Buffer,
    Callee,
    Cell,
    HostValue,
    Kind,
    Pointer,
    Record,
    agreed,
    convert,
    copied,
)
from .syntax import ParsedSource, descendants, text_of
from .syntax import field as child

_MOST_RECURSIONS = 20
_ENDS = frozenset(
    ("exit", "abort", "_exit", "quick_exit", "__builtin_trap", "terminate", "rethrow_exception")
)
_WORD = re.compile(r"[A-Za-z_]\w*|\"(?:[^\"\\]|\\.)*\"")
_OPTION = re.compile(r"-{0,2}[\w?][\w-]*")
_PASTE = re.compile(r"\s*##\s*")
_NUMBER_TYPES = {"int": INT, "float": Kind("real", 4), "double": Kind("real", 8)}
_WORD_ENDS = frozenset(("return", "break", "continue"))


class ExitError(Exception):
    """The program ends here."""


class _Spelled(NamedTuple):
    """What a call says: a name such as ``owner::name<template>`` or another expression, and arguments."""

    function: Node | None
    given: Sequence[Node]
    text: str
    owner: str
    name: str
    template: str

    @staticmethod
    def of(call: Node) -> _Spelled:
        """What a call expression says."""
        function, arguments = child(call, "function"), child(call, "arguments")
        given = [item for item in arguments.named_children if item.type != "comment"] if arguments else []
        text = text_of(function)
        name, _, template = text.partition("<")
        owner, _, name = name.strip().rpartition("::")
        return _Spelled(function, given, text, owner, name or text, template.rpartition(">")[0])


@dataclass
class HostCalls(HostTemplates):
    """Evaluates calls."""

    _spelled: dict[int, _Spelled] = field(default_factory=dict)
    _fitting: dict[tuple[str, int, str | None, int], Function | None] = field(default_factory=dict)

    def body(self, node: Node, source: ParsedSource | None) -> None:
        """Walk the body of a function; what it returns is in ``returned``."""
        raise NotImplementedError

    def call(self, node: Node) -> HostValue:
        """The value of a call."""
        spelled = self._spelled.get(node.id)
        if spelled is None:
            spelled = self._spelled[node.id] = _Spelled.of(node)
        function, given, text, owner, name, template = spelled
        if function is None:
            return None
        if function.type == "field_expression":
            return self._method(function, given)
        if function.type in ("parenthesized_expression", "lambda_expression", "subscript_expression"):
            callee = self.evaluate(function)
            return self._called(callee, given) if isinstance(callee, Callee) else self._unknown(given)
        cell = self.names.get(name)
        if cell is not None and isinstance(cell.value, Callee):
            return self._called(cell.value, given)
        listed = self.template_arguments(template) if template else ()
        if name in ("getopt", "getopt_long"):
            return self.option([self.evaluate(item) for item in given])
        if name in self.program.classes:
            return self.construct(name, [self.evaluate(item) for item in given])
        if self.functions(name):
            value = self.invoke_named(name, given, listed, None, owner)
            if value is None and any(item.type == "string_literal" for item in given):
                return self._looked_for([self.evaluate(item) for item in given])
            return value
        return self._other(name, text, given, listed)

    def _other(self, name: str, text: str, given: Sequence[Node], listed: tuple[str, ...]) -> HostValue:
        """A call of what is no function of the program."""
        if name in self.program.function_macros:
            return self.expanded(name, given)
        if name in _ENDS:
            if self.ends:
                raise ExitError
            return None
        if name in ("cudaDeviceGetAttribute", "hipDeviceGetAttribute") and len(given) > 1:
            known = ATTRIBUTES.get(self.text(given[1]).removeprefix("cuda").removeprefix("hip"))
            cell = self.place(given[0].named_children[0]) if given[0].named_children else None
            if cell is not None:
                self.write(cell, self.multiprocessors if known else None)
            return 0
        if name in LIBRARY:
            return LIBRARY[name](self, [self.evaluate(item) for item in given])
        if name.startswith("make_") and len(name) > 6:
            name = name.removeprefix("make_")
        if name.endswith("_cast") and listed and given:
            kind, value = self.kind_of(listed[0]), self.evaluate(given[0])
            return self.retyped(convert(value, kind) if isinstance(value, NUMBER) else value, kind)
        kind = self.kind_of(text)
        if kind.code == "?":
            kind = self.kind_of(name)
        if kind.code == "record":
            return self.construct(kind.name, [self.evaluate(item) for item in given])
        if kind.code == "vector":
            return self._vector(kind, [self.evaluate(item) for item in given])
        if kind.code in ("int", "real") and len(given) == 1:
            return convert(self.evaluate(given[0]), kind)
        return self._unknown(given, runtime=name.startswith(RUNTIME_PREFIXES))

    def _unknown(self, given: Sequence[Node], *, runtime: bool = False) -> HostValue:
        """A function that is not known may write through any pointer to a variable."""
        values = [self.evaluate(item) for item in given]
        if (found := self._looked_for(values)) is not None:
            return found
        for value in values:
            if isinstance(value, Callee) and value.code is not None:
                self._called(value, ())
            if isinstance(value, Pointer):
                if isinstance(value.target, Cell):
                    self._overwritten(value.target, runtime=runtime)
                elif not runtime:
                    self.forget(value.target)
        return 0 if runtime else None

    def _looked_for(self, values: Sequence[HostValue]) -> HostValue:
        """What a function gives that looks for an option of the run line: its value, or 0 if it is not there.

        The value goes where the function is to write to. None where the function looks for something else.
        """
        if not any(isinstance(one, Pointer) and one.target is self.words for one in values):
            return None
        options = [one.lstrip("-") for one in values if isinstance(one, str) and _OPTION.fullmatch(one)]
        for word in self.arguments:
            name, equals, text = word.lstrip("-").partition("=")
            if name in options and equals and name != word:
                for value in values:
                    if isinstance(value, Pointer) and isinstance(cell := value.target, Cell):
                        is_number = cell.kind.code in ("int", "real")
                        self.write(cell, convert(real(text), cell.kind) if is_number else text)
                return text if (number := real(text)) is None else number
        return 0 if options and not any(one in word for one in options for word in self.arguments) else None

    def _overwritten(self, cell: Cell, *, runtime: bool) -> None:
        """Forget what a function may have written through a pointer."""
        if isinstance(cell.value, Record):
            for member in cell.value.fields.values() if not runtime else ():
                if isinstance(member.value, NUMBER):
                    self.write(member, None)
        elif isinstance(cell.value, SCALAR):
            self.write(cell, None)

    # Functions of the program

    def _chosen(self, name: str, count: int, owner: str | None) -> Function | None:
        """The function, or the method of ``owner``, that a call with so many arguments means."""
        key = name, count, owner, id(self.source)
        if key not in self._fitting:
            self._fitting[key] = self._fit(name, count, owner)
        return self._fitting[key]

    def _fit(self, name: str, count: int, owner: str | None) -> Function | None:
        candidates = [one for one in self.functions(name) if not one.is_kernel]
        # A folder may hold several programs: what a file defines itself is meant in it.
        candidates.sort(key=lambda one: one.source is not self.source)
        if owner is not None and candidates:
            family = [owner, *self.bases(owner)]
            candidates = [one for one in candidates if one.owner in family]
        for one in candidates:
            listed = self.parameters(one.node)
            least = sum(parameter.value is None and parameter.type != PACK for parameter in listed)
            most = math.inf if listed and listed[-1].type == PACK else len(listed)
            if least <= count <= most and one.body is not None:
                return one
        with_body = [one for one in candidates if one.body is not None]
        return with_body[0] if with_body and owner is None else None

    def invoke_named(
        self,
        name: str,
        given: Sequence[Node],
        template: tuple[str, ...],
        this: Record | None,
        owner: str = "",
    ) -> HostValue:
        """Walk into a function of the program."""
        function = None
        if this is None and self.this is not None:
            function = self._chosen(name, len(given), self.this.type)
            this = self.this if function is not None else None
        elif this is not None:
            function = self._chosen(name, len(given), this.type)
        if function is None:
            function = self._chosen(name, len(given), None)
            this = this if function is not None and function.owner else None
        if function is None or function.body is None:
            return self._unknown(given)
        parameters = self.parameters(function.node)
        cells = self._arguments(parameters, given)
        numbers = all(isinstance(cell.value, NUMBER) for cell in cells)
        if self.active.count(function.node.id) >= (_MOST_RECURSIONS if numbers else 2):
            return None
        types = self._deduced(function, parameters, cells, template)
        return self._walked(
            function.node, parameters, cells, types=types, this=this, template=template, function=function
        )

    def _arguments(self, parameters: Sequence[Declarator], given: Sequence[Node]) -> list[Cell]:
        """The cells that parameters are bound to; a pack's are the members of one."""
        packed = len(parameters) - 1 if parameters and parameters[-1].type == PACK else None
        cells: list[Cell] = []
        for item in given:
            if item.type == "parameter_pack_expansion":
                cells += self._unpacked(item)
            elif len(cells) < len(parameters) or packed is not None:
                cells.append(self._argument(parameters[min(len(cells), len(parameters) - 1)], item))
        if packed is not None:
            members = {str(index): cell for index, cell in enumerate(cells[packed:])}
            cells[packed:] = [Cell(Record(PACK, members))]
        return cells[: len(parameters)]

    def _unpacked(self, expansion: Node) -> list[Cell]:
        """The arguments that the pack in an expansion stands for."""
        for name in descendants(expansion, "identifier"):
            cell = self.names.get(self.text(name))
            if cell is not None and isinstance(cell.value, Record) and cell.value.type == PACK:
                return list(cell.value.fields.values())
        return []

    def _argument(self, parameter: Declarator, node: Node) -> Cell:
        """The cell a parameter is bound to: the argument's own for a reference, else a copy."""
        if parameter.reference:
            cell = self.place(node)
            if cell is not None:
                return cell
        if node.type == "initializer_list":
            return Cell(self.made(self.kind_of(parameter.type), node))
        read = self.read
        place = self.place(node) if node.type == "identifier" else None
        value = place.value if place is not None else self.evaluate(node)
        self.note(parameter.name, value, read)
        return Cell(copied(value), place.kind if place is not None else ANY)

    def _walked(
        self,
        node: Node,
        parameters: Sequence[Declarator],
        cells: Sequence[Cell],
        *,
        types: dict[str, str] | None = None,
        captured: dict[str, Cell] | None = None,
        this: Record | None = None,
        template: Sequence[str] = (),
        function: Function | None = None,
    ) -> HostValue:
        """Walk a body with its parameters bound; returns what it returns."""
        body = child(node, "body")
        if body is None or self.depth >= MOST_CALLS:
            return None
        outer = self.names, self.this, self.types, self.template, self.returned
        names = dict(captured or {})
        self.types = self.types if types is None else types
        for index, one in enumerate(parameters):
            if index < len(cells):
                cell = cells[index]
                if not one.reference and not one.arrays:
                    kind = self.kind_of(one.type)
                    kind = cell.kind if kind.code == "?" and cell.kind.code != "?" else kind
                    cell = Cell(convert(self.retyped(cell.value, kind), kind), kind)
                names[one.name] = cell
            elif one.value is not None:
                self.names = names
                names[one.name] = Cell(self.made(self.kind_of(one.type), one.value), self.kind_of(one.type))
                self.names = outer[0]
            else:
                names[one.name] = Cell()
        if function is not None:
            for name, text in zip(function.template_parameters, template, strict=False):
                if name in function.value_parameters:
                    names[name] = Cell(self.evaluate_text(text))
            self.template = self._instance(function, names)
        self.names, self.this, self.returned = names, this, []
        self.depth += 1
        self.active.append(node.id)
        try:
            self._initialisers(node)
            self.body(body, function.source if function is not None else None)
            values = self.returned
        finally:
            self.names, self.this, self.types, self.template, self.returned = outer
            self.depth -= 1
            self.active.pop()
        if function is not None and values and values[0] is not None:
            kind = self.kind_of(function.return_type)
            if kind.code in ("int", "real"):
                values = [convert(value, kind) for value in values]
        return agreed(values)

    def _initialisers(self, node: Node) -> None:
        """The members that a constructor initialises in front of its body."""
        for item in node.named_children:
            if item.type != "field_initializer_list" or self.this is None:
                continue
            for one in item.named_children:
                parts = one.named_children
                if len(parts) < 2:
                    continue
                cell = self.this.fields.get(self.text(parts[0]))
                values = [self.evaluate(value) for value in parts[1].named_children]
                if cell is None:
                    continue
                if cell.kind.code == "record":
                    self.write(cell, self.construct(cell.kind.name, values))
                elif cell.kind.code == "vector":
                    self.write(cell, self._vector(cell.kind, values))
                else:
                    self.store(cell, values[0] if values else 0)

    def constructed(self, record: Record, values: Sequence[HostValue]) -> bool:
        """Run the constructor that fits; whether there is one."""
        function = self._chosen(record.type, len(values), record.type)
        if function is None or self.active.count(function.node.id) >= 2:
            return False
        cells = [Cell(copied(value)) for value in values]
        parameters = self.parameters(function.node)
        self._walked(function.node, parameters, cells, types={}, this=record, function=function)
        return True

    def _called(self, callee: Callee, given: Sequence[Node]) -> HostValue:
        """Call a lambda, or a function through its name."""
        if callee.code is None:
            return self.invoke_named(callee.name, given, callee.template, None)
        if self.active.count(callee.code.id) >= 2:
            return None
        parameters = self.parameters(callee.code)
        cells = self._arguments(parameters, given)
        return self._walked(callee.code, parameters, cells, captured=callee.names, this=callee.this)

    # Methods

    def _method(self, function: Node, given: Sequence[Node]) -> HostValue:
        base = self.evaluate(child(function, "argument"))
        name = self.text(child(function, "field")).split("<")[0].strip()
        if isinstance(base, Pointer):
            cell = base.cell()
            inner = cell.value if cell is not None else None
            if inner is None and cell is not None and cell.kind.code == "record":
                inner = cell.value = self.record(cell.kind.name)
            base = inner if isinstance(inner, Record | Buffer | str) else base
        if isinstance(base, Record):
            member = base.fields.get(name)
            if member is not None and isinstance(member.value, Callee):
                return self._called(member.value, given)
            return self.invoke_named(name, given, (), base) if self.functions(name) else self._unknown(given)
        if isinstance(base, Buffer):
            return of_vector(self, base, name, [self.evaluate(item) for item in given])
        if isinstance(base, str):
            return of_string(base, name, [self.evaluate(item) for item in given])
        if isinstance(base, Pointer) and name in ("get", "data"):
            return base
        return self._unknown(given)
