"""Source evidence: from a kernel that is set up for counting to its counts on a device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from tree_sitter import Node

from .counting import BodyCounter
from .counts import NO_OPERATIONS, Doubt, Evidence, KernelCounts, LaunchShape, Operation
from .device import Device
from .footprint import Space
from .launch import Assumptions
from .polynomial import LARGEST, Polynomial
from .roofline import charged
from .traffic import Cache, traffic

RESIDENT_THREADS: Final = 1024
"""Threads that run at a time on one multiprocessor: two thirds of what it can hold (assumed)."""
PRIVATE_BYTES: Final = 96.0
"""Local memory of a thread (byte) that the first cache level keeps: 96 KiB of it among 1024 threads."""
LAUNCH_BYTES: Final = 3000.0
"""DRAM traffic of an empty kernel: its code and parameters (3.3 kB in the profile of ``EmptyKernel`` of
the program dispatch-cuda on an RTX 3080)."""
_MILDEST_FIRST: Final = tuple(Doubt)


@dataclass(frozen=True)
class Setting:
    """A kernel set up for counting.

    ``threads`` is how often the body runs, and ``line`` where the kernel stands.
    """

    counter: BodyCounter
    body: Node | None
    shape: LaunchShape
    threads: float
    line: int


def estimate(setting: Setting, device: Device, file: str) -> KernelCounts:
    """Walk the kernel's body, which is in ``file``, and turn what is found into the counts of one launch.

    The device gives the cache that keeps traffic from DRAM, the width of a warp, and what an operation in
    half precision weighs.
    """
    counter = setting.counter
    tally = counter.tally
    try:
        if setting.body is not None:
            counter.kernel(setting.body, Polynomial.constant(setting.threads))
    except RecursionError:
        tally.assume("counted in part only: the source is nested too deeply", Doubt.TRIPS)
    assumptions = Assumptions(tally.assumptions, tally.sizes, tally.doubts)
    value_of = assumptions.value_of
    counted = tally.operations
    formula = charged(counted, device)
    operations = {operation: max(0.0, amount.evaluate(value_of)) for operation, amount in formula.items()}
    ranges = {name: max(1.0, extent.evaluate(value_of)) for name, extent in tally.ranges.items()}

    def typical(symbol: str) -> float:
        """What an extent or a divisor takes a symbol for: an index for its mean."""
        return (ranges[symbol] - 1) / 2 if symbol in ranges else value_of(symbol)

    space = Space(ranges, tuple(tally.parallel), tally.derived, typical, int(device.warp_size.value))
    caches = [device.l2_bytes.value, device.llc_bytes.value if device.llc_bytes else 0.0]
    threads = device.multiprocessors.value * RESIDENT_THREADS
    arrays = traffic(tally.accesses, space, Cache(max(caches), threads, PRIVATE_BYTES))
    assumed = list(tally.assumptions)
    if Operation.HALF in counted and device.half_flop_per_s is None:
        assumed.append(f"half precision is as fast as single: the fp16 peak of {device.id} is not known")
    names = counter.program.names | {id(counter.source): file}  # the body may be newer than its file's facts
    unknown_shape = () if setting.shape.known else (Doubt.SIZES,)
    return KernelCounts(
        operations=NO_OPERATIONS | operations,
        dram_bytes=min(LARGEST, LAUNCH_BYTES + sum(array.dram_bytes for array in arrays)),
        arrays=arrays,
        shape=setting.shape,
        evidence=Evidence.SOURCE,
        assumptions=tuple(assumed),
        doubt=max((*tally.doubts, *unknown_shape), key=_MILDEST_FIRST.index),
        formula=formula,
        visits=partial(tally.visits.evaluated, names, value_of, setting.threads, (file, setting.line)),
        halves=max(0.0, counted[Operation.HALF].evaluate(value_of)) if Operation.HALF in counted else 0.0,
    )
