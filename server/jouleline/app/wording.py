"""How bounds are put into words. Every figure says where it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from jouleline.core.counts import ArrayTraffic, Evidence, KernelCounts, Operation
from jouleline.core.device import Device, Figure, RidgeKind
from jouleline.core.directives import Directive
from jouleline.core.kernel import Language
from jouleline.core.profile import KernelProfile
from jouleline.core.roofline import MARGIN_LIMIT

from .analyse import KernelReport

RIDGES: Final[dict[Operation, RidgeKind]] = {
    Operation.SP: "sp",
    Operation.DP: "dp",
    Operation.INT: "int",
    Operation.TENSOR: "tensor",
}
UNITS: Final = {Operation.SP: "FLOP", Operation.DP: "FLOP", Operation.INT: "op", Operation.TENSOR: "FLOP"}
NOTHING: Final = "nothing was found to count in this kernel"
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")
_PRIVATE: Final = " (local)"
"""What the counts append to the name of a thread's own array that does not fit into registers."""
_WORTH_NAMING: Final = 0.1
"""An array with a lesser share of the traffic is not the reason for it."""
_NEGLIGIBLE: Final = 0.005
"""An array with a lesser share is not named in a line of text."""
_ALL_USED: Final = "all of each sector used"
_NAMELESS: Final = "?"
"""What the counts call an array that nothing names."""
_SIZES: Final = (("num_teams",), ("num_threads", "thread_limit"))
"""The clauses of OpenMP that tell a grid, and those that tell a block."""
_CHOSEN: Final = (
    "from the source",
    "partly from the source, partly what OpenMP runtimes usually choose",
    "what OpenMP runtimes usually choose",
)
"""Who chose a launch, by how much of it was left open."""
_DOUBT: Final = 0.2
"""A class that has at least this chance of being the wrong one gets a question mark."""


def short_bound(report: KernelReport) -> str:
    """``bandwidth-bound``, ``compute-bound (dp)``, with a question mark where it could be either."""
    if not counted(report.counts):
        return "bound unknown"
    doubt = "?" if _DOUBT < report.bound.probability_compute < 1 - _DOUBT else ""
    return f"{bound_words(report)}{doubt}"


def bound_words(report: KernelReport) -> str:
    """``bandwidth-bound``, ``compute-bound (dp)``."""
    bound = report.bound
    return f"{bound.kind}-bound ({bound.driver})" if bound.driver else f"{bound.kind}-bound"


def label(reports: Sequence[KernelReport]) -> str:
    """The text of a hint: the bound, how far from the ridge point, and by which evidence."""
    bounds = list(dict.fromkeys(short_bound(report) for report in reports))
    evidence = reports[0].evidence
    if not counted(reports[0].counts):
        return f"◂ {bounds[0]}"
    if len(bounds) > 1:
        return f"◂ {' or '.join(bounds)}, by launch · {evidence}"
    distance = "" if reports[0].opinion else factor(reports[0])
    return " · ".join(part for part in (f"◂ {bounds[0]}", distance, str(evidence)) if part)


def counted(counts: KernelCounts) -> bool:
    """Whether anything at all was found in the kernel."""
    measured_at_all = counts.evidence is Evidence.PROFILE
    return measured_at_all or bool(counts.arrays) or any(amount > 0 for amount in counts.operations.values())


def factor(report: KernelReport) -> str:
    """The distance from the ridge point as ``4.2×``; empty when there is none to speak of."""
    margin = abs(report.bound.margin_log2)
    return f"{two_digits(2**margin)}×" if margin < MARGIN_LIMIT else ""


def margin_sentence(report: KernelReport, device: Device) -> str:
    """``2.7× below the dp ridge point``."""
    counts = report.counts
    if report.opinion:
        return "no margin"
    if counts.dram_bytes <= 0:
        return "no DRAM traffic found, so only arithmetic can limit it"
    if decisive(counts, device) is None:
        return "no arithmetic found, so only memory can limit it"
    return f"{margin(report, device, article='the ')} ridge point"


def margin(report: KernelReport, device: Device, article: str = "") -> str:
    """``2.7× below dp``; empty where there is no ridge point to compare with."""
    operation = decisive(report.counts, device)
    if operation is None or report.opinion:
        return ""
    side = "above" if report.bound.margin_log2 >= 0 else "below"
    return f"{factor(report) or 'far'} {side} {article}{operation}"


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
    return _percent(probability)


