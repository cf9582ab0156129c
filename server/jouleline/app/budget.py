"""The time and the energy that a measurement may still take, judged by what its steps took so far."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final

from jouleline.core.meter import EnergySample

_SHARE_FOR_WARM_UP: Final = 0.25


@dataclass(slots=True)
class Budget:
    """Bounds in seconds and joules (None: no bound), and what was spent of them.

    A lap is what is done again and again; ``reserve`` keeps something for what comes after the laps.
    """

    budget_s: float | None = None
    budget_j: float | None = None
    _began: float = field(default_factory=time.monotonic)
    _spent_j: float = 0.0
    _reserve_s: float = 0.0
    _reserve_j: float = 0.0
    _laps: int = 0
    _laps_began: float = field(default_factory=time.monotonic)
    _laps_from_j: float = 0.0

    @property
    def elapsed_s(self) -> float:
        """Since the measurement began, s."""
        return time.monotonic() - self._began

    async def rest(self, seconds: float) -> None:
        """Let time pass, as an idle window does."""
        await asyncio.sleep(seconds)

    def spend(self, sample: EnergySample[Any], unseen_s: float = 0.0) -> None:
        """Count a window, and ``unseen_s`` before it that no meter saw as if they took its power."""
        self._spent_j += sample.energy_j * (1 + unseen_s / sample.wall_s)

    def reserve(self, seconds: float, joules: float) -> None:
        """Keep this much for the end."""
        self._reserve_s, self._reserve_j = seconds, joules

    def start_laps(self) -> None:
        """Laps are counted from here."""
        self._laps, self._laps_began, self._laps_from_j = 0, time.monotonic(), self._spent_j

    def lap(self) -> None:
        """One more lap is done."""
        self._laps += 1

    def is_short_of_another(self) -> bool:
        """Whether one more lap like those so far would exceed a bound."""
        laps = max(self._laps, 1)
        now = time.monotonic()
        lap_s, lap_j = (now - self._laps_began) / laps, (self._spent_j - self._laps_from_j) / laps
        return _exceeds(now - self._began + lap_s + self._reserve_s, self.budget_s) or _exceeds(
            self._spent_j + lap_j + self._reserve_j, self.budget_j
        )

    def is_warm_up_over(self) -> bool:
        """Whether warm-up has had its share of a bound."""
        spent_s = time.monotonic() - self._began
        return _exceeds(spent_s, self.budget_s, _SHARE_FOR_WARM_UP) or _exceeds(
            self._spent_j, self.budget_j, _SHARE_FOR_WARM_UP
        )


def _exceeds(amount: float, bound: float | None, share: float = 1.0) -> bool:
    return bound is not None and amount > share * bound
