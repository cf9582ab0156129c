"""Make the variables, arrays and objects that host code declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from .conditionals import root_of
from .evaluate import split_arguments
from .hoststate import HostState
from .hostvalues import ANY, NUMBER, Buffer, Cell, HostValue, Kind, Pointer, Record, convert, copied
from .kept import cached_property
from .syntax import ancestor, descendants
from .syntax import field as child

_MOST_ROWS = 64


@dataclass(frozen=True, slots=True)
class Declarator:
    """One declared name. ``given`` are constructor arguments, None where there are no parentheses."""

    name: str
    type: str
    reference: bool
    arrays: tuple[Node | None, ...]
    value: Node | None
    given: tuple[Node, ...] | None
    static: bool = False


@dataclass
class HostDeclarations(HostState):
    """Declares variables; expressions are evaluated by :class:`HostExpressions`."""

    _declarators: dict[int, tuple[Declarator, ...]] = field(default_factory=dict)
    _statics: dict[tuple[int, str], Cell] = field(default_factory=dict)
    _members: dict[str, tuple[Declarator, ...]] = field(default_factory=dict)
    _enumerated: dict[str, HostValue] = field(default_factory=dict)

    def evaluate(self, node: Node | None) -> HostValue:
        """The value of an expression."""
        raise NotImplementedError

    def place(self, node: Node | None) -> Cell | None:
        """The cell an expression denotes."""
        raise NotImplementedError

    def template_arguments(self, text: str) -> tuple[str, ...]:
        """Template arguments as texts."""
        raise NotImplementedError

    def constructed(self, record: Record, values: Sequence[HostValue]) -> bool:
        """Run the constructor that fits; whether there is one."""
        raise NotImplementedError

    # Names

    def cell_of(self, name: str) -> Cell | None:
        """The variable of a name: a local one, a member of this object or a global."""
        cell = self.names.get(name)
        if cell is None and self.this is not None:
            cell = self.this.fields.get(name)
        return cell if cell is not None else self.global_cell(name)

    def global_cell(self, name: str) -> Cell | None:
        """The variable of a name at file scope; made when it is first asked for."""
        if name not in self.globals:
            self.globals[name] = None  # while it is made: a value that depends on itself
            declared = self.program.variables.get(name)
            node = declared.node.parent if declared is not None else None
            if node is not None and not self.conditionals.active(node):
                node = self._compiled_declaration(name, node)
            if node is not None and node.type == "declaration":
                outer = self.names, self.this, self.types
                self.names, self.this, self.types = {}, None, {}
                try:
                    for one in self.declarators(node):
                        if one.name == name:
                            self.globals[name] = self.variable(one)
                finally:
                    self.names, self.this, self.types = outer
            elif name in self.static_members:
                self.globals[name] = self.variable(self.static_members[name])
        return self.globals[name]

    def _compiled_declaration(self, name: str, other: Node) -> Node | None:
        """The declaration of a global that is compiled, where ``other`` is in a branch that is not."""
        for node in descendants(root_of(other), "declaration"):
            if ancestor(node, "function_definition") is not None or not self.conditionals.active(node):
                continue
            if any(one.name == name for one in self.declarators(node)):
                return node
        return None

    @cached_property
    def static_members(self) -> dict[str, Declarator]:
        """Static members of classes that have their value where they are declared."""
        listed = (one for name in self.program.classes for one in self.members(name))
        return {one.name: one for one in listed if one.static and one.value is not None}

    def enumerator(self, name: str) -> HostValue:
        """The value of an enumerator: as given, or one more than the one before it."""
        if name not in self._enumerated:
            self._enumerated[name] = None
            node = self.program.enumerators[name]
            if (value := child(node, "value")) is not None:
                self._enumerated[name] = self.evaluate(value)
            else:
                before = node.prev_named_sibling
                while before is not None and before.type != "enumerator":
                    before = before.prev_named_sibling
                known = self.enumerator(self.text(child(before, "name"))) if before is not None else -1
                self._enumerated[name] = known + 1 if isinstance(known, int) else None
        return self._enumerated[name]

    # Declarations

    def declarators(self, node: Node) -> tuple[Declarator, ...]:
        """The names that a declaration, a parameter or a member declaration introduces."""
        known = self._declarators.get(node.id)
        if known is None:
            base = self.text(child(node, "type"))
            static = any(self.text(item) in ("static", "constexpr") for item in node.named_children[:2])
            default = child(node, "default_value")
            found = (
                self._declarator(item, base, default, static=static)
                for item in node.children_by_field_name("declarator")
            )
            known = self._declarators[node.id] = tuple(one for one in found if one is not None)
        return known

    def _declarator(self, node: Node, base: str, value: Node | None, *, static: bool) -> Declarator | None:
        given: tuple[Node, ...] | None = None
        inner: Node | None = node
        if node.type == "init_declarator":
            value, inner = child(node, "value"), child(node, "declarator")
            if value is not None and value.type == "argument_list":
                given, value = tuple(item for item in value.named_children if item.type != "comment"), None
        stars, reference = 0, False
        arrays: list[Node | None] = []
        while inner is not None and inner.type not in ("identifier", "field_identifier"):
            match inner.type:
                case "pointer_declarator":
                    stars += 1
                case "reference_declarator":
                    reference = True
                case "array_declarator":
                    arrays.insert(0, child(inner, "size"))
                case "function_declarator":
                    if given is None and value is None:
                        given = self._vexing(inner)
                case "parenthesized_declarator":
                    pass
                case _:
                    return None
            inner = child(inner, "declarator") or (inner.named_children[-1] if inner.named_children else None)
        if inner is None:
            return None
        return Declarator(
            self.text(inner), base + "*" * stars, reference, tuple(arrays), value, given, static
        )

    def _vexing(self, node: Node) -> tuple[Node, ...]:
        """The arguments of ``dim3 grid(n, m)``, which declares a function to a parser without types."""
        texts = split_arguments(self.text(child(node, "parameters"))[1:-1])
        parsed = (self.parsed(text) for text in texts)
        return tuple(item for item in parsed if item is not None)

    def declaration(self, node: Node) -> None:
        """Declare the names of a declaration statement."""
        for one in self.declarators(node):
            key = (node.id, one.name)
            if one.static and key in self._statics:
                self.names[one.name] = self._statics[key]
                continue
            cell = self.declare(one)
            if one.static:
                self._statics[key] = cell

    def declare(self, one: Declarator) -> Cell:
        """Declare one name here."""
        cell = self.names[one.name] = self.variable(one)
        return cell

    def variable(self, one: Declarator) -> Cell:
        """The variable that a declarator makes, with its initial value."""
        kind = self.kind_of(one.type)
        if one.arrays:
            return self._array(one, kind)
        if one.reference and one.value is not None:
            cell = self.place(one.value)
            if cell is not None:
                return cell
        if kind.code in ("record", "vector"):
            return Cell(self._object(one, kind), kind)
        source = one.value or (one.given[0] if one.given else None)
        read = self.read
        value = self.made(kind, source) if source is not None else None
        cell = Cell(None, kind)
        if kind is ANY and isinstance(value, NUMBER):
            cell.kind = Kind("int", 8) if isinstance(value, int) else Kind("real", 8)
        self.store(cell, value)
        self.note(one.name, cell.value, read)
        self._name_buffer(cell.value, one.name)
        return cell

    def _object(self, one: Declarator, kind: Kind) -> HostValue:
        if one.value is not None:
            value = self.made(kind, one.value)
        else:
            given = [self.evaluate(item) for item in one.given or ()]
            value = self.construct(kind.name, given) if kind.code == "record" else self._vector(kind, given)
        self._name_buffer(value, one.name)
        return value

    def _vector(self, kind: Kind, given: Sequence[HostValue]) -> Buffer:
        element = self.kind_of(kind.name)
        count: HostValue = given[0] if given else 0
        if isinstance(count, Buffer):
            return count
        if len(given) >= 2 and isinstance(count, Pointer):
            count = self._distance(count, given[1])
        made = Buffer("", element, Cell(count if isinstance(count, int) else None), text=kind.name)
        if len(given) == 2 and isinstance(count, int) and count <= _MOST_ROWS and given[1] is not None:
            for index in range(count):
                made.cells[index] = Cell(convert(copied(given[1]), element), element)
        return made

    @staticmethod
    def _distance(start: Pointer, end: HostValue) -> int | None:
        known = isinstance(end, Pointer) and end.target is start.target
        if not isinstance(end, Pointer) or not known or start.offset is None or end.offset is None:
            return None
        return end.offset - start.offset

    @staticmethod
    def _name_buffer(value: HostValue, name: str) -> None:
        target = value.target if isinstance(value, Pointer) else value
        if isinstance(target, Buffer) and not target.name:
            target.name = name

    def _array(self, one: Declarator, kind: Kind) -> Cell:
        sizes = [self.evaluate(item) if item is not None else None for item in one.arrays]
        listed = one.value if one.value is not None and one.value.type == "initializer_list" else None
        if listed is not None and not isinstance(sizes[0], int):
            sizes[0] = sum(item.type != "comment" for item in listed.named_children)
        elif sizes[0] is None and one.value is not None:
            text = self.evaluate(one.value)
            if isinstance(text, str):
                return Cell(text, Kind("?", len(text) + 1, name="char"))
        made = self._rows(one.name, kind, sizes, listed)
        return Cell(Pointer(made), Kind("array", 8, name=kind.name))

    def _rows(self, name: str, kind: Kind, sizes: Sequence[HostValue], listed: Node | None) -> Buffer:
        count = sizes[0] if isinstance(sizes[0], int) else None
        items = [item for item in listed.named_children if item.type != "comment"] if listed else []
        if len(sizes) == 1:
            made = Buffer(name, kind, Cell(count), text=kind.name)
            for index, item in enumerate(items[:256]):
                made.cells[index] = Cell(convert(self.made(kind, item), kind), kind)
            if kind.code == "record" and count is not None:
                for index in range(len(items), min(count, _MOST_ROWS)):
                    made.cells[index] = Cell(self.construct(kind.name, []), kind)
            if (
                len(items) == 1
                and count is not None
                and made.cells[0].value == 0
                and kind.code in ("int", "real")
            ):
                for index in range(min(count, 256)):
                    made.cells[index] = Cell(0, kind)
            return made
        size = kind.size
        for inner in sizes[1:]:
            size *= inner if isinstance(inner, int) else 1
        made = Buffer(name, Kind("pointer", size, name=kind.name), Cell(count), text=kind.name)
        for index in range(min(count or len(items), _MOST_ROWS)):
            row = items[index] if index < len(items) and items[index].type == "initializer_list" else None
            made.cells[index] = Cell(Pointer(self._rows(name, kind, sizes[1:], row)), made.element)
        return made

    # Values of a kind

    def made(self, kind: Kind, node: Node | None) -> HostValue:
        """The value that an initialiser gives to a variable of a kind."""
        if node is None:
            return None
        if node.type == "initializer_list":
            items = [item for item in node.named_children if item.type != "comment"]
            if kind.code == "record":
                return self._aggregate(kind.name, items)
            if kind.code == "vector":
                return self.array_of(node, self.kind_of(kind.name))
            if kind.code in ("int", "real", "pointer", "?"):
                if len(items) == 1:
                    return self.evaluate(items[0])
                return 0 if not items else self.array_of(node, ANY)
            return None
        value = self.evaluate(node)
        if kind.code == "record" and not isinstance(value, Record):
            if isinstance(value, NUMBER) and kind.name == "dim3":
                return self.construct(kind.name, [value])
            return self.record(kind.name) if kind.name != "dim3" else None
        return copied(value)

    def _aggregate(self, name: str, items: Sequence[Node]) -> Record:
        if any(item.type == "initializer_pair" for item in items):
            made = self.construct(name, [])
            for item in items:
                target = self.text(child(item, "designator")).lstrip(".")
                if target in made.fields:
                    cell = made.fields[target]
                    cell.value = convert(self.made(cell.kind, child(item, "value")), cell.kind)
            return made
        kinds = [one.kind for one in self.construct(name, []).fields.values()] if items else []
        kinds += [ANY] * len(items)
        return self.construct(name, [self.made(kind, item) for kind, item in zip(kinds, items, strict=False)])

    def array_of(self, node: Node, element: Kind) -> Buffer:
        """A buffer with the elements of a braced list."""
        items = [item for item in node.named_children if item.type != "comment"]
        made = Buffer("", element, Cell(len(items)), text=element.name)
        for index, item in enumerate(items[:256]):
            made.cells[index] = Cell(convert(self.made(element, item), element), element)
        return made

    def construct(self, name: str, values: Sequence[HostValue]) -> Record:
        """An object of a class, by its constructor or member by member."""
        if len(values) == 1 and isinstance(values[0], Record) and values[0].type == name:
            return values[0].copy()
        record = self.record(name)
        outer = self.names, self.this
        if name in self.program.classes:
            self.names, self.this = {}, record
            try:
                for one in self.members(name):
                    if not one.static:
                        record.fields[one.name] = self.variable(one) if self.depth < 12 else Cell()
            finally:
                self.names, self.this = outer
            if self.constructed(record, values):
                return record
        for cell, value in zip(record.fields.values(), values, strict=False):
            cell.value = convert(copied(value), cell.kind)
        return record

    def members(self, name: str) -> tuple[Declarator, ...]:
        """The members that a class declares, its bases' first."""
        if name not in self._members:
            self._members[name] = ()
            node = self.program.classes.get(name)
            found: list[Declarator] = []
            for base in self.bases(name):
                found += self.members(base)
            body = child(node, "body") if node is not None else None
            for item in body.named_children if body is not None else ():
                if item.type == "field_declaration":
                    found += [one for one in self.declarators(item) if one.given is None]
            self._members[name] = tuple(found)
        return self._members[name]

    def bases(self, name: str) -> list[str]:
        """The names of the classes that a class is derived from."""
        node = self.program.classes.get(name)
        clause = (
            next((item for item in node.children if item.type == "base_class_clause"), None) if node else None
        )
        texts = (self.text(item).split("<")[0] for item in clause.named_children) if clause else ()
        return [text for text in texts if text in self.program.classes]

    # Stores

    def store(self, cell: Cell, value: HostValue) -> None:
        """Assign to a cell; untyped memory takes the type of the pointer that is made of it."""
        self.write(cell, copied(self.retyped(value, cell.kind)))

    def retyped(self, value: HostValue, kind: Kind) -> HostValue:
        """Memory that has no type yet gets that of the pointer it is assigned or cast to."""
        target = value.target if isinstance(value, Pointer) else None
        if isinstance(target, Buffer) and kind.code == "pointer" and target.element.code == "?":
            element = self.kind_of(kind.name)
            size, known = target.size_bytes, element.code != "?" or element.size > 1
            if known:
                self._retyped.append((target, replace(target, count=replace(target.count))))
            if known and size is not None and element.size:
                target.element, target.text = element, kind.name
                target.count.value = int(size // element.size)
            elif known:
                target.element, target.text = element, kind.name
        return value
