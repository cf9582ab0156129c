"""What a walk over a kernel's body knows of names and expressions, and what it gathers."""

from __future__ import annotations

from dataclasses import dataclass, field

from .counts import Operation
from .ctype import CType
from .polynomial import ZERO, Polynomial


@dataclass(frozen=True, slots=True)
class Array:
    """A place in memory that an expression denotes: an array, and an element offset in it."""

    name: str
    space: str
    offset: Polynomial | None = ZERO
    extents: tuple[Polynomial | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of an expression: its type, its value, and the memory it points to."""

    type: CType
    value: Polynomial | None = None
    array: Array | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """An access to global memory: element index (None if it depends on data), size, and how often.

    ``stride`` is the size of one array element (bytes) and ``bytes`` what is moved of it; ``times``
    counts executions over all threads.
    """

    array: str
    index: Polynomial | None
    stride: int
    bytes: int
    times: Polynomial
    write: bool


@dataclass
class Tally:
    """What a walk found."""

    operations: dict[Operation, Polynomial] = field(default_factory=dict)
    accesses: list[Access] = field(default_factory=list)
    ranges: dict[str, Polynomial] = field(default_factory=dict)
    assumptions: dict[str, None] = field(default_factory=dict)
    inlined: int = 0

    def count(self, operation: Operation, times: Polynomial) -> None:
        """Add operations of a class."""
        self.operations[operation] = self.operations.get(operation, ZERO) + times

    def assume(self, text: str) -> None:
        """Note an assumption, once."""
        self.assumptions[text] = None
