"""What was measured, as documents: one program, or a comparison with every window it rests on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jouleline.core.energy import Arm, Summary
from jouleline.core.interval import Estimate
from jouleline.core.meter import EnergySample, MeterInfo

from .measure import EnergyComparison, Measurement


def measurement_json(measurement: Measurement[Any]) -> dict[str, Any]:
    """The document ``jouleline/measure/1``: the figures of one run, and every window they rest on."""
    return {
        "schema": "jouleline/measure/1",
        "runner": measurement.runner,
        "meter": _meter_json(measurement.meter),
        **_summary_json(measurement.summary, measurement.meter),
        "samples": _samples_json(measurement.samples),
        "warm_up": _samples_json(measurement.warm_up),
    }


def comparison_json(result: EnergyComparison[Any]) -> dict[str, Any]:
    """The document ``jouleline/comparison/1``: both programs, their ratios, verdict and every window."""
    comparison = result.comparison
    meter = comparison.meter
    return {
        "schema": "jouleline/comparison/1",
        "verdict": str(comparison.verdict),
        "delta": comparison.delta,
        "modelled": meter.modelled,
        "reduction": _estimate_json(comparison.reduction),
        "energy_ratio": _estimate_json(comparison.energy_ratio),
        "time_ratio": _estimate_json(comparison.time_ratio),
        "power_ratio": _estimate_json(comparison.power_ratio),
        "energy_delay_ratio": _estimate_json(comparison.energy_delay_ratio),
        "runner": result.runner,
        "meter": _meter_json(meter),
        "seed": result.seed,
        "baseline": {
            **_summary_json(comparison.summary(Arm.BASELINE), meter),
            "warm_up": _samples_json(result.baseline_warm_up),
        },
        "candidate": {
            **_summary_json(comparison.summary(Arm.CANDIDATE), meter),
            "warm_up": _samples_json(result.candidate_warm_up),
        },
        "blocks": [
            {"order": block.order, "windows": _samples_json([sample for _, sample in block.windows])}
            for block in comparison.blocks
        ],
    }


def _summary_json(summary: Summary, meter: MeterInfo[Any]) -> dict[str, Any]:
    return {
        "energy": {
            "value_j": summary.joules.value,
            "interval_j": _interval_json(summary.joules),
            "modelled": meter.modelled,
            "meter": meter.name,
        },
        "seconds": _estimate_json(summary.seconds),
        "watts": _estimate_json(summary.watts),
        "joule_seconds": _estimate_json(summary.joule_seconds),
    }


def _meter_json(meter: MeterInfo[Any]) -> dict[str, Any]:
    return {
        "name": meter.name,
        "device": meter.device,
        "modelled": meter.modelled,
        "window_s": meter.window_s,
        "note": meter.note,
    }


def _estimate_json(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "interval": _interval_json(estimate)}


def _interval_json(estimate: Estimate) -> list[float] | None:
    # JSON has no infinity, and an infinitely wide interval is none.
    finite = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return [estimate.low, estimate.high] if finite else None


def _samples_json(samples: Sequence[EnergySample[Any]]) -> list[dict[str, Any]]:
    return [
        {"energy_j": one.energy_j, "wall_s": one.wall_s, "cpu_s": one.cpu_s, "runs": one.runs}
        for one in samples
    ]
