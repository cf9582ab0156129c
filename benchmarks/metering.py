"""What measuring costs: the share of one core that a meter takes while a program runs.

The source is a double whose readings cost nothing, so this is the meter's own part; a vendor's reading adds
``readings_per_s`` times what one takes.
"""

from __future__ import annotations

import math
import time
from typing import Any, Final

from jouleline.core.meter import Conditions, Part
from jouleline.meters.sensor import SensorMeter

WINDOW_S: Final = 10.0
TARGET: Final = 0.01
_WATTS: Final = 200.0
_PERIOD_S: Final = 0.02


class _Double:
    """A test double: 200 W, counted every 20 ms."""

    name = "sensor double"
    device = "Sensor Double 1000"
    driver = ""
    note = "measured: by a test double"
    labels: tuple[str, ...] = ()
    most_watts = 1000.0
    longest_gap_s = math.inf

    def __init__(self) -> None:
        self.readings = 0

    def energy(self) -> tuple[Part, ...]:
        self.readings += 1
        return (Part(self.device, time.monotonic() // _PERIOD_S * _PERIOD_S * _WATTS),)

    def power(self) -> float:
        return _WATTS

    def average_power(self) -> float:
        return _WATTS

    def conditions(self) -> tuple[Conditions, ...]:
        return (Conditions(self.device, 0.0, 1.4e9, 1.6e9, 60.0, (), 0),)

    def close(self) -> None:
        pass


def measure() -> dict[str, Any]:
    source = _Double()
    meter = SensorMeter(source)
    meter.check()
    meter.start()
    source.readings = 0
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    time.sleep(WINDOW_S)
    wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    readings = source.readings
    meter.stop([])
    meter.close()
    share = cpu_s / wall_s
    return {
        "core_share": round(share, 5),
        "target": TARGET,
        "met": share < TARGET,
        "readings_per_s": round(readings / wall_s, 1),
        "window_s": WINDOW_S,
    }
