"""Processor and memory energy from RAPL, read through Linux's powercap files.

The counters (uJ) of the package and DRAM zones are counted; the core and uncore zones are parts of a
package and psys holds it, so neither is. Layout, units and wrap-around:
https://docs.kernel.org/power/powercap/powercap.html
"""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jouleline.core.meter import Conditions, Part
from jouleline.core.ports import Availability, Finding

from .errors import SourceError

_POWERCAP: Final = Path("/sys/class/powercap")
_GRANT: Final = "sudo chmod a+r {root}/intel-rapl:*/energy_uj"
_LOG: Final = "look at the kernel's log (sudo dmesg)"
_LOAD: Final = "on a real machine: sudo modprobe intel_rapl_msr; a virtual machine has none"
# AMD's zones carry the same prefix; intel-rapl-mmio would count the same package twice.
_ZONES: Final = "intel-rapl:*"
_PACKAGE: Final = "package"
_COUNTED: Final = (_PACKAGE, "dram")
_MICRO: Final = 1e-6


@dataclass(frozen=True, slots=True)
class _Zone:
    name: str
    counter: Path
    range_uj: int


class RaplSource:
    """The energy of all sockets and their memory, whoever uses them.

    ``root`` is the powercap folder.
    """

    name: str = "rapl"
    # More than any socket takes.
    most_watts: float = 1500.0

    def __init__(self, root: Path = _POWERCAP) -> None:
        """Find the zones.

        Raises:
            MeterError: when there are none or they may not be read.
        """
        self._root = root
        found = _find_zones(root)
        counts = [(zone, self._read(zone)) for zone in found]
        # Some processors show a zone for memory and never count in it.
        idle = tuple(zone for zone, count in counts if count == 0 and not zone.name.startswith(_PACKAGE))
        self._zones = tuple(zone for zone in found if zone not in idle)
        self._before_uj = [count for zone, count in counts if zone not in idle]
        self._total_uj = [0 for _ in self._zones]
        self.device = ", ".join(zone.name for zone in self._zones)
        self.driver = f"Linux {platform.release()} powercap"
        self.note = (
            f"measured: RAPL counters of {self.device}; other programs' energy is in it, a GPU's is not"
        )
        self.labels = tuple(f"{zone.name} is not in it: its counter has never moved" for zone in idle)
        self.longest_gap_s = min(zone.range_uj for zone in self._zones) * _MICRO / self.most_watts

    def energy(self) -> tuple[Part, ...]:
        """What each zone used since the source was made, through any wrap-around, J.

        Raises:
            MeterError: when a counter cannot be read.
        """
        for place, zone in enumerate(self._zones):
            now_uj = self._read(zone)
            # The counter starts again from 0 at the end of its range.
            self._total_uj[place] += (now_uj - self._before_uj[place]) % zone.range_uj
            self._before_uj[place] = now_uj
        return tuple(
            Part(zone.name, total * _MICRO) for zone, total in zip(self._zones, self._total_uj, strict=True)
        )

    def power(self) -> None:
        """RAPL tells energy alone."""

    def average_power(self) -> None:
        """RAPL tells energy alone."""

    def conditions(self) -> tuple[Conditions, ...]:
        """Nothing is seen of the processor's state."""
        return ()

    def close(self) -> None:
        """Hold nothing: the files are opened for each reading."""

    def _read(self, zone: _Zone) -> int:
        try:
            return int(_text(zone.counter))
        except PermissionError as error:
            raise SourceError(f"may not read {zone.counter}", _grant(self._root)) from error
        except (OSError, ValueError) as error:
            raise SourceError(f"the energy counter {zone.counter} cannot be read: {error}", _LOG) from error


def find_rapl(root: Path = _POWERCAP) -> Finding:
    """Whether RAPL can be read here, and what to do if not."""
    try:
        source = RaplSource(root)
    except SourceError as error:
        here = any(root.glob(_ZONES))
        availability = Availability.LIMITED if here else Availability.MISSING
        return Finding("meter", "rapl", availability, error.what, error.remedy)
    return Finding("meter", "rapl", Availability.READY, source.device)


def _grant(root: Path) -> str:
    return _GRANT.format(root=root)


def _find_zones(root: Path) -> tuple[_Zone, ...]:
    try:
        folders = [(_text(folder / "name"), folder) for folder in sorted(root.glob(_ZONES))]
        counted = [(name, folder) for name, folder in folders if name.startswith(_COUNTED)]
        often = Counter(name for name, _ in counted)
        zones = tuple(
            _Zone(
                # Every socket's memory is called dram.
                name if often[name] == 1 else f"{name} ({folder.name})",
                folder / "energy_uj",
                int(_text(folder / "max_energy_range_uj")),
            )
            for name, folder in counted
        )
    except (OSError, ValueError) as error:
        raise SourceError(f"the RAPL zones in {root} cannot be read: {error}", _LOG) from error
    if not any(zone.name.startswith(_PACKAGE) for zone in zones):
        raise SourceError(f"no RAPL package zone in {root}: a virtual machine, or no driver for it", _LOAD)
    unsound = [zone.name for zone in zones if zone.range_uj <= 0]
    if unsound:
        raise SourceError(f"the RAPL zone {unsound[0]} in {root} has no range", "update the kernel")
    return zones


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
