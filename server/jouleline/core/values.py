"""What a walk over a kernel's body knows of names and expressions, and what it gathers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .counts import Operation
from .ctype import CType
from .polynomial import ZERO, Monomial, Polynomial, collect
from .visit import Memory


@dataclass(frozen=True, slots=True)
class Array:
    """A place in memory that an expression denotes: an array, and an element offset in it.

    Where host code tells of its allocation: ``size_bytes``, ``kind`` (``device``, ``managed``, ``pinned`` or
    ``host``), ``copied`` (a copy or a fill wrote it last, not a kernel), and ``identity``, which is equal
    for pointers into one allocation.
    """

    name: str
    space: str
    offset: Polynomial | None = ZERO
    extents: tuple[Polynomial | None, ...] = ()
    size_bytes: float | None = None
    kind: str = ""
    copied: bool = False
    identity: int | None = None


def placed(array: Array, memory: object) -> Array:
    """An array with what is known of its allocation, if ``memory`` is one."""
    if not isinstance(memory, Memory):
        return array
    return replace(
        array,
        size_bytes=memory.size_bytes,
        kind=memory.space,
        copied=memory.copied,
        identity=memory.identity,
    )


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

    ranges: dict[str, Polynomial] = field(default_factory=dict)
    assumptions: dict[str, None] = field(default_factory=dict)
    _operations: dict[Operation, dict[Monomial, float]] = field(default_factory=dict)
    _accesses: dict[Access, Polynomial] = field(default_factory=dict)

    def count(self, operation: Operation, times: Polynomial) -> None:
        """Add operations of a class."""
        sums = self._operations.setdefault(operation, {})
        for monomial, factor in times.terms:
            sums[monomial] = sums.get(monomial, 0.0) + factor

    def access(self, access: Access, times: Polynomial) -> None:
        """Add an access that happens ``times`` as often as it says; equal ones become one."""
        self._accesses[access] = self._accesses.get(access, ZERO) + times

    def assume(self, text: str) -> None:
        """Note an assumption, once."""
        self.assumptions[text] = None

    def part(self) -> Tally:
        """An empty tally for a part of the walk, to be added when it is known how often it runs."""
        return Tally(self.ranges, self.assumptions)

    def add(self, part: Tally, times: Polynomial) -> None:
        """Add a part that runs ``times`` times."""
        for operation, amount in part.operations.items():
            self.count(operation, amount * times)
        for access, often in part._accesses.items():
            self.access(access, often * times)

    @property
    def operations(self) -> dict[Operation, Polynomial]:
        """The operations found so far."""
        return {operation: collect(sums.items()) for operation, sums in self._operations.items()}

    @property
    def accesses(self) -> list[Access]:
        """The accesses found so far, in the order they were first met."""
        return [replace(access, times=access.times * often) for access, often in self._accesses.items()]
