"""Idle power before and after a measurement, and the energy that is net of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic

from .meter import EnergySample, Origin

IDLE_TOLERANCE: Final = 0.10
"""By how much (relative) idle power may move over a measurement without a warning.

A load of three times idle power has a net energy that moves by half of what idle moves; by the mean of
before and after it is off by a quarter: 2.5% of net at a tenth, more than changes that are told apart."""


@dataclass(frozen=True, slots=True)
class Idle(Generic[Origin]):
    """Windows without a run, ``before`` warm-up and ``after`` the last window (None: not taken)."""

    before: EnergySample[Origin]
    after: EnergySample[Origin] | None = None

    @property
    def levels_w(self) -> tuple[float, ...]:
        """Power of each window, W."""
        return tuple(one.energy_j / one.wall_s for one in self.windows)

    @property
    def windows(self) -> tuple[EnergySample[Origin], ...]:
        """The windows that were taken."""
        return (self.before,) if self.after is None else (self.before, self.after)

    @property
    def watts(self) -> float:
        """Idle power, W: the mean of before and after."""
        return sum(self.levels_w) / len(self.levels_w)

    @property
    def moved(self) -> bool:
        """Whether before and after differ by more than :data:`IDLE_TOLERANCE` of the smaller."""
        return max(self.levels_w) > (1 + IDLE_TOLERANCE) * min(self.levels_w)