def chance_of_compute(report: KernelReport) -> str:
    """The chance that the kernel is compute-bound, as ``4%``."""
    return _percent(report.bound.probability_compute)


def _percent(probability: float) -> str:
    """Never 0% or 100%: nothing here is certain."""
    return f"{min(99, max(1, round(100 * probability)))}%"


def evidence_words(report: KernelReport) -> str:
    """Where the bound comes from, in a few words: ``source estimate``, ``measured by ncu in ...``."""
    match report.evidence:
        case Evidence.PROFILE if report.profile is not None:
            return measured(report.profile)
        case Evidence.PROFILE:
            return "measured"
        case Evidence.MODEL:
            return "a language model's opinion"
        case Evidence.COMPILED if report.counts.compiled is not None:
            facts = report.counts.compiled
            return f"estimate from code that {facts.compiler} made for {facts.target}"
        case kind:
            return f"{kind} estimate"


def evidence_sentence(report: KernelReport) -> str:
    """Which evidence the bound stands on, and how that was had."""
    how = evidence_words(report)
    match report.evidence:
        case Evidence.SOURCE:
            how = "counted in the program's text; nothing was compiled or run"
        case Evidence.COMPILED:
            facts = report.counts.compiled
            made = f"code that {facts.compiler} made for {facts.target}" if facts else "a compiler's code"
            how = f"operations counted in {made}, traffic in the program's text; nothing was run"
        case Evidence.EMULATED:
            how = "counted while the kernel was emulated; no GPU ran it"
        case Evidence.MODEL:
            how = "a language model's opinion; the counts are those of the program's text"
    return f"evidence: {report.evidence} ({how})"


def measured(profile: KernelProfile) -> str:
    """``measured by ncu in a launch of 31 µs on sm_86``."""
    time = "" if profile.seconds is None else f" in a launch of {seconds(profile.seconds)}"
    target = f" on {profile.target}" if profile.target else ""
    return f"measured by {profile.profiler}{time}{target}"


def resources(report: KernelReport) -> str:
    """``compiled: 38 registers, 16 B spilled, occupancy 75%``, or as measured; empty where not known."""
    facts, profile = report.counts.compiled, report.profile
    parts: list[str] = []
    registers = profile.registers if profile else facts.registers if facts else None
    held = profile.occupancy if profile else facts.occupancy if facts else None
    if registers is not None:
        parts.append(f"{registers} registers")
    if facts is not None and profile is None:
        if facts.spill_bytes:
            parts.append(f"{scaled(facts.spill_bytes)}B spilled")
        if facts.shared_bytes:
            parts.append(f"{scaled(facts.shared_bytes)}B of shared memory a block")
    if held is not None:
        parts.append(f"occupancy {held:.0%}")
    return f"{'measured' if profile else 'compiled'}: {', '.join(parts)}" if parts else ""


def certainty(report: KernelReport) -> str:
    """How sure the class is and why: ``77% sure, by how far counts of this kind have been off``."""
    match report.evidence:
        case Evidence.MODEL:
            why = "as the model's answers tell"
        case Evidence.PROFILE:
            why = "for its counts were measured"
        case _ if not report.counts.uncertainty_log2:
            why = "though how far such counts are off was not measured"
        case _:
            why = "by how far counts of this kind have been off"
    return f"{chance(report)} sure, {why}"


def judged_on(report: KernelReport, device: Device) -> str:
    """Where the bound holds: ``on NVIDIA H200``; a region of the host is under a GPU's roofs only as if."""
    return f"{'as if ' if is_judged_elsewhere(report, device) else ''}on {device.name}"


def is_judged_elsewhere(report: KernelReport, device: Device) -> bool:
    """Whether a region of the host is judged by a GPU's roofs."""
    return runs_on_host(report) and device.vendor != "cpu"


def runs_on_host(report: KernelReport) -> bool:
    """Whether the kernel is a parallel region of the host."""
    kernel = report.kernel
    return (
        kernel.language is Language.OPENMP
        and kernel.directive is not None
        and not kernel.directive.has("target")
    )


def instance(report: KernelReport) -> str:
    """The kernel's name with its template arguments here: ``reduce<256, float>``."""
    arguments = report.template_arguments
    return f"{report.kernel.name}<{', '.join(arguments)}>" if arguments else report.kernel.name


