"""The least time that a program's repeats can take on this machine: below it a result is no result.

Each repeat reads or writes the data of at least one kernel once. No processor moves more than
``BYTES_PER_CYCLE`` between a core and its nearest cache, wherever the data lie, so that many bytes over
all cores at the highest clock are a floor that no honest refactoring gets under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jouleline.core.counts import Doubt
from jouleline.core.device import Device
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Workload

from .analyse import analyse, parse_files
from .arguments import whole_argument

BYTES_PER_CYCLE: Final = 192.0
"""Two loads and a store of 64-byte vectors in one cycle, the most that a core of today does."""

_CLOCK_MARGIN: Final = 1.5
_SURE: Final = (Doubt.NOTHING, Doubt.BRANCHES)


@dataclass(frozen=True, slots=True)
class Floor:
    """The least seconds for the measured arguments; 0 and a ``reason`` where there is no telling."""

    seconds: float
    reason: str


def floor_of(files: Mapping[str, bytes], workload: Workload, device: Device) -> Floor:
    """The floor of a program on the processor that ``device`` describes."""
    found, _ = parse_files(files)
    reports = analyse(found, device, workload.arguments).kernels
    counts = [report.counts for report in reports if report.counts.dram_bytes > 0]
    if not counts or any(one.doubt not in _SURE for one in counts):
        return Floor(0.0, "what each kernel has to move is not known for sure")
    repeats = 1
    for index in workload.repeat_args:
        repeats *= max(whole_argument(workload.args, index) or 1, 1)
    least = min(one.dram_bytes / 2 ** (2 * one.uncertainty_log2.get("dram_bytes", 1.0)) for one in counts)
    rate = device.multiprocessors.value * device.clock_hz.value * _CLOCK_MARGIN * BYTES_PER_CYCLE
    return Floor(
        repeats * least / rate,
        f"{repeats} x {least:.3g} bytes at {rate / 1e12:.1f} TB/s, the most that its caches could give",
    )


def check_floor(floor: Floor | None, wall_s: float) -> GateResult:
    """Whether a candidate's run took as long as it has to. ``wall_s`` is its whole process."""
    if floor is None or not floor.seconds:
        why = floor.reason if floor is not None else "the processor is not described"
        return GateResult("floor", passed=True, reason=f"not applicable: {why}")
    figures = f"{wall_s:.3g} s, and no processor like this one needs less than {floor.seconds:.2g} s"
    if wall_s < floor.seconds:
        return GateResult(
            "floor", passed=False, reason=f"faster than physics: it took {figures} ({floor.reason})"
        )
    return GateResult("floor", passed=True, reason=f"it took {figures}")
