"""What a profiler measured of a program's kernel launches, whichever profiler it was."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from .counts import NO_OPERATIONS, Evidence, KernelCounts, LaunchShape, Operation, Operations
from .device import Device
from .roofline import charged

Extent = tuple[int, int, int]


class ProfileError(ValueError):
    """A profile that cannot be used, or cannot be made; the message says why and what to do."""


@dataclass(frozen=True)
class LaunchRecord:
    """One launch as a profiler's file tells it: its counters by name, in bytes, seconds and counts.

    ``grid`` is in blocks and ``block`` in threads; where ``flat``, only their totals are known and
    stand first. ``target`` is the compiler's name of the GPU (``sm_86``), empty if not told.
    """

    kernel: str
    grid: Extent
    block: Extent
    counters: Mapping[str, Decimal]
    flat: bool = False
    target: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class KernelProfile:
    """One launch of a kernel, as it was measured.

    ``kernel`` is the name as the profiler shows it. ``operations`` in half precision are a class of their
    own; a device tells what they weigh. ``seconds`` is the launch's duration and
    ``occupancy`` the achieved share of a multiprocessor's warps (0 to 1), None where not measured.
    ``notes`` say what keeps the counts from being exact.
    """

    kernel: str
    grid: Extent
    block: Extent
    operations: Operations
    dram_bytes: float
    profiler: str
    seconds: float | None = None
    registers: int | None = None
    occupancy: float | None = None
    flat: bool = False
    target: str = ""
    notes: tuple[str, ...] = ()

    @property
    def blocks(self) -> int:
        """Blocks of the launch."""
        return math.prod(self.grid)

    @property
    def threads_per_block(self) -> int:
        """Threads of one block."""
        return math.prod(self.block)

    def fits(self, shape: LaunchShape) -> bool:
        """Whether it was launched with this shape, as far as the profiler tells."""
        if self.flat:
            return (self.blocks, self.threads_per_block) == (
                math.prod(shape.grid),
                shape.threads_per_block,
            )
        return (self.grid, self.block) == (shape.grid, shape.block)

    def counts(self, device: Device, notes: tuple[str, ...] = ()) -> KernelCounts:
        """The launch's counts as profile evidence on a device, with ``notes`` among the assumptions.

        A profiler does not tell which array a byte belongs to, so ``arrays`` is empty.
        """
        return KernelCounts(
            operations=NO_OPERATIONS | charged(self.operations, device),
            dram_bytes=self.dram_bytes,
            arrays=(),
            shape=LaunchShape(self.grid, self.block, known=True),
            evidence=Evidence.PROFILE,
            assumptions=(*self.notes, *notes),
            halves=self.operations.get(Operation.HALF, 0.0),
        )


@dataclass(frozen=True)
class Profile:
    """The launches of a profiled run, in order; ``problems`` say which could not be used, and why."""

    launches: tuple[KernelProfile, ...]
    problems: tuple[str, ...] = field(default=())


def united(runs: Iterable[Sequence[LaunchRecord]]) -> tuple[LaunchRecord, ...]:
    """The launches of several profiled runs of one program, counters of the same launch together.

    A profiler that cannot count everything at once runs the program again. The n-th launch of a
    kernel with one shape is the same launch in every run; of a counter that two runs hold, the
    first counts.
    """
    merged: dict[tuple[object, ...], LaunchRecord] = {}
    for run in runs:
        seen: Counter[tuple[object, ...]] = Counter()
        for record in run:
            way = (record.kernel, record.grid, record.block)
            seen[way] += 1
            key = (*way, seen[way])
            known = merged.get(key)
            merged[key] = (
                record
                if known is None
                else replace(
                    known,
                    counters={**record.counters, **known.counters},
                    notes=tuple(dict.fromkeys((*known.notes, *record.notes))),
                )
            )
    return tuple(merged.values())


def representatives(launches: Iterable[KernelProfile]) -> tuple[KernelProfile, ...]:
    """One launch of each kernel and shape: the faster of its first two, in the order of the first.

    The first launch may pay for cold caches and page faults, and a later one is rarely profiled:
    so were the launches of the labelled corpus chosen (docs/bounds.md).
    """
    ways: dict[tuple[object, ...], list[KernelProfile]] = {}
    for launch in launches:
        ways.setdefault((launch.kernel, launch.grid, launch.block), []).append(launch)
    return tuple(min(group[:2], key=_seconds) for group in ways.values())


def _seconds(launch: KernelProfile) -> float:
    return math.inf if launch.seconds is None else launch.seconds
