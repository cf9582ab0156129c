"""What is known at a point of the walk over host code: names, types, and what was written.

Writes are kept in a journal, so that two ways through a condition can be walked one after the
other and be joined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .conditionals import Conditionals
from .ctype import Scalar
from .declarations import Function
from .evaluate import parse_expression
from .hostvalues import ANY, NUMBER, Buffer, Callee, Cell, HostValue, Kind, Record, convert
from .programfacts import ProgramFacts
from .syntax import replacement, text_of

MOST_STEPS: Final = 60_000
"""Expressions and statements that are walked before the rest of a program is left alone."""

_NOISE: Final = re.compile(
    r"\b(?:const|constexpr|volatile|static|register|inline|extern|struct|class|union|enum|typename|mutable"
    r"|__restrict__|restrict|__restrict)\b|(?:std|thrust)\s*::"
)
_VECTOR: Final = re.compile(
    r"(?:\w+::)*(vector|device_vector|host_vector|array|unique_ptr|shared_ptr|valarray)\s*<(.*)>"
)
_UNSIGNED: Final = re.compile(r"\b(?:unsigned|u?size_t|uint\w*|u(?:char|short|int|long)\w*|bool|u\d+)\b")
_AXES: Final = re.compile(r"(?:u?char|u?short|u?int|u?long|u?longlong|float|double)([1-4])")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_EXTENT: Final = Kind("int", 4, signed=False)


class OutOfStepsError(Exception):
    """The walk has taken as many steps as it may."""


@dataclass
class HostState:
    """Names and types at a point of the walk.

    ``this`` is the object whose method is walked, ``template`` the template arguments of the function.
    ``words`` is what ``argv`` points to. ``last`` is the statement behind which no kernel may be reached, so
    that nothing behind it is walked; the last part of that statement takes its place.
    """

    program: ProgramFacts
    arguments: tuple[str, ...] = ()
    multiprocessors: int = 1
    ends: bool = True
    names: dict[str, Cell] = field(default_factory=dict)
    this: Record | None = None
    types: dict[str, str] = field(default_factory=dict)
    template: Mapping[str, str] = field(default_factory=dict)
    globals: dict[str, Cell | None] = field(default_factory=dict)
    active: list[int] = field(default_factory=list)
    steps: int = 0
    ceiling: int = MOST_STEPS
    depth: int = 0
    loops: int = 0
    uncertain: int = 0
    returned: list[HostValue] = field(default_factory=list)
    used: dict[str, str] = field(default_factory=dict)
    read: int = 0
    words: Buffer | None = None
    last: int = 0
    _journal: list[tuple[Cell, HostValue]] = field(default_factory=list)
    _retyped: list[tuple[Buffer, Buffer]] = field(default_factory=list)
    _watching: int = 0
    _kinds: dict[str, Kind] = field(default_factory=dict)
    _parsed: dict[str, Node | None] = field(default_factory=dict)
    _texts: dict[int, str] = field(default_factory=dict)
    _functions: dict[str, tuple[Function, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare what follows from the program."""
        self.conditionals = Conditionals(self.program.definitions, self.program.given)

    def text(self, node: Node | None) -> str:
        """A node's text, decoded once."""
        if node is None:
            return ""
        known = self._texts.get(node.id)
        if known is None:
            known = self._texts[node.id] = text_of(node)
        return known

    def parsed(self, text: str) -> Node | None:
        """The node of an expression given as text; it lives as long as this state."""
        if text not in self._parsed:
            self._parsed[text] = parse_expression(text)
        return self._parsed[text]

    def step(self) -> None:
        """Count a step of the walk."""
        self.steps += 1
        if self.steps > self.ceiling:
            if self.steps > MOST_STEPS:
                raise OutOfStepsError
            self.linger()

    def linger(self) -> None:
        """Leave what has taken its share of the steps, or raise the ceiling."""
        self.ceiling = MOST_STEPS

    def is_last(self, node: Node) -> bool:
        """Whether no kernel may be reached behind a statement that is about to be walked; said once."""
        found = node.id == self.last
        if found:
            self.last = 0
        return found

    def taken(self, callee: Callee) -> Callee:
        """Take a function for a value, by which it may be called."""
        return callee

    # Writes

    def write(self, cell: Cell, value: HostValue) -> None:
        """Give a cell a value of its kind."""
        if self._watching:
            self._journal.append((cell, cell.value))
        cell.value = convert(value, cell.kind)

    def watch(self) -> int:
        """Start to keep what is overwritten; returns the mark to give to :meth:`written`."""
        self._watching += 1
        return len(self._journal)

    def written(self, mark: int, *, undo: bool) -> dict[Cell, tuple[HostValue, HostValue]]:
        """The cells written since the mark, with their values then and now; stops watching."""
        changes: dict[Cell, tuple[HostValue, HostValue]] = {}
        for cell, before in self._journal[mark:]:
            if cell not in changes:
                changes[cell] = (before, cell.value)
        self._watching -= 1
        if undo or not self._watching:
            del self._journal[mark:]
        if undo:
            for cell, (before, _) in changes.items():
                cell.value = before
        return changes

    def untype(self, mark: int) -> None:
        """Memory that got a type since so many did gets back what it had."""
        for buffer, before in reversed(self._retyped[mark:]):
            buffer.element, buffer.text, buffer.count.value = before.element, before.text, before.count.value
        del self._retyped[mark:]

    def note(self, name: str, value: HostValue, read: int) -> None:
        """Note a value for which the run line was read (``read`` counts how often before)."""
        if self.read > read and isinstance(value, NUMBER):
            self.used[name] = f"{name} = {value:.15g} from the run line"

    def forget(self, buffer: Buffer) -> None:
        """The kept elements of a buffer are not known any longer."""
        for cell in buffer.cells.values():
            if cell.value is not None:
                self.write(cell, None)

    # Types

    def bound(self, text: str) -> str:
        """A type's text with the template parameters of this place written out."""
        if not self.types:
            return text
        return _WORD.sub(lambda word: self.types.get(word[0], word[0]), text)

    def plain_type(self, text: str) -> str:
        """A type's text without what says how it may be used, the program's own aliases written out."""
        text = " ".join(_NOISE.sub(lambda word: word[0] if "::" in word[0] else " ", text).split())
        for _ in range(8):
            if text not in self.program.types.aliases:
                break
            text = self.program.types.aliases[text]
        return text

    def kind_of(self, text: str) -> Kind:
        """The kind of the type that a text names here."""
        text = self.bound(text)
        known = self._kinds.get(text)
        if known is None:
            known = self._kinds[text] = self._kind(text, 0)
        return known

    def _kind(self, text: str, depth: int) -> Kind:
        plain = " ".join(_NOISE.sub(" ", text).replace("&", " ").split())
        if plain.endswith("*"):
            if plain in ("char *", "char*"):
                return Kind("?", 8, name="char")
            return Kind("pointer", 8, name=plain[:-1].strip())
        if vector := _VECTOR.fullmatch(plain):
            inner = vector[2] if vector[1] not in ("array", "unique_ptr") else vector[2].split(",")[0]
            code = "pointer" if vector[1].endswith("_ptr") else "vector"
            return Kind(code, 24, name=inner.replace("[]", "").strip())
        name = plain.split("<", maxsplit=1)[0].rsplit("::", maxsplit=1)[-1].strip()
        if name == "string":
            return Kind("string", 32)
        alias = self.program.types.aliases.get(name)
        if alias is not None and depth < 8 and alias != name:
            return self._kind(alias, depth + 1)
        if name in ("dim3", "cudaDeviceProp", "hipDeviceProp_t", *self.program.classes) or _AXES.fullmatch(
            name
        ):
            size = self.program.type_of(plain)
            given = plain.partition("<")[2].removesuffix(">")
            return Kind("record", size.size if size else 4, name=name, arguments=given)
        resolved = self.program.types.resolve(plain)
        if resolved is None:
            return ANY
        if resolved.scalar is Scalar.INT:
            return Kind("int", resolved.size, signed=not _UNSIGNED.search(plain), name=plain)
        if resolved.scalar in (Scalar.HALF, Scalar.SP, Scalar.DP):
            return Kind("real", resolved.size, name=plain)
        if name in ("void", "auto") or resolved.size == 1:
            return Kind("?", 1)
        return Kind("?", resolved.size)

    def record(self, type_: str) -> Record:
        """A record of a type with its members as they are declared, not yet given a value."""
        made = Record(type_)
        if type_ == "dim3":
            made.fields = {axis: Cell(1, _EXTENT) for axis in "xyz"}
        elif axes := _AXES.fullmatch(type_):
            kind = self.kind_of(type_[:-1])
            made.fields = {axis: Cell(None, kind) for axis in "xyzw"[: int(axes[1])]}
        return made

    # Names

    def functions(self, name: str) -> tuple[Function, ...]:
        """The function definitions of a name that are compiled."""
        if name not in self._functions:
            found = self.program.overloads.get(name, ())
            self._functions[name] = tuple(
                function for function in found if self.conditionals.active(function.node)
            )
        return self._functions[name]

    def macro(self, name: str) -> str | None:
        """The text of an object-like macro that is in force."""
        if name not in self.program.macros:
            return None
        for node in self.program.definitions.get(name, ()):
            if node.type == "preproc_def" and self.conditionals.active(node):
                return replacement(node) or None
        return self.program.macros[name]
