"""What a walk over a kernel's body knows of names and expressions, and what it gathers."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .counts import Doubt, Operation
from .ctype import UNKNOWN, CType
from .polynomial import ONE, ZERO, Polynomial, Total
from .visit import Memory
from .visits import VisitCounter

_LONGEST_NAME = 160
_STORED = ("global", "shared")
_SHARED_ELSEWHERE = "loops that threads share"


class Array(NamedTuple):
    """A place in memory that an expression denotes: an array, and an element offset in it.

    Where host code tells of its allocation: ``size_bytes``, ``kind`` (``device``, ``managed``, ``pinned`` or
    ``host``), and ``identity``, which is equal for pointers into one allocation.
    """

    name: str
    space: str
    offset: Polynomial | None = ZERO
    extents: tuple[Polynomial | None, ...] = ()
    size_bytes: float | None = None
    kind: str = ""
    identity: int | None = None

    def at(self, offset: Polynomial | None, extents: tuple[Polynomial | None, ...] | None = None) -> Array:
        """The same array at another offset, with the ``extents`` of what is there where they differ."""
        # Not _replace, which takes twice as long: this is asked for every access.
        inner = self.extents if extents is None else extents
        return Array(self.name, self.space, offset, inner, self.size_bytes, self.kind, self.identity)


SOMEWHERE: Final = Array("?", "global", None)
"""Where a pointer points to of which nothing is known."""


def placed(array: Array, memory: object) -> Array:
    """An array with what is known of its allocation, if ``memory`` is one."""
    if not isinstance(memory, Memory):
        return array
    return array._replace(
        size_bytes=memory.size_bytes,
        kind=memory.space,
        identity=memory.identity,
    )


class Holds(NamedTuple):
    """The share of cases in which a condition holds, and of a warp's ``lanes`` where it holds for any."""

    chance: float
    lanes: float


