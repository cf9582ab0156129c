"""The roofline rule: which roof a kernel meets on a device.

A kernel is bandwidth-bound when each of its operation classes has an intensity below that class's
ridge point, and compute-bound otherwise (arXiv 2505.03988; three ridges sp, dp and int, and the
tensor ridge where there is tensor work).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from .counts import KernelCounts, Operation
from .device import Device, RidgeKind
from .polynomial import Polynomial

_Amount = TypeVar("_Amount", float, Polynomial)

MARGIN_LIMIT: Final = 30.0
"""Margins are cut at this many powers of two, where no operation or no byte is left to compare."""
_RIDGES: Final[dict[Operation, RidgeKind]] = {
    Operation.SP: "sp",
    Operation.DP: "dp",
    Operation.INT: "int",
    Operation.TENSOR: "tensor",
}


_T2_SPREAD: Final = 1.3213
"""The 84% quantile of Student's t with two degrees of freedom."""


class BoundKind(StrEnum):
    """Which roof limits a kernel."""

    COMPUTE = "compute"
    BANDWIDTH = "bandwidth"


@dataclass(frozen=True, slots=True)
class Bound:
    """A kernel's bound on a device.

    ``driver`` is the operation class that meets its roof (None when bandwidth-bound).
    ``margin_log2`` is the distance of the decisive intensity from its ridge point in powers of two,
    positive on the compute side. ``probability_compute`` follows from the counts' uncertainty.
    ``floor_s`` is the least time that the roofs allow (seconds).
    """

    kind: BoundKind
    driver: Operation | None
    margin_log2: float
    probability_compute: float
    floor_s: float


def charged(counted: Mapping[Operation, _Amount], device: Device) -> dict[Operation, _Amount]:
    """What was counted, by the classes of a device: none of half precision.

    Of those, as many become ``sp`` operations as the device could execute in the same time: P_sp / P_half
    each, so that they meet the ridge point of ``sp`` where they would meet their own. Where the peak of
    half precision is not known, it is taken as that of ``sp``.
    """
    found = dict(counted)
    halves = found.pop(Operation.HALF, None)
    if halves is not None:
        peak = device.half_flop_per_s
        halves = halves * (device.sp_flop_per_s.value / peak.value if peak and peak.value else 1.0)
        singles = found.get(Operation.SP)
        found[Operation.SP] = halves if singles is None else singles + halves
    return found


def classify(counts: KernelCounts, device: Device) -> Bound:
    """Apply the rule to the counts of one launch."""
    margins = {
        operation: _margin(counts, operation, ridge)
        for operation, kind in _RIDGES.items()
        if (ridge := device.ridge(kind)) is not None
    }
    decisive = max(margins, key=margins.__getitem__)
    margin = margins[decisive]
    compute = margin >= 0
    chances = [_chance(value / _spread(counts, operation)) for operation, value in margins.items()]
    return Bound(
        BoundKind.COMPUTE if compute else BoundKind.BANDWIDTH,
        decisive if compute else None,
        margin,
        max(chances),
        _floor(counts, device),
    )


def _margin(counts: KernelCounts, operation: Operation, ridge: float) -> float:
    amount = counts.operations.get(operation, 0.0)
    if amount <= 0:
        return -MARGIN_LIMIT
    if counts.dram_bytes <= 0:
        return MARGIN_LIMIT
    margin = math.log2(amount / counts.dram_bytes / ridge)
    return max(-MARGIN_LIMIT, min(MARGIN_LIMIT, margin))


def _spread(counts: KernelCounts, operation: Operation) -> float:
    uncertainty = counts.uncertainty_log2
    of_counts = math.hypot(uncertainty.get(operation, 0.0), uncertainty.get("dram_bytes", 0.0))
    return max(0.01, uncertainty.get(f"{operation}_per_byte", of_counts))


def _chance(spreads: float) -> float:
    """The probability that a margin of so many spreads has the right sign.

    Errors of counts have heavy tails (a trip count that was taken wrongly is off by any factor), so they
    are taken as Student's t with two degrees of freedom, scaled for one spread to hold 68%.
    """
    x = spreads * _T2_SPREAD
    return 0.5 + x / (2 * math.sqrt(2 + x * x))


def _floor(counts: KernelCounts, device: Device) -> float:
    times = [counts.dram_bytes / device.dram_bytes_per_s.value]
    for operation, kind in _RIDGES.items():
        peak = device.peak(kind)
        if peak is not None and peak.value > 0:
            times.append(counts.operations.get(operation, 0.0) / peak.value)
    return max(times)
