"""How bounds are put into words. Every figure says where it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from jouleline.app.analyse import KernelReport
from jouleline.core.counts import KernelCounts, Operation
from jouleline.core.device import Device, Figure, RidgeKind
from jouleline.core.kernel import Language
from jouleline.core.roofline import MARGIN_LIMIT

RIDGES: Final[dict[Operation, RidgeKind]] = {
    Operation.SP: "sp",
    Operation.DP: "dp",
    Operation.INT: "int",
    Operation.TENSOR: "tensor",
}
UNITS: Final = {Operation.SP: "FLOP", Operation.DP: "FLOP", Operation.INT: "op", Operation.TENSOR: "FLOP"}
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_DOUBT: Final = 0.2
"""A class that has at least this chance of being the wrong one gets a question mark."""


def short_bound(report: KernelReport) -> str:
    """``bandwidth-bound``, ``compute-bound (dp)``, with a question mark where it could be either."""
    if not counted(report.counts):
        return "bound unknown"
    bound = report.bound
    driver = f" ({bound.driver})" if bound.driver else ""
    doubt = "?" if _DOUBT < bound.probability_compute < 1 - _DOUBT else ""
    return f"{bound.kind}-bound{driver}{doubt}"


def label(reports: Sequence[KernelReport]) -> str:
    """The text of a hint: the bound, how far from the ridge point, and by which evidence."""
    bounds = list(dict.fromkeys(short_bound(report) for report in reports))
    evidence = reports[0].counts.evidence
    if not counted(reports[0].counts):
        return f"◂ {bounds[0]}"
    if len(bounds) > 1:
        return f"◂ {' or '.join(bounds)}, by launch · {evidence}"
    distance = factor(reports[0])
    return " · ".join(part for part in (f"◂ {bounds[0]}", distance, str(evidence)) if part)


def counted(counts: KernelCounts) -> bool:
    """Whether anything at all was found in the kernel."""
    return bool(counts.arrays) or any(amount > 0 for amount in counts.operations.values())


def factor(report: KernelReport) -> str:
    """The distance from the ridge point as ``4.2×``; empty when there is none to speak of."""
    margin = abs(report.bound.margin_log2)
    return f"{two_digits(2**margin)}×" if margin < MARGIN_LIMIT else ""


def margin_sentence(report: KernelReport, device: Device) -> str:
    """``2.7× below the dp ridge point``."""
    counts = report.counts
    if counts.dram_bytes <= 0:
        return "no DRAM traffic found, so only arithmetic can limit it"
    operation = decisive(counts, device)
    if operation is None:
        return "no arithmetic found, so only memory can limit it"
    side = "above" if report.bound.margin_log2 >= 0 else "below"
    return f"{factor(report)} {side} the {operation} ridge point"


def decisive(counts: KernelCounts, device: Device) -> Operation | None:
    """The operation class that comes nearest to its roof, or lies farthest above it."""
    nearness: dict[Operation, float] = {}
    for operation, kind in RIDGES.items():
        ridge, intensity = device.ridge(kind), counts.intensity(operation)
        if ridge and intensity:
            nearness[operation] = intensity / ridge
    return max(nearness, key=lambda operation: nearness[operation]) if nearness else None


def chance(report: KernelReport) -> str:
    """The chance that the stated class is the right one, as ``96%``."""
    probability = report.bound.probability_compute
    if report.bound.driver is None:
        probability = 1 - probability
    return f"{min(99, max(1, round(100 * probability)))}%"


def evidence_sentence(counts: KernelCounts) -> str:
    """Which evidence the counts are."""
    if counts.evidence == "source":
        return "evidence: source (counted in the program's text; nothing was compiled or run)"
    return f"evidence: {counts.evidence}"


def runs_on_host(report: KernelReport) -> bool:
    """Whether the kernel is a parallel region of the host."""
    kernel = report.kernel
    return (
        kernel.language is Language.OPENMP
        and kernel.directive is not None
        and not kernel.directive.has("target")
    )


def peak_figure(figure: Figure) -> str:
    """A device's figure with its provenance and source."""
    return f"{scaled(figure.value)}{figure.unit} ({figure.provenance}: {figure.source})"


def two_digits(value: float) -> str:
    """A positive number with two digits: 0.63, 4.2, 13, 1200."""
    if value <= 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    exponent = math.floor(math.log10(value))
    rounded = round(value, 1 - exponent)
    if rounded >= 10:
        return f"{rounded:,.0f}".replace(",", " ")
    return f"{rounded:.1f}" if rounded >= 1 else f"{rounded:.2g}"


def scaled(value: float) -> str:
    """A number with an SI prefix and a space for the unit: ``84 M``, ``0.63 ``."""
    power = 0
    while value >= 1000 and power < len(_PREFIXES) - 1:
        value /= 1000
        power += 1
    digits = f"{value:.3g}" if value else "0"
    return f"{digits} {_PREFIXES[power]}"


def seconds(value: float) -> str:
    """A duration with a fitting unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
