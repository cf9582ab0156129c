"""The bounds of a program as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jouleline.core.counts import CompiledFacts, Operation
from jouleline.core.device import Device
from jouleline.core.profile import KernelProfile

from . import assumed
from .analyse import Analysis, KernelReport
from .program import Problem

_INTENSITIES = (Operation.SP, Operation.DP, Operation.INT)
_DIGITS = 6


def bound_json(analysis: Analysis, arguments: str) -> dict[str, Any]:
    """The document ``jouleline/bound/1``. ``arguments`` is the run line's text."""
    return {
        "schema": "jouleline/bound/1",
        "device": analysis.device.id,
        "args": arguments,
        "kernels": [kernel_record(report, analysis.device) for report in analysis.kernels],
        "problems": problems_json(analysis.problems),
    }


def problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """What could not be read, and why."""
    return [{"file": problem.file, "line": problem.line, "message": problem.message} for problem in problems]


def kernel_record(report: KernelReport, device: Device) -> dict[str, Any]:
    """One kernel of ``jouleline/bound/1``."""
    return kernel_json(report) | figures_json(report, device)


def kernel_json(report: KernelReport) -> dict[str, Any]:
    """What a kernel is and where, whatever the device."""
    kernel = report.kernel
    return {
        "name": kernel.name,
        "display": kernel.display,
        "file": report.file,
        "line": kernel.line,
        "end_line": kernel.end_line,
        "language": str(kernel.language),
    }


def figures_json(report: KernelReport, device: Device) -> dict[str, Any]:
    """A kernel's bound on a device, and what it follows from."""
    counts, bound = report.counts, report.bound
    return {
        "launch": {
            "grid": list(counts.shape.grid),
            "block": list(counts.shape.block),
            "known": counts.shape.known,
        },
        "bound": str(bound.kind),
        "driver": str(bound.driver) if bound.driver else None,
        "probability_compute": round(bound.probability_compute, 4),
        "margin_log2": round(bound.margin_log2, 3),
        "evidence": str(report.evidence),
        "operations": {str(one): _rounded(amount) for one, amount in counts.operations.items()},
        "dram_bytes": _rounded(counts.dram_bytes),
        "intensity": {str(one): _rounded(counts.intensity(one)) for one in _INTENSITIES},
        "uncertainty_log2": dict(counts.uncertainty_log2),
        "arrays": [
            {
                "name": array.name,
                "dram_bytes": _rounded(array.dram_bytes),
                "coalescing": round(array.coalescing, 4),
            }
            for array in counts.arrays
        ],
        "assumptions": list(assumed.assumptions(report, device)),
        **({"profile": _profile_json(report.profile)} if report.profile is not None else {}),
        **_compiled_json(counts.compiled),
    }


def _profile_json(profile: KernelProfile) -> dict[str, Any]:
    return {
        "profiler": profile.profiler,
        "kernel": profile.kernel,
        "target": profile.target or None,
        "seconds": profile.seconds,
        "registers": profile.registers,
        "occupancy": _rounded(profile.occupancy),
    }


def _compiled_json(facts: CompiledFacts | None) -> dict[str, Any]:
    """What only a compiler can tell; nothing where none was asked."""
    if facts is None:
        return {}
    return {
        "compiler": facts.compiler,
        "target": facts.target,
        "registers": facts.registers,
        "spill_bytes": facts.spill_bytes,
        "shared_bytes": facts.shared_bytes,
        "occupancy": None if facts.occupancy is None else round(facts.occupancy, 4),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")