class Derived(NamedTuple):
    """A value that is no polynomial of the indices, and is a symbol of its own.

    ``depends`` are the indices it varies with, ``extent`` is the number of values it takes at most.
    A remainder or a quotient ``follows`` a polynomial (over its divisor, modulo its extent); a value
    loaded from memory follows nothing.
    ``holds`` says how often a comparison holds, if that is known.
    """

    depends: frozenset[str]
    follows: Polynomial | None = None
    extent: Polynomial | None = None
    divisor: Polynomial = ONE
    holds: Holds | None = None

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols that it is made of."""
        parts = (self.follows, self.extent, self.divisor)
        return frozenset(name for part in parts if part is not None for name in part.symbols)


class Value(NamedTuple):
    """What is known of an expression: its type, its value, and the memory it points to.

    A name that ``refers`` is a reference to what is there: its type is that of the place's address.
    """

    type: CType
    value: Polynomial | None = None
    array: Array | None = None
    refers: bool = False

    @property
    def polynomials(self) -> list[Polynomial]:
        """All that its value and its place in memory are made of."""
        of_place = (self.array.offset, *self.array.extents) if self.array is not None else ()
        return [one for one in (self.value, *of_place) if one is not None]


def referring(address: Value) -> Value | None:
    """A reference to what is at an address; None where that is no number or object in memory."""
    place, kind = address.array, address.type
    if kind.indirections != 1 or place is None or place.space not in _STORED:
        return None
    return Value(kind, None, place, refers=True)


NOTHING: Final = Value(UNKNOWN)
"""What is known of what is not understood."""


def displaced(left: Value, right: Value, operator: str) -> Value:
    """What a pointer, one of the two values, is plus or minus the other."""
    pointer, by = (left, right) if left.type.is_pointer else (right, left)
    array = pointer.array or SOMEWHERE
    if array.offset is None or by.value is None:
        return Value(pointer.type, None, array.at(None))
    offset = array.offset + by.value if operator == "+" else array.offset - by.value
    return Value(pointer.type, None, array.at(offset))


class Access(NamedTuple):
    """An access to global memory: ``element`` is its index (None if it depends on data).

    ``stride`` is the size of one array element (bytes) and ``bytes`` what is moved of it; ``times``
    counts executions over all threads. ``loops`` are the indices of the loops around it, outermost
    first; ``size_bytes`` is the array's size where it is known. A ``private`` array is a thread's own;
    it needs memory only if an index into it is ``dynamic``: not known when compiling. ``active`` is the share
    of a warp's threads that do it together.
    """

    array: str
    element: Polynomial | None
    stride: int
    bytes: int
    times: Polynomial
    write: bool
    loops: tuple[str, ...] = ()
    size_bytes: float | None = None
    private: bool = False
    dynamic: bool = True
    active: float = 1.0


@dataclass(frozen=True, slots=True)
class Shared:
    """A loop whose iterations are shared among threads (``fast``) or teams.

    ``integers`` are the integer operations that sharing costs each iteration.
    """

    fast: bool
    integers: float


@dataclass(slots=True)
class Tally:
    """What a walk found: index symbols with their ranges, values derived from them, and counts.

    ``sizes`` are values assumed for symbols that are not known. ``parallel`` are the indices in which
    threads differ, the one that varies fastest first, and ``shared_loops`` the loops (by start byte)
    whose index is one of them.
    """

    ranges: dict[str, Polynomial] = field(default_factory=dict)
    assumptions: dict[str, None] = field(default_factory=dict)
    doubts: set[Doubt] = field(default_factory=lambda: {Doubt.NOTHING})
    derived: dict[str, Derived] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    parallel: list[str] = field(default_factory=list)
    shared_loops: dict[int, Shared] = field(default_factory=dict)
    visits: VisitCounter = field(default_factory=VisitCounter)
    _shared: dict[str, bool] = field(default_factory=dict)
    _data: dict[str, bool] = field(default_factory=dict)
    _operations: defaultdict[Operation, Total] = field(default_factory=lambda: defaultdict(Total))
    _accesses: defaultdict[Access, Total] = field(default_factory=lambda: defaultdict(Total))

    def count(self, operation: Operation, times: Polynomial, amount: float = 1.0) -> None:
        """Add operations of a class: an ``amount`` of them, so many times."""
        total = self._operations[operation]
        for monomial, factor in times.terms:
            total[monomial] = total.get(monomial, 0.0) + factor * amount

    def access(self, access: Access, times: Polynomial) -> None:
        """Add an access that happens ``times`` as often as it says; equal ones become one."""
        self._accesses.setdefault(access, Total()).add(times)

    def assume(self, text: str, doubt: Doubt = Doubt.NOTHING) -> None:
        """Note an assumption, once, and what it makes doubtful."""
        self.assumptions[text] = None
        self.doubts.add(doubt)

    def part(self, given: Iterable[Polynomial]) -> Tally:
        """An empty tally for a part of the walk, to be added when it is known how often it runs.

        Of the indices and the derived values it knows the threads of a launch, and all that what it is
        ``given`` is made of.
        """
        ranges = {name: extent for name, extent in self.ranges.items() if "@" not in name}
        derived: dict[str, Derived] = {}
        sizes: dict[str, float] = {}
        waiting = [name for one in given for name in one.symbols]
        while waiting:
            name = waiting.pop()
            if name in derived or name in ranges:
                continue
            if name in self.sizes:
                sizes[name] = self.sizes[name]
            if (extent := self.ranges.get(name)) is not None:
                ranges[name] = extent
                waiting += extent.symbols
            elif (value := self.derived.get(name)) is not None:
                derived[name] = value
                waiting += value.depends
                waiting += value.symbols
        return Tally(
            ranges,
            sizes=sizes,
            parallel=list(self.parallel),
            derived=derived,
        )

    @property
    def threads(self) -> list[str]:
        """The indices that tell threads apart: those of a launch, and of loops that threads share.

        Which loops these are, a part of the walk does not know that others may share.
        """
        found = [name for name in self.ranges if "@" not in name or name in self.parallel]
        return found if all(name in self.ranges for name in self.parallel) else [*found, _SHARED_ELSEWHERE]

    def share(self, index: str, extent: Polynomial, *, fast: bool) -> None:
        """An index that tells threads apart; a ``fast`` one differs between neighbours in a warp."""
        self.ranges[index] = extent
        if index not in self.parallel:
            self.parallel.insert(0 if fast else len(self.parallel), index)
            self._shared[index] = fast

    def learn(self, part: Tally) -> None:
        """Take over what a part of the walk found out, however often it runs."""
        self.ranges.update(part.ranges)
        for index, fast in part._shared.items():
            self.share(index, part.ranges[index], fast=fast)
        self.sizes.update({name: size for name, size in part.sizes.items() if name not in self.sizes})
        for name, derived in part.derived.items():
            if name not in self.derived:
                self.derived[name] = self._placed(derived)
        self.assumptions.update(part.assumptions)
        self.doubts |= part.doubts

    def _placed(self, derived: Derived) -> Derived:
        """A value that a part found, with the loops that threads share here."""
        shared = [name for name in self.parallel if name in self.ranges]
        if _SHARED_ELSEWHERE not in derived.depends or len(shared) < len(self.parallel):
            return derived
        return derived._replace(depends=derived.depends - {_SHARED_ELSEWHERE} | {*shared})

    def add(self, part: Tally, times: Polynomial, loops: tuple[str, ...] = ()) -> None:
        """Add a part that runs ``times`` times inside of ``loops``."""
        for operation, amount in part._operations.items():
            self._operations[operation].add_part(amount, times)
        for access, often in part._accesses.items():
            inside = access._replace(loops=(*loops, *access.loops)) if loops else access
            self._accesses[inside].add_part(often, times)
        self.visits.add(part.visits, times)

    def fastest(self) -> frozenset[str]:
        """The index that tells neighbours in a warp apart, and its remainders."""
        first = self.parallel[:1]
        remainders = (
            name
            for name, one in self.derived.items()
            if one.extent is not None
            and one.follows is not None
            and first
            and first[0] in one.follows.symbols
        )
        return frozenset((*first, *remainders))

    def holds(self, value: Polynomial) -> Holds | None:
        """How often a value is true that was compared before; None for other values."""
        if len(value.terms) != 1:
            return None
        names, factor = value.terms[0]
        derived = self.derived.get(names[0]) if len(names) == 1 and factor == 1 else None
        return derived.holds if derived is not None else None

    def indices(self, value: Polynomial) -> frozenset[str]:
        """The index symbols that a value varies with."""
        found: set[str] = set()
        for monomial, _ in value.terms:
            for name in monomial:
                if name in self.ranges:
                    found.add(name)
                elif name in self.derived:
                    found |= self.derived[name].depends
        return frozenset(found)

    def mean(self, name: str, known: dict[str, Polynomial | None] | None = None) -> Polynomial | None:
        """The mean of an index, or of a remainder or quotient of indices; None for other symbols.

        ``known`` are means that were worked out on the way: values are made of values, again and again.
        """
        known = {} if known is None else known
        if name not in known:
            known[name] = None
            known[name] = self._mean(name, known)
        return known[name]

    def _mean(self, name: str, known: dict[str, Polynomial | None]) -> Polynomial | None:
        if name in self.ranges:
            return (self.ranges[name] - 1) * 0.5
        derived = self.derived.get(name)
        if derived is None or derived.follows is None:
            return None
        if derived.extent is not None:
            return (derived.extent - 1) * 0.5
        inside = ((inner, self.mean(inner, known)) for inner in derived.follows.symbols)
        means = {inner: mean for inner, mean in inside if mean is not None}
        divisor = derived.divisor.number
        return derived.follows.substitute(means) * (1 / divisor) if divisor else None

    def depends_on_data(self, value: Polynomial) -> bool:
        """Whether a value that was loaded from memory is part of it."""
        if not self.derived:
            return False
        return any(self._follows_data(name) for monomial, _ in value.terms for name in monomial)

    def _follows_data(self, name: str) -> bool:
        if name not in self._data:
            derived = self.derived.get(name)
            if derived is None:
                return False  # it may be derived later
            self._data[name] = derived.follows is None or self.depends_on_data(derived.follows)
        return self._data[name]

    def derive(self, name: str, derived: Derived) -> Polynomial:
        """A value that is a symbol of its own; the same name is the same value."""
        if len(name) > _LONGEST_NAME:  # names of values made of values would double with every step
            name = f"value {hashlib.blake2b(name.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"
        self.derived.setdefault(name, derived)
        return Polynomial.symbol(name)

    @property
    def operations(self) -> dict[Operation, Polynomial]:
        """The operations found so far."""
        return {operation: total.polynomial for operation, total in self._operations.items()}

    @property
    def accesses(self) -> list[Access]:
        """The accesses found so far but those to registers, in the order they were first met."""
        in_memory = {access.array for access in self._accesses if access.dynamic}
        return [
            access._replace(times=often.polynomial)
            for access, often in self._accesses.items()
            if access.array in in_memory
        ]
