"""What we know of a program before anybody changes it, as a model (or a person) can read it.

Device facts, the bound and the traffic of each kernel by our own analysis, and the energy of a run. No
figure comes without where it is from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jouleline.core.counts import Operation
from jouleline.core.device import Device
from jouleline.core.kernel import Language

from .analyse import Analysis, KernelReport, analyse, parse_files, split_run_line
from .measure import Measurement
from .wording import bound_words, counted

_MOST_KERNELS: Final = 12
_MOST_ARRAYS: Final = 6
_SHOWN: Final = (Operation.SP, Operation.DP, Operation.INT, Operation.SPECIAL)


def analysed(files: Mapping[str, bytes], device: Device, args: str, macros: Mapping[str, str]) -> Analysis:
    """The bounds of a program's kernels with the arguments of a run."""
    parsed, problems = parse_files(files)
    return analyse(parsed, device, split_run_line(args), tuple(problems), macros=macros)


def describe(analysis: Analysis, energy: Measurement[Any] | None) -> str:
    """Device, kernels and energy as Markdown; kernels with the longest launches come first."""
    parts = [_device(analysis.device)]
    if energy is not None:
        parts.append(_energy(energy))
    parts.append(_kernels(analysis))
    return "\n\n".join(parts)


def _device(device: Device) -> str:
    cache_size = device.llc_bytes or device.l2_bytes
    return (
        f"Device: {device.name}, {device.multiprocessors.value:g} "
        f"{'cores' if device.id == 'host' else 'multiprocessors'}; peaks "
        f"{device.peak('sp').value / 1e9:.3g} GFLOP/s single and {device.peak('dp').value / 1e9:.3g} GFLOP/s "
        f"double precision, {device.peak('int').value / 1e9:.3g} Gop/s integer; memory "
        f"{device.dram_bytes_per_s.value / 1e9:.3g} GB/s behind a last-level cache of "
        f"{cache_size.value / 1e6:.3g} MB; {device.tdp_w.value:g} W rated power."
    )


def _energy(energy: Measurement[Any]) -> str:
    summary, meter = energy.summary, energy.meter
    return (
        f"Energy of a run ({meter.origin.word}, {meter.name}): {summary.joules.value:.3g} J in "
        f"{summary.seconds.value:.3g} s, {summary.watts.value:.3g} W on average."
    )


def _kernels(analysis: Analysis) -> str:
    ordered = sorted(analysis.kernels, key=lambda report: -report.bound.floor_s)
    known = [report for report in ordered if counted(report.counts)]
    if not known:
        return "Our analysis finds no kernel or parallel region whose work it could count."
    lines = ["Kernels and parallel regions, counted from the source, the heaviest launch first:"]
    lines += [_kernel(report, analysis.device) for report in known[:_MOST_KERNELS]]
    left = len(known) - _MOST_KERNELS
    return "\n".join([*lines, *([f"- and {left} lighter ones"] if left > 0 else [])])


def _kernel(report: KernelReport, device: Device) -> str:
    counts = report.counts
    work = ", ".join(
        f"{counts.operations[one]:.2g} {one}" for one in _SHOWN if counts.operations.get(one, 0.0) > 0
    )
    shape = counts.shape
    launch = f"{shape.threads:.3g} threads" if report.kernel.language is not Language.OPENMP else ""
    arrays = sorted(counts.arrays, key=lambda one: -one.dram_bytes)[:_MOST_ARRAYS]
    traffic = ", ".join(
        f"{one.name} {one.dram_bytes:.2g} B"
        + (f" (coalescing {one.coalescing:.0%})" if one.coalescing < 1 else "")
        for one in arrays
    )
    parts = [
        f"{bound_words(report)} on this device by {report.evidence} evidence",
        f"operations of one launch: {work or 'none counted'}",
        f"DRAM traffic {counts.dram_bytes:.2g} B" + (f": {traffic}" if traffic else ""),
        f"at least {report.bound.floor_s:.2g} s by the roofline of {device.id}",
        *([launch] if launch else []),
        *([f"assumed: {'; '.join(counts.assumptions[:2])}"] if counts.assumptions else []),
    ]
    return f"- {report.kernel.display} ({report.file}:{report.kernel.line}): {'; '.join(parts)}"
