"""Following one energy counter: when it moves, and what no sound counter does."""

from __future__ import annotations

import math
from typing import Final

from jouleline.core.meter import MeterError

LONGEST_STILL_S: Final = 2.0
"""A counter that does not move for so long is frozen: known ones move every 1 to 100 ms, idle or not."""

UNKNOWN_PERIOD_S: Final = 0.1
"""The longest update period known of energy counters, assumed until the true one is measured."""

_AGAIN: Final = "measure again, and with another meter if it happens again"


class Counter:
    """One counter, as it is read again and again from a first reading on.

    ``most_watts`` (W) bounds how fast it may rise and ``longest_gap_s`` (s) how long it may go unread
    before it could have wrapped unseen. ``period_s`` (s) is the time between its movements.
    """

    def __init__(
        self, name: str, time_s: float, energy_j: float, *, most_watts: float, longest_gap_s: float,
        period_s: float = UNKNOWN_PERIOD_S,
    ) -> None:  # fmt: skip
        """Begin with a reading of ``energy_j`` J at ``time_s`` s."""
        self.name = name
        self.energy_j = energy_j
        self.moved_s = time_s
        self._read_s = time_s
        self._most_watts = most_watts
        self._longest_gap_s = longest_gap_s
        self._period_s = period_s

    def read(self, time_s: float, energy_j: float) -> bool:
        """Whether it has moved since the reading before.

        Raises:
            MeterError: when it fell, rose by more than can be, stands still, or went unread for too long.
        """
        used_j = energy_j - self.energy_j
        if time_s - self._read_s > self._longest_gap_s:
            raise MeterError(
                f"the energy counter of {self.name} went unread for {time_s - self._read_s:.1f} s and may "
                "have passed its range more than once; measure again on a machine with less to do"
            )
        self._read_s = time_s
        if used_j < 0:
            raise MeterError(f"the energy counter of {self.name} ran backwards by {-used_j:.3g} J; {_AGAIN}")
        still_s = time_s - self.moved_s
        # A reading comes up to a period after the moment up to which the counter has counted.
        watts = used_j / (still_s + self._period_s)
        if not (math.isfinite(energy_j) and watts <= self._most_watts):
            raise MeterError(
                f"the energy counter of {self.name} jumped by {used_j:.3g} J, as if at more than the "
                f"{self._most_watts:.0f} W that can be; {_AGAIN}"
            )
        if used_j == 0:
            if still_s > max(LONGEST_STILL_S, 10 * self._period_s):
                raise MeterError(
                    f"the energy counter of {self.name} stands still, for {still_s:.1f} s by now; restart "
                    "the device's driver or measure with another meter"
                )
            return False
        self.energy_j = energy_j
        self.moved_s = time_s
        return True
