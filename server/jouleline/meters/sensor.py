"""A meter made of any vendor's sensor, which refuses or labels what it cannot stand behind.

What is refused and what is labelled, and why its figures are what they are: docs/meters.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from jouleline.core.meter import EnergySample, Measured, MeterError, MeterInfo
from jouleline.core.ports import Completed

from .circumstances import warnings_of
from .polling import POLL_S, Background, End, in_thread
from .readings import Clock, Readings, Sleep
from .selftest import ContradictionError, examine, require_agreement
from .source import Source
from .window import Window

_WINDOW_S: Final = 5.0
_PERIODS: Final = 50
_FEWEST_PERIODS: Final = 2


class SensorMeter:
    """Measures with ``source``: by its energy counters, or by polling power where it has none.

    ``clock`` and ``sleep`` count seconds and ``background`` polls during a window; a test gives its own.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        background: Background = in_thread,
    ) -> None:
        """Take over the source, which is closed with the meter."""
        self._source = source
        self._clock = clock
        self._sleep = sleep
        self._background = background
        self._checked = False
        self._window: Window | None = None
        self._end_polling: End | None = None
        self._info = MeterInfo(
            name=source.name,
            device=source.device,
            origin=Measured,
            window_s=_WINDOW_S,
            note=source.note,
            driver=source.driver,
            labels=source.labels,
        )

    @property
    def info(self) -> MeterInfo[Measured]:
        """What is known so far: period, shortest window and labels are certain after :meth:`check`."""
        return self._info

    def check(self) -> MeterInfo[Measured]:
        """Watch the source for two to five seconds: it moves, forwards, plausibly, and as its power says.

        Raises:
            MeterError: when it cannot be read or its figures would be doubtful.
        """
        self._abandon()
        try:
            found = examine(Readings(self._source, self._clock, self._sleep))
        except ContradictionError:
            # An average lags behind a load that ended just before; by now it has settled.
            found = examine(Readings(self._source, self._clock, self._sleep))
        self._info = replace(
            self._info,
            period_s=found.period_s,
            window_s=max(_WINDOW_S, _PERIODS * (found.period_s or POLL_S)),
            labels=(*self._source.labels, *found.labels),
            note="; ".join(filter(None, (self._source.note, found.remark))),
        )
        self._checked = True
        return self._info

    def start(self) -> None:
        """Begin a window on a movement of every counter, after a self-test if there was none yet.

        Raises:
            MeterError: when the source cannot be read or is not to be trusted.
        """
        if not self._checked:
            self.check()
        self._abandon()
        readings = Readings(self._source, self._clock, self._sleep, self._info.period_s)
        self._window = Window(readings, self._info.period_s or POLL_S)
        self._end_polling = self._background(self._window.poll)

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Measured]:
        """End the window on a movement of every counter.

        A window shorter than ``info.window_s`` gives a figure with a warning, one shorter than two periods
        of the counter none.

        Raises:
            MeterError: when no window was begun, or anything seen in it makes its figure doubtful.
        """
        window = self._window
        if window is None:
            raise MeterError("no window was begun")
        self._abandon()
        lasted_s = self._clock() - window.begun_s
        if lasted_s < _FEWEST_PERIODS * (self._info.period_s or POLL_S):
            raise MeterError(f"{self._too_short(lasted_s)}; give the program more work")
        energy_j = window.finish()
        warnings = warnings_of(window.conditions, window.trace)
        if window.wall_s < self._info.window_s:
            warnings = (self._too_short(window.wall_s), *warnings)
        elif window.polled:
            require_agreement(self._info.device, window.trace, energy_j / window.wall_s)
        return EnergySample(
            origin=Measured,
            energy_j=energy_j,
            wall_s=window.wall_s,
            cpu_s=math.fsum(run.cpu_s for run in runs),
            runs=len(runs) * repeats,
            parts=window.parts,
            trace=tuple(window.trace),
            conditions=tuple(window.conditions),
            warnings=warnings,
        )

    def close(self) -> None:
        """End a window that was begun, and let go of the source."""
        self._abandon()
        self._source.close()

    def _abandon(self) -> None:
        end, self._end_polling, self._window = self._end_polling, None, None
        if end is not None:
            end()

    def _too_short(self, wall_s: float) -> str:
        period_s = self._info.period_s
        why = (
            "power that is polled"
            if period_s is None
            else f"a counter that moves every {period_s * 1e3:.3g} ms"
        )
        return f"a window of {wall_s:.2g} s is too short for {why}: it takes {self._info.window_s:.2g} s"
