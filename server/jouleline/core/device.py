"""What a device can do at best: its peaks, bandwidths, memories and powers, each with its source.

Pure values; reading them from files or from the host is the work of `jouleline.devices`.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Vendor = Literal["nvidia", "amd", "cpu"]
OperationKind = Literal["sp", "dp", "int"]
RidgeKind = Literal["sp", "dp", "int", "tensor"]


class Provenance(StrEnum):
    """How a figure became known, best first."""

    MEASURED = "measured"
    """Measured on, or reported by, the very device."""
    VERIFIED = "verified"
    """Read in the vendor's own document."""
    SECONDARY = "secondary"
    """Read in somebody else's document."""
    DERIVED = "derived"
    """Computed from other figures; the source states the formula."""
    ASSUMED = "assumed"
    """Taken for granted; the source states why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that says where it came from.

    `unit` is "1", "Hz", "FLOP/s", "op/s", "B/s", "B" or "W". `source` is a citation a reader can
    follow, a formula for a derived figure, or the reason for an assumed one.

    Raises ValueError when the value is not finite or negative, or the source is empty.
    """

    value: float
    unit: str
    provenance: Provenance
    source: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.value) or self.value < 0:
            raise ValueError(f"a figure must be finite and not negative, not {self.value!r}")
        if not self.source.strip():
            raise ValueError("a figure must name its source")


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU (for a GPU of several dies with separate memories: one die), or a host's CPU.

    Peaks are vendor peaks at the boost clock with FMA counted as 2 FLOP; achieved fractions are
    the business of whoever models time. `target` is the compiler's name for the instruction set
    ("sm_86", "gfx90a", "x86-64").

    Raises ValueError when a figure is in another unit than `FIGURE_UNITS` says, or when a
    figure that divides another (bandwidth, clock, multiprocessors) is zero.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    vendor: Vendor
    architecture: str
    target: str

    multiprocessors: Figure
    """Streaming multiprocessors, compute units, or a CPU's cores (1)."""
    warp_size: Figure
    """Threads in a warp or wavefront; on a CPU the fp32 SIMD lanes (1)."""
    clock_hz: Figure
    """Boost clock (Hz)."""
    sp_flop_per_s: Figure
    """fp32 vector peak (FLOP/s)."""
    dp_flop_per_s: Figure
    """fp64 vector peak (FLOP/s)."""
    int_op_per_s: Figure
    """int32 peak (op/s): lanes x multiprocessors x clock x 2, an instruction counting once."""
    dram_bytes_per_s: Figure
    """DRAM bandwidth (B/s)."""
    dram_bytes: Figure
    """DRAM capacity (B)."""
    l2_bytes: Figure
    """L2 capacity (B); on a CPU summed over the cores."""
    tdp_w: Figure
    """Power the device may draw over time (W)."""
    half_flop_per_s: Figure | None = None
    """fp16 vector peak (FLOP/s), None where unknown."""
    tensor_flop_per_s: Figure | None = None
    """Dense fp16 matrix peak with fp32 accumulation (FLOP/s), None without such units."""
    llc_bytes: Figure | None = None
    """Cache between L2 and DRAM: Infinity Cache, a CPU's L3 (B)."""
    shared_bytes_per_multiprocessor: Figure | None = None
    """Shared memory or LDS of a multiprocessor, the largest configuration (B)."""
    idle_w: Figure | None = None
    """Power at idle (W)."""

    def __post_init__(self) -> None:
        for field, unit in FIGURE_UNITS.items():
            figure: Figure | None = getattr(self, field)
            if figure is not None and figure.unit != unit:
                raise ValueError(f"{field} must be in {unit}, not {figure.unit}")
        for field in ("multiprocessors", "warp_size", "clock_hz", "dram_bytes_per_s"):
            if getattr(self, field).value == 0:
                raise ValueError(f"{field} must not be zero")

    def figures(self) -> dict[str, Figure]:
        """The known figures by attribute name, in the order of the attributes."""
        known = ((field, getattr(self, field)) for field in FIGURE_UNITS)
        return {field: figure for field, figure in known if figure is not None}

    @overload
    def peak(self, kind: OperationKind) -> Figure: ...
    @overload
    def peak(self, kind: RidgeKind) -> Figure | None: ...
    def peak(self, kind: RidgeKind) -> Figure | None:
        """Peak rate of a class of operations (FLOP/s or op/s); None without tensor units."""
        return {
            "sp": self.sp_flop_per_s,
            "dp": self.dp_flop_per_s,
            "int": self.int_op_per_s,
            "tensor": self.tensor_flop_per_s,
        }[kind]

    @overload
    def ridge(self, kind: OperationKind) -> float: ...
    @overload
    def ridge(self, kind: RidgeKind) -> float | None: ...
    def ridge(self, kind: RidgeKind) -> float | None:
        """Ridge point, peak / DRAM bandwidth (op/byte); None without tensor units."""
        peak = self.peak(kind)
        return None if peak is None else peak.value / self.dram_bytes_per_s.value


