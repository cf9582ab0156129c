"""Joules modelled from CPU time, for machines where nothing can be measured.

    E = CPU seconds (user + system, of the whole process tree) x rated watts / cores

It charges every core-second the same share of the processor's rated power. Clock changes, memory
traffic, idle power and accelerators do not enter: it says that CPU time changed, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from jouleline.core.device import Device
from jouleline.core.meter import EnergySample, MeterError, MeterInfo, Modelled
from jouleline.core.ports import Completed

_WINDOW_S: Final = 0.2  # no counter period to wait for; long against the clock tick of the kernel


class CpuTimeMeter:
    """Models energy from the CPU time of the runs in a window.

    ``rated_watts`` (W) is the processor's rated power, ``source`` where that figure comes from,
    ``cores`` the cores it is shared among, and ``device`` the processor's name.
    """

    def __init__(self, *, rated_watts: float, cores: int, device: str, source: str) -> None:
        """Raise ValueError when the power or the number of cores cannot be."""
        if not (math.isfinite(rated_watts) and rated_watts > 0):
            raise ValueError(f"rated power must be more than 0 W, not {rated_watts} W")
        if cores < 1:
            raise ValueError(f"a processor has at least one core, not {cores}")
        self._watts_per_core = rated_watts / cores
        self._info = MeterInfo(
            name="cpu-time",
            device=device,
            origin=Modelled,
            window_s=_WINDOW_S,
            note=(
                f"modelled: CPU seconds x {rated_watts:g} W / {cores} cores ({source}); "
                "it can only say that CPU time changed"
            ),
        )

    @classmethod
    def of(cls, host: Device) -> CpuTimeMeter:
        """The meter with a processor's own figures."""
        return cls(
            rated_watts=host.tdp_w.value,
            cores=int(host.multiprocessors.value),
            device=host.name,
            source=f"{host.tdp_w.provenance}: {host.tdp_w.source}",
        )

    @property
    def info(self) -> MeterInfo[Modelled]:
        """Name, device and note; always modelled."""
        return self._info

    def check(self) -> MeterInfo[Modelled]:
        """Nothing to test: there is no sensor."""
        return self._info

    def start(self) -> None:
        """Do nothing: the operating system counts a run's CPU time with the run."""

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Modelled]:
        """Model the energy of ``runs``.

        Raises:
            MeterError: when there were no runs.
        """
        if not runs:
            raise MeterError("no run was made in this window, so there is no CPU time to go by")
        cpu_s = math.fsum(run.cpu_s for run in runs)
        return EnergySample(
            origin=Modelled,
            energy_j=cpu_s * self._watts_per_core,
            wall_s=math.fsum(run.wall_s for run in runs),
            cpu_s=cpu_s,
            runs=len(runs) * repeats,
        )

    def close(self) -> None:
        """Hold nothing."""
