"""One window while it is open: the counters at its beginning, and what polling saw since."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from jouleline.core.meter import Conditions, Part, PowerPoint

from .polling import POLL_S, pause
from .readings import Readings
from .trace import joules_under

_CONDITIONS_S: Final = 0.5
# A power computed from a counter's movements is off by up to one of them.
_MOVEMENTS_A_POINT: Final = 10
_POLLS_A_GAP: Final = 4
# From then on polls are as many as there were before in any doubling of the time: memory stays bounded over a
# search of hours, and ten thousand polls are enough for a mean.
_DENSE_S: Final = 1000.0


class Window:
    """Begins on a movement of every counter of ``readings``. Times are seconds since then.

    ``polled`` tells whether ``trace`` is power that the device told; else the counters gave it.
    """

    def __init__(self, readings: Readings, period_s: float) -> None:
        """Await the movement.

        Raises:
            MeterError: when the source cannot be read or is not to be trusted.
        """
        self._readings = readings
        self._period_s = period_s
        self.begun_s = readings.await_movement()
        self._before = readings.parts
        self.wall_s = 0.0
        self.parts: tuple[Part, ...] = ()
        self.trace: list[PowerPoint] = []
        self.conditions: list[Conditions] = []
        self._polls = 0
        self._moved = [(one.moved_s, one.energy_j) for one in readings.counters]
        self._failure: Exception | None = None
        self.polled = False
        self._see()

    def poll(self) -> float | None:
        """Read everything once; the seconds until it is due again, or None after a failure."""
        try:
            self._readings.read()
            self._see()
        except Exception as error:  # noqa: BLE001 - raised again by finish, which has a caller
            self._failure = error
            return None
        self._polls += 1
        sparser = max(1.0, (self._readings.clock() - self.begun_s) / _DENSE_S)
        return min(sparser * pause(self._polls), self._readings.source.longest_gap_s / _POLLS_A_GAP)

    def finish(self) -> float:
        """End the window on a movement of every counter; its energy, J.

        Raises:
            MeterError: when anything that was seen in it makes its figure doubtful.
        """
        if self._failure is not None:
            raise self._failure
        self.wall_s = self._readings.await_movement() - self.begun_s
        self._see(last=True)
        if self._before:
            self.parts = tuple(
                Part(before.name, after.energy_j - before.energy_j)
                for before, after in zip(self._before, self._readings.parts, strict=True)
            )
        else:
            self.wall_s = self.trace[-1].time_s - self.trace[0].time_s
            self.parts = (Part(self._readings.source.device, joules_under(self.trace)),)
        return math.fsum(part.energy_j for part in self.parts)

    def _see(self, *, last: bool = False) -> None:
        point = self._readings.power()
        self.polled = point is not None
        point = point or self._derived()
        if point is not None:
            self.trace.append(PowerPoint(point.time_s - self.begun_s, point.watts))
        now = self._readings.clock() - self.begun_s
        if last or not self.conditions or now - self.conditions[-1].time_s >= _CONDITIONS_S:
            self.conditions += [replace(one, time_s=now) for one in self._readings.source.conditions()]

    def _derived(self) -> PowerPoint | None:
        moved = [(one.moved_s, one.energy_j) for one in self._readings.counters]
        least_s = max(POLL_S / 2, _MOVEMENTS_A_POINT * self._period_s)
        pairs = list(zip(self._moved, moved, strict=True))
        if not pairs or any(after_s - before_s < least_s for (before_s, _), (after_s, _) in pairs):
            return None
        self._moved = moved
        watts = math.fsum((after_j - before_j) / (after_s - before_s)
                          for (before_s, before_j), (after_s, after_j) in pairs)  # fmt: skip
        (before_s, _), (after_s, _) = pairs[0]
        return PowerPoint((before_s + after_s) / 2, watts)