FIGURE_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "multiprocessors": "1",
        "warp_size": "1",
        "clock_hz": "Hz",
        "sp_flop_per_s": "FLOP/s",
        "dp_flop_per_s": "FLOP/s",
        "int_op_per_s": "op/s",
        "half_flop_per_s": "FLOP/s",
        "tensor_flop_per_s": "FLOP/s",
        "dram_bytes_per_s": "B/s",
        "dram_bytes": "B",
        "l2_bytes": "B",
        "llc_bytes": "B",
        "shared_bytes_per_multiprocessor": "B",
        "tdp_w": "W",
        "idle_w": "W",
    }
)
"""Every figure of a `Device` and the one unit it is kept in."""


class UnknownDevice(LookupError):  # noqa: N818 - named by what went wrong
    """No device goes by this name; the message is one sentence that offers close ones."""

    def __init__(self, name: str, close: tuple[str, ...]) -> None:
        self.name = name
        self.close = close
        hint = f": did you mean {' or '.join(close)}?" if close else ";"
        super().__init__(f'unknown GPU "{name}"{hint} `jouleline devices` lists all')


class DuplicateDevice(ValueError):  # noqa: N818 - named by what went wrong
    """Two devices claim one name; `device_id` is the later of the two."""

    def __init__(self, name: str, device_id: str, owner_id: str) -> None:
        self.name = name
        self.device_id = device_id
        self.owner_id = owner_id
        super().__init__(f'the name "{name}" of device {device_id} already belongs to {owner_id}')


# Drivers print these before the model ("NVIDIA GeForce RTX 3080", "AMD Instinct MI210").
_BRANDS = ("nvidia", "amd", "geforce", "tesla", "instinct")
_SEPARATORS = re.compile(r"[\W_]+")


def normalise(name: str) -> str:
    """The form in which device names are compared: no case, no separators, no leading brand."""
    key = _SEPARATORS.sub("", name.casefold())
    while brand := next((b for b in _BRANDS if key.startswith(b) and key != b), None):
        key = key.removeprefix(brand)
    return key


class Catalogue:
    """Devices by id and alias; iterates in the order given.

    Raises DuplicateDevice when two devices share an id or an alias.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self._devices: dict[str, Device] = {}
        self._names: dict[str, str] = {}
        for device in devices:
            if device.id in self._devices:
                raise DuplicateDevice(device.id, device.id, device.id)
            self._devices[device.id] = device
            for name in (device.id, *device.aliases):
                owner = self._names.setdefault(normalise(name), device.id)
                if owner != device.id:
                    raise DuplicateDevice(name, device.id, owner)

    def get(self, id_or_alias: str) -> Device:
        """The device of that id or alias, in any case and with any separators.

        Raises UnknownDevice.
        """
        device_id = self._names.get(normalise(id_or_alias))
        if device_id is None:
            raise UnknownDevice(id_or_alias, self._close(id_or_alias))
        return self._devices[device_id]

    def _close(self, name: str) -> tuple[str, ...]:
        keys = difflib.get_close_matches(normalise(name), self._names, n=3, cutoff=0.7)
        return tuple(dict.fromkeys(self._names[key] for key in keys))

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)