def shape(report: KernelReport) -> str:
    """``grid 128 × 128, block 16 × 16 (from the source)``; empty for a region of the host, which has none."""
    if runs_on_host(report):
        return ""
    launched = report.counts.shape
    grid, block = (_extent(sizes) for sizes in (launched.grid, launched.block))
    if report.evidence is Evidence.PROFILE:
        origin = "measured"
    elif not launched.known:
        origin = "partly assumed"
    else:
        origin = _CHOSEN[_left_open(report.kernel.directive)]
    return f"grid {grid}, block {block} ({origin})"


def _left_open(directive: Directive | None) -> int:
    """How many of teams and threads a directive leaves to the runtime; none without one."""
    if directive is None:
        return 0
    return sum(not any(map(directive.clause, clauses)) for clauses in _SIZES)


def _extent(sizes: tuple[int, int, int]) -> str:
    last = max((axis for axis, size in enumerate(sizes) if size != 1), default=0)
    return " × ".join(str(size) for size in sizes[: last + 1])


def array_name(array: ArrayTraffic, quote: str = "`") -> str:
    """An array's name; one of a thread's own lies in local memory, which is DRAM as well."""
    name, private, _ = array.name.partition(_PRIVATE)
    if name == _NAMELESS:
        return "an array that is not known"
    return f"{quote}{name}{quote}{' in local memory' if private else ''}"


def arrays(counts: KernelCounts) -> str:
    """``x 67 MB (12% of each sector used by one access of a warp), y 8.4 MB, 3 others 0.1 MB``.

    Those that matter come by name.
    """
    named = [array for array in counts.arrays if array.dram_bytes >= _NEGLIGIBLE * counts.dram_bytes]
    parts = [f"{array_name(array, quote='')} {scaled(array.dram_bytes)}B{_waste(array)}" for array in named]
    if others := len(counts.arrays) - len(named):
        rest = sum(array.dram_bytes for array in counts.arrays) - sum(array.dram_bytes for array in named)
        what = "other" if named else "array"
        parts.append(f"{others} {what if others == 1 else f'{what}s'} {scaled(max(0.0, rest))}B")
    return ", ".join(parts)


def _waste(array: ArrayTraffic) -> str:
    used = sector_use(array)
    return f" ({used})" if used != _ALL_USED else ""


def sector_use(array: ArrayTraffic) -> str:
    """How much of each 32-byte sector one access of a warp uses: what is left may serve another access."""
    share = round(100 * array.coalescing)
    return _ALL_USED if share >= 100 else f"{share}% of each sector used by one access of a warp"


def traffic_sentence(counts: KernelCounts) -> str:
    """Which array costs most: ``most of the traffic is `x`: 67 MB, all of each sector used``; or nothing."""
    if not counts.arrays or counts.dram_bytes <= 0:
        return ""
    costliest = max(counts.arrays, key=lambda array: array.dram_bytes)
    share = costliest.dram_bytes / counts.dram_bytes
    if share < _WORTH_NAMING:
        return ""
    part = "most" if share > 0.5 else f"the largest part, {share:.0%},"
    amount = f"{scaled(costliest.dram_bytes)}B, {sector_use(costliest)}"
    return f"{part} of the traffic is {array_name(costliest)}: {amount}"


def operations(counts: KernelCounts) -> str:
    """``16.7 M sp, 4.19 M dp``, or ``105 M sp (with 419 M in half precision)``."""
    amounts = {kind: counts.operations.get(kind, 0.0) for kind in Operation}
    among = {Operation.SP: f" ({halves(counts)})"} if counts.halves else {}
    parts = (
        f"{scaled(amount).strip()} {kind}{among.get(kind, '')}" for kind, amount in amounts.items() if amount
    )
    return ", ".join(parts) or "none"


def halves(counts: KernelCounts) -> str:
    """``with 419 M in half precision``: what else is among the operations of ``sp``; empty for nothing."""
    return f"with {scaled(counts.halves).strip()} in half precision" if counts.halves else ""


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
        return f"{rounded:.0f}"
    return f"{rounded:.1f}" if rounded >= 1 else f"{rounded:.2g}"


def scaled(value: float) -> str:
    """A number with an SI prefix and a space for the unit: ``84 M``, ``0.63 ``."""
    power = 0
    while value >= 999.5 and power < len(_PREFIXES) - 1:  # 999.5 has four digits when it is rounded to three
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
