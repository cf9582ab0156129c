"""Values that host code computes with, as far as they are known without running it.

A number is a Python ``int`` or ``float``, a string a ``str``; None is a value that is not known.
Everything that can be assigned to is a :class:`Cell`. Integers are exact and are brought to the
width of their type where C++ stores or converts them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from tree_sitter import Node

HostValue: TypeAlias = "int | float | str | Record | Pointer | Buffer | Callee | None"

# A tuple tells in a fifth of the time that a union takes, which is made anew wherever it is written.
NUMBER: Final = (int, float)
SCALAR: Final = (int, float, str)

MOST_ELEMENTS: Final = 4096
"""Elements of one buffer whose values are kept; data beyond is not what launches depend on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type as host values need it.

    ``code`` is ``int``, ``real``, ``record``, ``pointer``, ``vector``, ``string`` or ``?``.
    ``name`` is the record's name, or the type of the elements of a pointer or vector. ``arguments`` are
    the record's template arguments, as text.
    """

    code: str
    size: int = 4
    signed: bool = True
    name: str = ""
    arguments: str = ""


ANY: Final = Kind("?")
INT: Final = Kind("int")
REAL: Final = Kind("real", 8)


@dataclass(slots=True, eq=False)
class Cell:
    """A place that holds a value: a variable, a member or an element."""

    value: HostValue = None
    kind: Kind = ANY


@dataclass(slots=True, eq=False)
class Buffer:
    """A stretch of memory: what was allocated in one go, an array or a vector.

    ``space`` is ``device``, ``managed``, ``pinned`` or ``host``; ``count`` holds the number of
    elements.
    """

    name: str
    element: Kind
    count: Cell
    space: str = "host"
    text: str = ""
    cells: dict[int, Cell] = field(default_factory=dict)

    def cell(self, index: int) -> Cell | None:
        """The element at an index; None where elements are not kept."""
        if index not in self.cells:
            if not 0 <= index < MOST_ELEMENTS:
                return None
            self.cells[index] = Cell(None, self.element)
        return self.cells[index]

    @property
    def size_bytes(self) -> float | None:
        """Size of the whole buffer (bytes), if known."""
        count = self.count.value
        return count * self.element.size if isinstance(count, NUMBER) else None


@dataclass(slots=True, eq=False)
class Record:
    """A value of a class type: its members by name."""

    type: str
    fields: dict[str, Cell] = field(default_factory=dict)

    def copy(self) -> Record:
        """An equal record of its own."""
        return Record(
            self.type, {name: Cell(copied(cell.value), cell.kind) for name, cell in self.fields.items()}
        )


@dataclass(slots=True, eq=False)
class Pointer:
    """An address: of a cell, or of an element of a buffer (``offset`` None if not known which)."""

    target: Cell | Buffer
    offset: int | None = 0

    def cell(self, index: int = 0) -> Cell | None:
        """What it points to, ``index`` elements on."""
        if self.offset is None:
            return None
        if isinstance(self.target, Cell):
            return self.target if self.offset + index == 0 else None
        return self.target.cell(self.offset + index)


@dataclass(slots=True, eq=False)
class Callee:
    """Something to call: a function by name with template arguments, or a lambda with its scope."""

    name: str
    template: tuple[str, ...] = ()
    code: Node | None = None
    names: dict[str, Cell] = field(default_factory=dict)
    this: Record | None = None


OBJECT: Final = (Pointer, Record, Buffer, Callee)


def copied(value: HostValue) -> HostValue:
    """A value as it is passed on by value."""
    return value.copy() if isinstance(value, Record) else value


def convert(value: HostValue, kind: Kind) -> HostValue:
    """A value as a place of that kind holds it."""
    if isinstance(value, NUMBER):
        if kind.code == "int":
            if isinstance(value, float):
                if not math.isfinite(value):
                    return None
                value = math.trunc(value)
            return wrapped(value, kind.size, signed=kind.signed)
        if kind.code == "real":
            return rounded(float(value), kind.size) if abs(value) < 2**1000 else None
        return value if kind.code in ("?", "pointer") else None
    if kind.code in ("int", "real"):
        return None
    return value


def wrapped(value: int, size: int, *, signed: bool) -> int:
    """An integer brought to a width in bytes, as two's complement."""
    if size == 1 and signed is False and value in (0, 1):
        return value
    bits = 8 * size
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def rounded(value: float, size: int) -> float:
    """A number in single precision where its type is."""
    if size != 4 or not math.isfinite(value):
        return value
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.inf


