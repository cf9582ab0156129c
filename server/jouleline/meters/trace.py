"""Arithmetic on power read at moments."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import Final

from jouleline.core.meter import PowerPoint

MOST_APART: Final = 4 / 3
"""The factor beyond which a counter and polled power contradict each other.

Vendors state 5% for a steady load, and an average that lags by half a second is 10% off over a window of
five in which a load began; the faults that have been seen are a factor of 1.7 and more."""

_SURE: Final = 3
"""In standard errors of the polled mean: ten readings a second of a load that comes and goes scatter."""

FEWEST_POINTS: Final = 10


def joules_under(trace: Sequence[PowerPoint]) -> float:
    """The energy (J) of power read at moments in ascending order, by the trapezoid rule."""
    return math.fsum(
        (after.time_s - before.time_s) * (before.watts + after.watts) / 2 for before, after in pairwise(trace)
    )


def contradicts(trace: Sequence[PowerPoint], watts: float) -> float | None:
    """The polled power (W) if ``watts``, the counter's average over the same time, contradicts it.

    None where they agree within a factor of :data:`MOST_APART` or within the scatter of the readings,
    or where there are too few of them to tell.
    """
    if len(trace) < FEWEST_POINTS:
        return None
    polled = joules_under(trace) / (trace[-1].time_s - trace[0].time_s)
    scatter = _SURE * stdev(point.watts for point in trace) / math.sqrt(len(trace))
    apart = max(polled, watts) > MOST_APART * min(polled, watts)
    return polled if apart and abs(polled - watts) > scatter else None


def moved(trace: Sequence[PowerPoint], by_s: float) -> tuple[PowerPoint, ...]:
    """The same readings on a clock that began ``by_s`` s earlier."""
    return tuple(PowerPoint(point.time_s + by_s, point.watts) for point in trace)


def summed(traces: Sequence[Sequence[PowerPoint]]) -> tuple[PowerPoint, ...]:
    """The power of all together at the moments of the first, interpolated in the others.

    Empty when one of them is empty: a sum of some would be mistaken for the whole.
    """
    if not all(traces):
        return ()
    first, *others = traces
    return tuple(
        PowerPoint(point.time_s, point.watts + math.fsum(power_at(other, point.time_s) for other in others))
        for point in first
    )


def power_at(trace: Sequence[PowerPoint], time_s: float) -> float:
    """The power (W) at a moment between two readings; beyond the ends of the trace, that of its end."""
    place = bisect_left(trace, time_s, key=lambda point: point.time_s)
    if place == 0 or place == len(trace):
        return trace[min(place, len(trace) - 1)].watts
    before, after = trace[place - 1], trace[place]
    share = (time_s - before.time_s) / (after.time_s - before.time_s)
    return before.watts + share * (after.watts - before.watts)


def is_nothing(trace: Sequence[PowerPoint]) -> bool:
    """Whether every reading is 0 W, as a device gives that cannot read its power."""
    return fmean(point.watts for point in trace) == 0
