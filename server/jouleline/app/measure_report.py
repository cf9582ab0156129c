"""What was measured, as documents: one program, or a comparison with every window it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from jouleline.core.energy import LARGEST_UNCHANGED, LOOKS, Arm, Block, EnergyVerdict, Summary
from jouleline.core.idle import Idle
from jouleline.core.interval import Estimate
from jouleline.core.kernel_joules import KernelJoules
from jouleline.core.meter import EnergySample, MeterInfo

from .measurement import EnergyComparison, Measurement, Plan

# Quantiles of Student's t differ in the last digits between versions of SciPy.
_ROUNDING: Final = 1e-9

_OF_WINDOWS: Final = frozenset(("samples", "warm_up", "blocks", "control", "windows"))


def measurement_json(measurement: Measurement[Any]) -> dict[str, Any]:
    """The document ``jouleline/measure/1``: the figures of one run, and every window they rest on."""
    return {
        "schema": "jouleline/measure/1",
        "runner": measurement.runner,
        "meter": _meter_json(measurement.meter),
        "warnings": list(measurement.warnings),
        **_summary_json(measurement.summary, measurement.meter),
        "idle": _idle_json(measurement.idle),
        "plan": _plan_json(measurement.plan),
        "samples": _samples_json(measurement.samples),
        "warm_up": _samples_json(measurement.warm_up),
    }


def comparison_json(result: EnergyComparison[Any]) -> dict[str, Any]:
    """The document ``jouleline/comparison/1``: both programs, their ratios, verdict and every window."""
    comparison = result.comparison
    meter = comparison.meter
    net = comparison.net_energy_ratio
    return {
        "schema": "jouleline/comparison/1",
        "verdict": str(comparison.verdict),
        "reason": reason(result),
        "delta": comparison.delta,
        "noise_floor": _finite(comparison.noise_floor),
        "modelled": meter.modelled,
        "reduction": _estimate_json(comparison.reduction),
        "energy_ratio": _estimate_json(comparison.energy_ratio),
        "net_energy_ratio": None if net is None else _estimate_json(net),
        "time_ratio": _estimate_json(comparison.time_ratio),
        "power_ratio": _estimate_json(comparison.power_ratio),
        "energy_delay_ratio": _estimate_json(comparison.energy_delay_ratio),
        "runner": result.runner,
        "meter": _meter_json(meter),
        "warnings": list(result.warnings),
        "idle": _idle_json(comparison.idle),
        "plan": _plan_json(result.plan),
        "seed": result.seed,
        "baseline": {
            **_summary_json(comparison.summary(Arm.BASELINE), meter),
            "warm_up": _samples_json(result.baseline_warm_up),
        },
        "candidate": {
            **_summary_json(comparison.summary(Arm.CANDIDATE), meter),
            "warm_up": _samples_json(result.candidate_warm_up),
        },
        "control": _blocks_json(comparison.control),
        "blocks": _blocks_json(comparison.blocks),
    }


def result_json(result: Measurement[Any] | EnergyComparison[Any]) -> dict[str, Any]:
    """The document of either."""
    return measurement_json(result) if isinstance(result, Measurement) else comparison_json(result)


def kernels_json(kernels: KernelJoules) -> dict[str, Any]:
    """The field ``kernels`` of a measurement's document."""
    return {
        "provenance": kernels.provenance,
        "kernels": [
            {
                "name": one.kernel,
                "launches": one.launches,
                "seconds": one.seconds,
                "value_j": one.joules.value,
                "interval_j": _interval_json(one.joules),
            }
            for one in kernels.kernels
        ],
        "outside": {
            "time_share": kernels.outside_share,
            "value_j": kernels.outside.value,
            "interval_j": _interval_json(kernels.outside),
        },
        "notes": list(kernels.notes),
    }


