"""A double of AMD's Python binding ``amdsmi``, as far as we call it; it measures nothing.

Its functions, keys, units and errors are those of the real one; what they answer is scripted on
:class:`GpuDouble`, and time is virtual. The names it gives say that it is a double.
"""

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType
from typing import Any, NoReturn

import pytest

NOT_SUPPORTED = 2
IO = 12
NO_PERMISSION = 10
DRIVER_NOT_LOADED = 34
BUSY = 30

RESOLUTION_UJ = 15.259
_PERIOD_S = 0.01


class AmdSmiException(Exception):  # noqa: N818 - the real one's name
    pass


class AmdSmiLibraryException(AmdSmiException):
    def __init__(self, err_code: int) -> None:
        super().__init__(err_code)
        self.err_code = err_code

    def get_error_info(self) -> str:
        return f"AMDSMI_STATUS_{self.err_code} - said by the test double"


class AmdSmiClkType(IntEnum):
    GFX = 1
    MEM = 4


class AmdSmiTemperatureType(IntEnum):
    HOTSPOT = 1


class AmdSmiTemperatureMetric(IntEnum):
    CURRENT = 0


@dataclass
class GpuDouble:
    """One GPU. ``power`` is W from each second on.

    ``counter`` makes of the true energy (J at a second) and the time what the accumulator shows, ``sensor``
    of the true power what is told; ``failing`` are functions with the code of their error.
    """

    power: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 100.0)])
    counter: Callable[[Callable[[float], float], float], float] = lambda energy, now: energy(now)
    sensor: Callable[[float], float] = lambda watts: watts
    name: str = "AMD D1 (test double)"
    told: tuple[str, ...] = ("current_socket_power",)
    energy_key: str = "energy_accumulator"
    partition: str = "SPX"
    cap: dict[str, float] = field(default_factory=lambda: {"power_cap": 500e6, "max_power_cap": 750e6})
    metrics: dict[str, object] = field(default_factory=dict)
    processes: list[Any] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)
    serial: str = ""

    def energy_j(self, until: float) -> float:
        ends = [*(time for time, _ in self.power[1:]), float("inf")]
        return sum(
            watts * max(0.0, min(end, until) - start)
            for (start, watts), end in zip(self.power, ends, strict=True)
        )

    def watts(self, now: float) -> float:
        return [watts for time, watts in self.power if time <= now][-1]


class AmdSmiDouble(ModuleType):
    """The module; ``now`` and ``advance`` are its clock (s), ``users`` its initialisations."""

    AmdSmiException = AmdSmiException
    AmdSmiLibraryException = AmdSmiLibraryException
    AmdSmiClkType = AmdSmiClkType
    AmdSmiTemperatureType = AmdSmiTemperatureType
    AmdSmiTemperatureMetric = AmdSmiTemperatureMetric
    __version__ = "double 0"

    def __init__(self) -> None:
        super().__init__("amdsmi")
        self.gpus = [GpuDouble()]
        self.users = 0
        self.init_code = 0
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def restart(self) -> None:
        """Begin at second 0 again."""
        self._now = 0.0

    def _gpu(self, handle: int, function: str) -> GpuDouble:
        gpu = self.gpus[handle]
        code = gpu.failing.get(function) or gpu.failing.get("*")
        return self._fail(code) if code else gpu

    def _fail(self, code: int) -> NoReturn:
        raise AmdSmiLibraryException(code)

    def amdsmi_init(self) -> None:
        if self.init_code:
            self._fail(self.init_code)
        self.users += 1

    def amdsmi_shut_down(self) -> None:
        self.users = 0

    def amdsmi_get_processor_handles(self) -> list[int]:
        if not self.users:
            self._fail(32)
        return list(range(len(self.gpus)))

    def amdsmi_get_gpu_asic_info(self, handle: int) -> dict[str, object]:
        gpu = self._gpu(handle, "asic")
        return {"market_name": gpu.name, "asic_serial": gpu.serial or f"0x00000000000000D{handle}"}

    def amdsmi_get_gpu_device_uuid(self, handle: int) -> str:
        self._gpu(handle, "uuid")
        return f"d{handle}ff0000-0000-1000-8000-double00000{handle}"

    def amdsmi_get_gpu_compute_partition(self, handle: int) -> str:
        return self._gpu(handle, "partition").partition

    def amdsmi_get_power_cap_info(self, handle: int) -> dict[str, float]:
        return self._gpu(handle, "cap").cap

    def amdsmi_get_gpu_driver_info(self, handle: int) -> dict[str, str]:
        self._gpu(handle, "driver")
        return {"driver_name": "amdgpu", "driver_version": "double 0", "driver_date": "N/A"}

    def amdsmi_get_energy_count(self, handle: int) -> dict[str, float]:
        gpu = self._gpu(handle, "energy")
        tick = int(self._now / _PERIOD_S + 1e-6) * _PERIOD_S
        counted = int(gpu.counter(gpu.energy_j, tick) * 1e6 / RESOLUTION_UJ)
        return {gpu.energy_key: counted, "counter_resolution": RESOLUTION_UJ, "timestamp": 0}

    def amdsmi_get_power_info(self, handle: int) -> dict[str, object]:
        gpu = self._gpu(handle, "power")
        keys = ("current_socket_power", "average_socket_power")
        return {key: int(gpu.sensor(gpu.watts(self._now))) if key in gpu.told else "N/A" for key in keys}

    def amdsmi_get_clock_info(self, handle: int, kind: IntEnum) -> dict[str, object]:
        self._gpu(handle, "clock")
        return {"clk": 1300 if kind.name == AmdSmiClkType.MEM.name else 2100, "max_clk": 2100}

    def amdsmi_get_temp_metric(self, handle: int, sensor: IntEnum, metric: IntEnum) -> int:
        self._gpu(handle, "temperature")
        return 55

    def amdsmi_get_gpu_metrics_info(self, handle: int) -> dict[str, object]:
        return self._gpu(handle, "metrics").metrics

    def amdsmi_get_gpu_process_list(self, handle: int) -> list[Any]:
        return self._gpu(handle, "processes").processes


def install(patch: pytest.MonkeyPatch) -> AmdSmiDouble:
    """Have ``import amdsmi`` find a double."""
    double = AmdSmiDouble()
    patch.setitem(sys.modules, "amdsmi", double)
    return double


def steps(*watts: float, each_s: float) -> list[tuple[float, float]]:
    """Power that changes every ``each_s`` seconds."""
    return list(zip(itertools.count(0.0, each_s), watts, strict=False))
