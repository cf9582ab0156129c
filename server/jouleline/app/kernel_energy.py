"""Joules per kernel, derived from a program's measured energy and a profiler's durations.

A kernel's share of a run's time is taken for its share of the energy. That assumes the same power all
along, and that kernels take as long unprofiled as they did under the profiler.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jouleline.core.energy import Summary
from jouleline.core.interval import Estimate
from jouleline.core.profile import KernelProfile, Profile, ProfileError
from jouleline.core.symbol import read_symbol

_SLACK = 1.02


@dataclass(frozen=True, slots=True)
class KernelEnergy:
    """What one kernel took of a run: ``joules`` (J) derived from its ``share`` of the run's time (0 to 1).

    ``seconds`` (s) are those of all its ``launches`` together, as they were profiled.
    """

    kernel: str
    launches: int
    seconds: float
    share: float
    joules: Estimate


def kernel_energy(profile: Profile, summary: Summary) -> tuple[KernelEnergy, ...]:
    """The kernels of a profiled run with their part of its energy, the largest first.

    What they leave was spent outside of kernels, or in launches that were not profiled.

    Raises:
        ProfileError: if the profile has no durations, or longer ones than a run.
    """
    groups: dict[str, list[float]] = {}
    for launch in profile.launches:
        if launch.seconds is None:
            raise ProfileError(
                f"tells no duration of {_name(launch)}, so there are no joules per kernel; collect "
                "gpu__time_duration.sum (ncu) or begin and end times (rocprof)"
            )
        groups.setdefault(_name(launch), []).append(launch.seconds)
    run_s = summary.seconds.value
    total_s = math.fsum(seconds for group in groups.values() for seconds in group)
    if total_s > _SLACK * run_s:
        raise ProfileError(
            f"its kernels take {total_s:.3g} s together, a run only {run_s:.3g} s: profile the program "
            "with the arguments that are measured, and one run of it"
        )
    found = [
        _part(kernel, times, math.fsum(times) / max(run_s, total_s), summary.joules)
        for kernel, times in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.share))


def kernels_json(kernels: Sequence[KernelEnergy]) -> list[Mapping[str, Any]]:
    """The field ``kernels`` of a measurement's document."""
    return [
        {
            "kernel": one.kernel,
            "launches": one.launches,
            "seconds": one.seconds,
            "time_share": one.share,
            "value_j": one.joules.value,
            "interval_j": [one.joules.low, one.joules.high] if math.isfinite(one.joules.low) else None,
            "derived": True,
        }
        for one in kernels
    ]


def _part(kernel: str, times: Sequence[float], share: float, whole: Estimate) -> KernelEnergy:
    joules = Estimate(share * whole.value, share * whole.low, share * whole.high) if share else _NOTHING
    return KernelEnergy(kernel, len(times), math.fsum(times), share, joules)


_NOTHING = Estimate(0.0, 0.0, 0.0)


def _name(launch: KernelProfile) -> str:
    return read_symbol(launch.kernel).name
