"""A source read on a clock: its counters followed, its power held against what can be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from jouleline.core.meter import MeterError, Part, PowerPoint

from .counter import UNKNOWN_PERIOD_S, Counter
from .source import Source

Clock = Callable[[], float]
Sleep = Callable[[float], None]

# How often a counter is looked at while a movement is awaited: at most 1 ms off at both ends of 5 s.
_LOOKS_A_PERIOD: Final = 20
_SHORTEST_LOOK_S: Final = 0.0001
_LONGEST_LOOK_S: Final = 0.001


class Readings:
    """Reads ``source`` from now on.

    ``clock`` and ``sleep`` count seconds; ``period_s`` (s) is the time between movements of a counter, None
    while it is unknown. ``counters`` is empty for a source without.
    """

    def __init__(self, source: Source, clock: Clock, sleep: Sleep, period_s: float | None = None) -> None:
        """Read the counters for the first time.

        Raises:
            MeterError: when they cannot be read.
        """
        self.source = source
        self.clock = clock
        self._sleep = sleep
        self.expect(period_s or 0.0)
        parts = source.energy() or ()
        now = clock()
        self.counters = tuple(
            Counter(
                part.name,
                now,
                part.energy_j,
                most_watts=source.most_watts,
                longest_gap_s=source.longest_gap_s,
                period_s=period_s or UNKNOWN_PERIOD_S,
            )
            for part in parts
        )

    def expect(self, period_s: float) -> None:
        """Look as often as a counter deserves that moves every ``period_s`` s."""
        self._look_s = min(max(period_s / _LOOKS_A_PERIOD, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What each counter stood at when it last moved, J."""
        return tuple(Part(one.name, one.energy_j) for one in self.counters)

    def read(self) -> float:
        """Read the counters; the time at which it was done, s.

        Raises:
            MeterError: when one cannot be read, or did what no sound counter does.
        """
        parts = self.source.energy() or ()
        now = self.clock()
        if [part.name for part in parts] != [one.name for one in self.counters]:
            raise MeterError(
                f"the counters of {self.source.device} are not the same as a moment ago: a device was lost "
                "or added; measure again"
            )
        for counter, part in zip(self.counters, parts, strict=True):
            counter.read(now, part.energy_j)
        return now

    def look(self) -> float:
        """Wait as long as a movement of a counter may be overlooked, then :meth:`read`."""
        self._sleep(self._look_s)
        return self.read()

    def await_movement(self) -> float:
        """Read until every counter has moved; when the last one did, s. Without counters, now.

        Raises:
            MeterError: as :meth:`read`; a counter that stands still is such a case.
        """
        now = self.read()
        stood = [one.moved_s for one in self.counters]
        while any(one.moved_s == before for one, before in zip(self.counters, stood, strict=True)):
            now = self.look()
        return now

    def power(self) -> PowerPoint | None:
        """Power now, or the average that the device tells instead; None where it tells neither.

        Raises:
            MeterError: when it cannot be read or cannot be true.
        """
        watts = self.source.power()
        if watts is None:
            watts = self.source.average_power()
        if watts is None:
            return None
        most = self.source.most_watts * max(1, len(self.counters))
        if not (math.isfinite(watts) and 0 <= watts <= most):
            raise MeterError(
                f"{self.source.device} reads a power of {watts:.0f} W, which cannot be (0 to {most:.0f} W): "
                "measure again, and with another meter if it happens again"
            )
        return PowerPoint(self.clock(), watts)
