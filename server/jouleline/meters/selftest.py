"""Watching a source before it is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from jouleline.core.meter import MeterError, PowerPoint

from .polling import pause
from .readings import Readings
from .trace import contradicts, is_nothing

_MOVEMENTS: Final = 20
_WATCH_S: Final = 2.0
_WATCH_WITHOUT_POWER_S: Final = 0.2
_LONGEST_WATCH_S: Final = 5.0

_POLLING_ONLY: Final = "polling only: no energy counter, so power read ten times a second was integrated"
_AVERAGE: Final = "its power readings are averages, which lag behind the load"
_UNCHECKED: Final = "no power reading to check the counter against"


class ContradictionError(MeterError):
    """Counter and polled power do not agree."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a source turned out to be: ``period_s`` (s) of its slowest counter, None without counters."""

    period_s: float | None
    labels: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Movement:
    time_s: float
    energy_j: float


def examine(readings: Readings) -> Finding:
    """Watch for two seconds, or for up to five while a counter has moved less than twenty times.

    Raises:
        MeterError: when the source cannot be read, or its figures would be doubtful.
    """
    if readings.power() is None and not readings.counters:
        raise MeterError(
            f"{readings.source.device} offers neither an energy counter nor its power, so nothing can be "
            "measured on it; use another meter"
        )
    begun_s = readings.await_movement()
    movements = [[_Movement(one.moved_s, one.energy_j)] for one in readings.counters]
    trace = _watch(readings, begun_s, movements)
    if trace and is_nothing(trace):
        raise MeterError(
            f"{readings.source.device} reads a power of 0 W, which nothing that is switched on takes; "
            "use another meter"
        )
    if not movements:
        averages = (_AVERAGE,) if readings.source.power() is None else ()
        return Finding(None, labels=(_POLLING_ONLY, *averages))
    period_s = max(
        median(after.time_s - before.time_s for before, after in pairwise(one)) for one in movements
    )
    watts = math.fsum(
        (one[-1].energy_j - one[0].energy_j) / (one[-1].time_s - one[0].time_s) for one in movements
    )
    require_agreement(readings.source.device, trace, watts)
    return Finding(period_s, remark="" if trace else _UNCHECKED)


def require_agreement(device: str, trace: list[PowerPoint], watts: float) -> None:
    """Hold the average power (W) that counters gave against the power that was polled meanwhile.

    Raises:
        ContradictionError: when they contradict each other.
    """
    polled = contradicts(trace, watts)
    if polled is not None:
        raise ContradictionError(
            f"the energy counter of {device} gives {watts:.1f} W where its power readings give "
            f"{polled:.1f} W, so one of them is wrong; measure again, and with another meter if it happens "
            "again"
        )


def _watch(readings: Readings, begun_s: float, movements: list[list[_Movement]]) -> list[PowerPoint]:
    trace: list[PowerPoint] = []
    now = begun_s
    while True:
        if not trace or now - trace[-1].time_s >= pause(len(trace)):
            point = readings.power()
            trace += [point] if point else []
        often = all(len(one) > _MOVEMENTS for one in movements)
        enough_s = _WATCH_S if trace else _WATCH_WITHOUT_POWER_S
        if now - begun_s >= (enough_s if often else _LONGEST_WATCH_S):
            return trace
        now = readings.look()
        for counter, one in zip(readings.counters, movements, strict=True):
            if counter.moved_s > one[-1].time_s:
                one.append(_Movement(counter.moved_s, counter.energy_j))
                readings.expect(min(_last_period_s(one) for one in movements))


def _last_period_s(movements: list[_Movement]) -> float:
    return movements[-1].time_s - movements[-2].time_s if len(movements) > 1 else 0.0
