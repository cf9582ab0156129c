"""What a kernel does, in numbers: operations by class and DRAM bytes, and how sure we are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from .polynomial import Polynomial
from .visits import Visits


class Evidence(StrEnum):
    """Where counts come from, best first."""

    PROFILE = "profile"
    EMULATED = "emulated"
    COMPILED = "compiled"
    SOURCE = "source"
    MODEL = "model"

    @property
    def rank(self) -> int:
        """0 for the best kind; a lower rank replaces a higher one."""
        return list(Evidence).index(self)


class Doubt(StrEnum):
    """What had to be assumed for counts, the mildest first."""

    NOTHING = "nothing"
    BRANCHES = "branches"
    TRIPS = "trips"
    SIZES = "sizes"


class Operation(StrEnum):
    """A class of operations. FMA is two; an integer instruction is one."""

    SP = "sp"
    DP = "dp"
    INT = "int"
    SPECIAL = "special"
    TENSOR = "tensor"
    HALF = "half"
    """fp16 and bf16 as they are counted; ``roofline.charged`` makes them ``sp`` operations of a device."""

    # That of an enumeration is a function, and these are the keys of what is asked most.
    __hash__ = str.__hash__


NO_OPERATIONS: Final = {operation: 0.0 for operation in Operation if operation is not Operation.HALF}
"""None of the classes that a kernel's counts have."""
Operations = Mapping[Operation, float]
"""Operations executed by one launch, all threads together."""


@dataclass(frozen=True, slots=True)
class ArrayTraffic:
    """One array's part of a launch's DRAM traffic (bytes).

    ``coalescing`` is the share of each fetched 32-byte sector that is used, from 0 to 1.
    """

    name: str
    dram_bytes: float
    coalescing: float


@dataclass(frozen=True, slots=True)
class LaunchShape:
    """Grid (blocks) and block (threads) of a launch; ``known`` if neither had to be assumed."""

    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    known: bool

    @property
    def threads_per_block(self) -> int:
        """Threads of one block."""
        return self.block[0] * self.block[1] * self.block[2]

    @property
    def threads(self) -> int:
        """Threads of the whole launch."""
        return self.grid[0] * self.grid[1] * self.grid[2] * self.threads_per_block


@dataclass(frozen=True, slots=True)
class ResolvedShape:
    """The shape of a launch and what it rests on, in words: what was assumed, and ``used`` of the run line.

    ``sizes`` are those that were chosen for symbols which nothing tells.
    """

    shape: LaunchShape
    assumptions: Mapping[str, None]
    sizes: Mapping[str, float] = field(default_factory=dict)
    used: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompiledFacts:
    """What a compiler said of a kernel: registers of a thread, bytes, and resident threads.

    ``spill_bytes`` are what a thread's spilled registers move, each place in the code once;
    ``shared_bytes`` what a block declares. ``occupancy`` is from 0 to 1, None where it is not known.
    """

    compiler: str
    target: str
    registers: int
    spill_bytes: int
    shared_bytes: int
    occupancy: float | None


@dataclass(frozen=True)
class KernelCounts:
    """The counts of one launch of a kernel, with the kind of evidence and the assumptions made.

    ``doubt`` is the gravest thing that had to be assumed: how often branches are taken, how often loops
    run (or what a missing function does), or sizes. ``uncertainty_log2`` is half of the range that
    holds 68% of such counts, in powers of two, by operation class, for ``dram_bytes``, and for
    intensities such as ``sp_per_byte``. ``formula`` says how operations of one class depend on what
    was unknown, ``visits`` tells how often each line runs, which compiled evidence asks for, and
    ``compiled`` is what a compiler said of it.
    ``halves`` are the operations in half precision, as they were counted, which ``operations`` has in ``sp``.
    """

    operations: Operations
    dram_bytes: float
    arrays: tuple[ArrayTraffic, ...]
    shape: LaunchShape
    evidence: Evidence
    assumptions: tuple[str, ...] = ()
    doubt: Doubt = Doubt.NOTHING
    uncertainty_log2: Mapping[str, float] = field(default_factory=dict)
    formula: Mapping[Operation, Polynomial] = field(default_factory=dict)
    visits: Callable[[], Visits] = field(default=Visits, compare=False)
    compiled: CompiledFacts | None = None
    halves: float = 0.0

    def intensity(self, operation: Operation) -> float | None:
        """Operations per DRAM byte; None when no byte moves."""
        if self.dram_bytes <= 0:
            return None
        return self.operations.get(operation, 0.0) / self.dram_bytes
