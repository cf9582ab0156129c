"""Joules of each kernel, derived from a program's joules and a profiler's times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .energy import seconds
from .interval import Estimate, amount_interval
from .meter import EnergySample, Measured
from .profile import KernelProfile


@dataclass(frozen=True, slots=True)
class KernelShare:
    """All launches of one kernel within a run: their time (s) together, and the energy (J) put down to it."""

    kernel: str
    launches: int
    seconds: float
    joules: Estimate


@dataclass(frozen=True, slots=True)
class KernelJoules:
    """A run's energy on the GPU split among its kernels, the one with most first.

    No sensor can tell kernels of milliseconds apart. This charges every moment of a run the same power,
    so a kernel that draws more than the average gets less than its due: it is *derived*, not measured.
    ``outside`` (J, and ``outside_share`` of the run's time, 0 to 1) is what passed in no kernel: copies,
    the host's work, waiting. ``notes`` say what makes the split doubtful.
    """

    kernels: tuple[KernelShare, ...]
    outside: Estimate
    outside_share: float
    notes: tuple[str, ...] = ()

    provenance: ClassVar[str] = "derived from measured joules and a profile's time shares"


def joules_by_kernel(
    samples: Sequence[EnergySample[Measured]], gpu_parts: frozenset[str], launches: Sequence[KernelProfile]
) -> KernelJoules:
    """Split the energy that windows of a program measured in ``gpu_parts`` by the time of its launches.

    ``launches`` are all launches of one run. A profiler may slow a program down; where kernels take more
    time than a run then has, their shares are scaled to fill it.

    Raises:
        ValueError: when there are no windows or launches, a launch has no time, or no part is the GPU's.
    """
    if not samples or not launches:
        raise ValueError("joules are split among kernels by windows of a program and a profile of its run")
    energy = amount_interval([_part_joules(sample, gpu_parts) for sample in samples])
    run_s = amount_interval([seconds(sample) for sample in samples]).value
    times: dict[str, list[float]] = {}
    for launch in launches:
        if launch.seconds is None:
            raise ValueError(f"the profile does not tell how long {launch.kernel} took; profile with times")
        times.setdefault(launch.kernel, []).append(launch.seconds)
    in_kernels_s = math.fsum(map(math.fsum, times.values()))
    slowed = (
        f"kernels took {in_kernels_s:.3g} s under the profiler and a run {run_s:.3g} s without it: "
        "they overlap, or were slowed down"
    )
    whole_s = max(run_s, in_kernels_s)
    kernels = [
        KernelShare(name, len(each), math.fsum(each), _scaled(energy, math.fsum(each) / whole_s))
        for name, each in times.items()
    ]
    outside = max(0.0, 1 - in_kernels_s / whole_s)
    return KernelJoules(
        tuple(sorted(kernels, key=lambda one: -one.joules.value)),
        _scaled(energy, outside),
        outside,
        (slowed,) if in_kernels_s > run_s else (),
    )


def _part_joules(sample: EnergySample[Measured], names: frozenset[str]) -> float:
    found = [part.energy_j for part in sample.parts if part.name in names]
    if not found:
        raise ValueError(f"no part of a window is the GPU's ({', '.join(sorted(names))})")
    return math.fsum(found) / sample.runs


def _scaled(energy: Estimate, share: float) -> Estimate:
    if not share:
        return Estimate(0.0, 0.0, 0.0)
    return energy.mapped(lambda value: value * share)