def truth(value: HostValue) -> bool | None:
    """Whether a condition holds; None if it is not known."""
    if value is None:
        return None
    if isinstance(value, NUMBER):
        return bool(value)
    return True


def agreed(values: Sequence[HostValue]) -> HostValue:
    """What values that are reached in different ways agree on; memory that one of them makes is kept."""
    for value in values:
        if isinstance(value, OBJECT):
            return value
    first = values[0] if values else None
    return first if all(type(value) is type(first) and value == first for value in values) else None


def _quotient(left: float, right: float) -> float | None:
    if not right:
        return None
    if isinstance(left, int) and isinstance(right, int):
        whole = abs(left) // abs(right)
        return whole if (left < 0) == (right < 0) else -whole
    return left / right


def _remainder(left: float, right: float) -> float | None:
    if not (isinstance(left, int) and isinstance(right, int)) or not right:
        return None
    return left - right * int(_quotient(left, right) or 0)


def _shifted(left: float, by: float, operator: str) -> float | None:
    if not (isinstance(left, int) and isinstance(by, int)) or not 0 <= by < 64:
        return None
    return left << by if operator == "<<" else left >> by


def _bits(operation: Callable[[int, int], int]) -> Callable[[float, float], float | None]:
    return lambda a, b: operation(a, b) if isinstance(a, int) and isinstance(b, int) else None


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], float | None]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": _remainder,
    "<<": lambda a, b: _shifted(a, b, "<<"),
    ">>": lambda a, b: _shifted(a, b, ">>"),
    "&": _bits(lambda a, b: a & b),
    "|": _bits(lambda a, b: a | b),
    "^": _bits(lambda a, b: a ^ b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
}


def arithmetic(operator: str, left: HostValue, right: HostValue) -> HostValue:
    """The value of a binary operation on what is known; None if the outcome is not."""
    if isinstance(left, NUMBER) and isinstance(right, NUMBER):
        operation = _OPERATIONS.get(operator)
        try:
            value: Any = operation(left, right) if operation else None
        except OverflowError:
            return None
        return wrapped(value, 8, signed=True) if isinstance(value, int) and abs(value) >= 2**64 else value
    if isinstance(left, Pointer) or isinstance(right, Pointer):
        return _address(operator, left, right)
    if isinstance(left, str) and isinstance(right, str):
        if operator == "+":
            return left + right
        return int((left == right) == (operator == "==")) if operator in ("==", "!=") else None
    if isinstance(left, str) and isinstance(right, int) and operator == "+":
        return left[right:]
    if right == 0 and operator in ("==", "!=") and isinstance(left, str | Callee):
        return int(operator == "!=")
    return None


def _address(operator: str, left: HostValue, right: HostValue) -> HostValue:
    if isinstance(right, Pointer) and not isinstance(left, Pointer):
        if operator == "+":
            return _address(operator, right, left)
        null = isinstance(left, int) and not left
        return int(operator == "!=") if null and operator in ("==", "!=") else None
    assert isinstance(left, Pointer)
    if operator in ("==", "!="):
        if right == 0:
            return int(operator == "!=")
        if isinstance(right, Pointer) and left.target is not right.target:
            return int(operator == "!=")
        return None
    if operator in ("+", "-") and not isinstance(right, Pointer):
        step = right if isinstance(right, int) else None
        if step is None or left.offset is None:
            return Pointer(left.target, None)
        return Pointer(left.target, left.offset + (step if operator == "+" else -step))
    if operator != "-" or not isinstance(right, Pointer) or left.target is not right.target:
        return None
    return left.offset - right.offset if left.offset is not None and right.offset is not None else None


def element_name(cell: Cell) -> str:
    """The type that a template parameter is deduced to be from an argument."""
    value = cell.value
    target = value.target if isinstance(value, Pointer) else value
    if isinstance(target, Buffer):
        return target.text or target.element.name
    if isinstance(target, Record):
        return target.type
    if cell.kind.code in ("int", "real", "pointer"):
        return cell.kind.name
    if isinstance(value, int):
        return "int"
    return "double" if isinstance(value, float) else ""
