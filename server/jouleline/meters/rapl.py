"""Processor and memory energy from RAPL, read through Linux's powercap files.

The counters (uJ) of the package and DRAM zones are summed; the core and uncore zones are parts of a
package and psys holds it, so neither is counted. Layout, units and wrap-around:
https://docs.kernel.org/power/powercap/powercap.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jouleline.core.meter import EnergySample, Measured, MeterError, MeterInfo
from jouleline.core.ports import Availability, Completed, Finding

_POWERCAP: Final = Path("/sys/class/powercap")
_GRANT: Final = "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
_LOAD: Final = "on a real machine: sudo modprobe intel_rapl_msr; a virtual machine has none"
# AMD's zones carry the same prefix; intel-rapl-mmio would count the same package twice.
_ZONES: Final = "intel-rapl:*"
_COUNTED: Final = ("package", "dram")

_WINDOW_S: Final = 5.0
# The counter moves about every millisecond; one that stands still for this long is not working.
_TICK_PATIENCE_S: Final = 0.1
_TICK_POLL_S: Final = 0.0001
# More than any socket takes: beyond it the figure is wrong, or the counter wrapped more than once.
_MOST_WATTS: Final = 1500.0
_MICRO: Final = 1e-6


@dataclass(frozen=True, slots=True)
class _Zone:
    name: str
    counter: Path
    range_uj: int


@dataclass(frozen=True, slots=True)
class _Reading:
    time_s: float
    counters_uj: tuple[int, ...]


class RaplMeter:
    """Measures the energy of all sockets and their memory, whoever uses them.

    ``root`` is the powercap folder.
    """

    def __init__(self, root: Path = _POWERCAP) -> None:
        """Find the zones.

        Raises:
            MeterError: when there are none or they may not be read.
        """
        self._zones = _find_zones(root)
        for zone in self._zones:
            _read(zone)
        names = ", ".join(zone.name for zone in self._zones)
        self._begun: _Reading | None = None
        self._info = MeterInfo(
            name="rapl",
            device=names,
            origin=Measured,
            window_s=_WINDOW_S,
            note=f"measured: RAPL counters of {names}; other programs' energy is in it, a GPU's is not",
        )

    @property
    def info(self) -> MeterInfo[Measured]:
        """Name, zones and note."""
        return self._info

    def check(self) -> MeterInfo[Measured]:
        """See the counter move.

        Raises:
            MeterError: when it stands still or cannot be read.
        """
        self._read_on_tick()
        return self._info

    def start(self) -> None:
        """Begin a window on a tick of the counter.

        Raises:
            MeterError: when the counter stands still or cannot be read.
        """
        self._begun = self._read_on_tick()

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Measured]:
        """End the window on a tick of the counter.

        Raises:
            MeterError: when no window was begun, the counter stands still, or the figure cannot be.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            raise MeterError("no window was begun")
        ended = self._read_on_tick()
        window_s = ended.time_s - begun.time_s
        energy_j = math.fsum(
            _joules(zone, window_s, before, after)
            for zone, before, after in zip(self._zones, begun.counters_uj, ended.counters_uj, strict=True)
        )
        return EnergySample(
            origin=Measured,
            energy_j=energy_j,
            wall_s=window_s,
            cpu_s=math.fsum(run.cpu_s for run in runs),
            runs=len(runs) * repeats,
        )

    def close(self) -> None:
        """Hold nothing: the files are opened for each reading."""

    def _read_on_tick(self) -> _Reading:
        # A moving counter is awaited for a millisecond, too short to be worth giving up the thread for.
        first = self._zones[0]
        before = _read(first)
        deadline = time.monotonic() + _TICK_PATIENCE_S
        while _read(first) == before:
            if time.monotonic() > deadline:
                raise MeterError(f"the energy counter of {first.name} stands still; it cannot be trusted")
            time.sleep(_TICK_POLL_S)
        return _Reading(time.monotonic(), tuple(_read(zone) for zone in self._zones))


def find_rapl(root: Path = _POWERCAP) -> Finding:
    """Whether RAPL can be read here, and what to do if not."""
    try:
        meter = RaplMeter(root)
    except MeterError as error:
        here = any(root.glob(_ZONES))
        availability = Availability.LIMITED if here else Availability.MISSING
        return Finding("meter", "rapl", availability, str(error), _GRANT if here else _LOAD)
    return Finding("meter", "rapl", Availability.READY, meter.info.device)


def _find_zones(root: Path) -> tuple[_Zone, ...]:
    try:
        folders = [(_text(folder / "name"), folder) for folder in sorted(root.glob(_ZONES))]
        zones = tuple(
            _Zone(name, folder / "energy_uj", int(_text(folder / "max_energy_range_uj")))
            # Packages first: ticks are awaited on the first zone, and some DRAM counters move rarely.
            for name, folder in sorted(folders, key=lambda each: not each[0].startswith("package"))
            if name.startswith(_COUNTED)
        )
    except (OSError, ValueError) as error:
        raise MeterError(f"the RAPL zones in {root} cannot be read: {error}") from error
    if not zones or not zones[0].name.startswith("package"):
        raise MeterError(f"no RAPL package zone in {root}: a virtual machine, or no driver for it")
    return zones


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _read(zone: _Zone) -> int:
    try:
        return int(_text(zone.counter))
    except PermissionError as error:
        raise MeterError(f"may not read {zone.counter}; grant it with: {_GRANT}") from error
    except (OSError, ValueError) as error:
        raise MeterError(f"the energy counter {zone.counter} cannot be read: {error}") from error


def _joules(zone: _Zone, window_s: float, before_uj: int, after_uj: int) -> float:
    if window_s * _MOST_WATTS > zone.range_uj * _MICRO:
        raise MeterError(
            f"in a window of {window_s:.0f} s the energy counter of {zone.name} may pass its range of "
            f"{zone.range_uj * _MICRO:.0f} J more than once; give the program less work"
        )
    # The counter starts again from 0 at the end of its range.
    used = after_uj - before_uj + (zone.range_uj if after_uj < before_uj else 0)
    watts = used * _MICRO / window_s
    if watts > _MOST_WATTS:
        raise MeterError(f"the energy counter of {zone.name} jumped (as if {watts:.0f} W); measure again")
    return used * _MICRO
