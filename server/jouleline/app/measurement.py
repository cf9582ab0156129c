"""The values of a measurement: how much to measure, how far it is, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic

from jouleline.core.cautions import cautions
from jouleline.core.energy import (
    CONTROL_BLOCKS,
    MINIMUM_EFFECT,
    Arm,
    Comparison,
    EnergyVerdict,
    Summary,
    summarise,
)
from jouleline.core.idle import Idle
from jouleline.core.interval import Estimate
from jouleline.core.meter import EnergySample, MeterInfo, Origin


class MeasurementError(RuntimeError):
    """A program could not be measured; the message says which run failed and how."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure.

    ``budget_s`` (s) and ``budget_j`` (J) bound the whole measurement (None: no bound but the protocol's
    own), although a comparison always takes one block. Warm-up lasts until two windows in succession differ
    by less than ``flat`` (relative), at most ``warm_up_windows``. ``windows`` is for a single program;
    ``delta`` is the relative change that matters. ``control`` blocks of the baseline against itself come
    first (0: none): where the noise floor that they show is larger, it takes the place of ``delta``.
    ``idle_s`` is the shortest idle window (s), before and after; 0 leaves idle out, as do meters that model.

    Raises:
        ValueError: when there are too few control blocks for a noise floor.
    """

    budget_s: float | None = None
    budget_j: float | None = None
    warm_up_windows: int = 5
    flat: float = 0.02
    windows: int = 8
    delta: float = MINIMUM_EFFECT
    control: int = 0
    idle_s: float = 5.0

    def __post_init__(self) -> None:
        """Refuse a control that says nothing."""
        if 0 < self.control < CONTROL_BLOCKS:
            raise ValueError(
                f"{self.control} blocks of the baseline against itself give no noise floor; "
                f"take at least {CONTROL_BLOCKS}, or none"
            )


class Phase(StrEnum):
    """What a measurement is doing, in words for the user and in the order of time."""

    WAITING = "waiting for another measurement"
    CHECK = "checking the meter"
    IDLE_BEFORE = "idle before"
    WARM_UP = "warm-up"
    CONTROL = "baseline against itself"
    MEASURING = "measuring"
    IDLE_AFTER = "idle after"


_SHARES: Final = {
    Phase.WAITING: (0.0, 0.0),
    Phase.CHECK: (0.0, 0.03),
    Phase.IDLE_BEFORE: (0.03, 0.05),
    Phase.WARM_UP: (0.05, 0.2),
    Phase.CONTROL: (0.2, 0.4),
    Phase.MEASURING: (0.4, 0.98),
    Phase.IDLE_AFTER: (0.98, 1.0),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement is: ``done`` of at most ``of`` windows (one program) or blocks (two).

    ``energy_ratio`` is the comparison's current figure with its interval, ``next_look`` the number of
    blocks at which the next decision falls; ``joules`` (J a run) is the current figure of one program.
    """

    phase: Phase
    done: int = 0
    of: int = 1
    energy_ratio: Estimate | None = None
    next_look: int | None = None
    joules: Estimate | None = None

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1 and never less than before."""
        start, end = _SHARES[self.phase]
        return start + (end - start) * min(1.0, self.done / max(1, self.of))


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Window(Generic[Origin]):
    """A window that was taken, and its place: ``block`` counts windows (one program) or blocks from 1.

    ``time_s`` is when it began, s since the measurement did. ``arm`` is None for idle windows; within the
    control both arms are the baseline.
    """

    phase: Phase
    time_s: float
    sample: EnergySample[Origin]
    arm: Arm | None = None
    block: int | None = None


Observe = Callable[[Window[Any]], None]
"""Is shown every window as soon as it is taken."""


@dataclass(frozen=True, slots=True)
class Measurement(Generic[Origin]):
    """Every window taken of one program, those of the warm-up apart. ``idle`` is None for modelled joules."""

    meter: MeterInfo[Origin]
    runner: str
    warm_up: tuple[EnergySample[Origin], ...]
    samples: tuple[EnergySample[Origin], ...]
    idle: Idle[Origin] | None
    plan: Plan

    @property
    def summary(self) -> Summary:
        """What one run takes."""
        return summarise(self.samples, self.idle)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the figures must know, one sentence each."""
        return cautions(self.meter, self.samples, self.idle)


@dataclass(frozen=True, slots=True)
class EnergyComparison(Generic[Origin]):
    """A comparison with all that is needed to record and to repeat it."""

    comparison: Comparison[Origin]
    runner: str
    seed: int
    baseline_warm_up: tuple[EnergySample[Origin], ...]
    candidate_warm_up: tuple[EnergySample[Origin], ...]
    plan: Plan

    @property
    def verdict(self) -> EnergyVerdict:
        """What the comparison says of the candidate."""
        return self.comparison.verdict

    @property
    def reduction(self) -> Estimate:
        """The share of the baseline's energy that the candidate saves."""
        return self.comparison.reduction

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the figures must know, one sentence each."""
        plan, comparison = self.plan, self.comparison
        short = plan.control > 0 and comparison.noise_floor is None
        floor = ("the budget ended the control, so the noise floor is not known",) if short else ()
        return (*comparison.warnings, *floor)