def without_windows(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document's figures, without the windows they rest on."""
    return {
        key: without_windows(value) if isinstance(value, Mapping) else value
        for key, value in document.items()
        if not (key in _OF_WINDOWS and isinstance(value, list))
    }


def figures(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a replay has to give again: a document's figures and verdict, whoever says them."""
    said = {"runner", "meter", "warnings"}
    return {
        key: figures(value) if isinstance(value, Mapping) else value
        for key, value in without_windows(document).items()
        if key not in said
    }


def agree(one: object, other: object) -> bool:
    """Whether two documents hold the same figures, up to what another machine's arithmetic may round."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(agree(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_ROUNDING)
    return one == other


def reason(result: EnergyComparison[Any]) -> str:
    """Why the verdict is what it is, as a clause."""
    comparison = result.comparison
    count, delta = len(comparison.blocks), f"{100 * comparison.delta:.2g}%"
    none = f"\N{PLUS-MINUS SIGN}{100 * min(comparison.delta, LARGEST_UNCHANGED):.2g}%"
    floor = comparison.noise_floor
    if floor is not None and floor >= comparison.delta:
        delta += ", which the baseline shows against itself"
    match comparison.verdict:
        case EnergyVerdict.IMPROVED:
            return f"the interval lies below no change, and the change is at least {delta}"
        case EnergyVerdict.REGRESSED if count not in LOOKS and count < LOOKS[0]:
            return "worse beyond reasonable doubt, so it was given up early"
        case EnergyVerdict.REGRESSED:
            return f"the interval lies above no change, and the change is at least {delta}"
        case EnergyVerdict.NO_CHANGE:
            shown = none if comparison.delta > LARGEST_UNCHANGED else f"\N{PLUS-MINUS SIGN}{delta}"
            return f"the interval lies within {shown}"
        case EnergyVerdict.INCONCLUSIVE if count < LOOKS[0]:
            return f"the budget ended it after {_counted(count)}, before the first look at {LOOKS[0]}"
        case EnergyVerdict.INCONCLUSIVE:
            spent = "" if count == LOOKS[-1] else ", and the budget is spent"
            shown = f"neither a change of at least {delta}, nor that it is within {none}"
            return f"{_counted(count)} show {shown}{spent}"


def _counted(blocks: int) -> str:
    return f"{blocks} block{'s' if blocks != 1 else ''}"


def _summary_json(summary: Summary, meter: MeterInfo[Any]) -> dict[str, Any]:
    net = summary.net_joules
    return {
        "energy": _energy_json(summary.joules, meter),
        "net_energy": None if net is None else _energy_json(net, meter),
        "seconds": _estimate_json(summary.seconds),
        "watts": _estimate_json(summary.watts),
        "joule_seconds": _estimate_json(summary.joule_seconds),
    }


def _energy_json(joules: Estimate, meter: MeterInfo[Any]) -> dict[str, Any]:
    return {
        "value_j": joules.value,
        "interval_j": _interval_json(joules),
        "modelled": meter.modelled,
        "meter": meter.name,
    }


def _meter_json(meter: MeterInfo[Any]) -> dict[str, Any]:
    return {
        "name": meter.name,
        "device": meter.device,
        "modelled": meter.modelled,
        "window_s": meter.window_s,
        "period_s": meter.period_s,
        "driver": meter.driver or None,
        "labels": list(meter.labels),
        "note": meter.note,
    }


def _idle_json(idle: Idle[Any] | None) -> dict[str, Any] | None:
    if idle is None:
        return None
    return {
        "watts": idle.watts,
        "levels_w": list(idle.levels_w),
        "moved": idle.moved,
        "windows": _samples_json(idle.windows),
    }


def _plan_json(plan: Plan) -> dict[str, Any]:
    return asdict(plan)


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "interval": _interval_json(estimate)}


def _interval_json(estimate: Estimate) -> list[float] | None:
    # JSON has no infinity, and an infinitely wide interval is none.
    finite = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return [estimate.low, estimate.high] if finite else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _blocks_json(blocks: Sequence[Block[Any]]) -> list[dict[str, Any]]:
    return [
        {"order": block.order, "windows": _samples_json([sample for _, sample in block.windows])}
        for block in blocks
    ]


def _samples_json(samples: Sequence[EnergySample[Any]]) -> list[dict[str, Any]]:
    """Windows without their traces of power, which a record holds."""
    return [
        {
            "energy_j": one.energy_j,
            "wall_s": one.wall_s,
            "cpu_s": one.cpu_s,
            "runs": one.runs,
            "parts": {part.name: part.energy_j for part in one.parts},
            "conditions": [asdict(state) for state in one.conditions],
            "warnings": list(one.warnings),
        }
        for one in samples
    ]
