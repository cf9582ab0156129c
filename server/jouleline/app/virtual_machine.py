"""A simulated GPU, its energy counter and the programs on it, in a time of their own.

The study of the protocol (docs/energy.md) runs the real protocol on it, with the real meter.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jouleline.core.meter import Conditions, Part
from jouleline.core.ports import Completed, Job

IDLE_W: Final = 60.0
LOAD_W: Final = 300.0
RUN_S: Final = 6.0
"""What a run takes: longer than the shortest window, so that each window is one run."""

LATENCY_S: Final = 0.05
"""Between the begin of a window and the load, and after it: starting a process and a context."""

DEVICE: Final = "simulated GPU"
BASELINE: Final = "baseline"
CANDIDATE: Final = "candidate"

_WARM_UP_DRIFT: Final = 0.03
_WARM_UP_S: Final = 10 * RUN_S
_LINEAR_DRIFT: Final = 0.05
_LINEAR_S: Final = 80 * RUN_S

# A meter that awaits a movement of the counter looks at least so often. All of its looks but the last see
# nothing, so simulated time may leap over them.
_LONGEST_LOOK_S: Final = 0.001


class Drift(StrEnum):
    """How power drifts: not, by 3% that die away within ten windows, or by 5% over all twenty blocks."""

    NONE = "none"
    WARM_UP = "warm-up"
    LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class Setting:
    """A world to simulate.

    ``noise`` is the standard deviation of the logarithm of a run's energy, ``period_s`` (s) the time
    between movements of the counter, ``effect`` the true change of the candidate's energy (-0.02: 2% less).
    """

    noise: float
    drift: Drift
    period_s: float
    effect: float


class VirtualMachine:
    """A GPU with a counter that moves once a period; it is also the meter's source and the runner."""

    guarantees: tuple[str, ...] = ()
    device = DEVICE
    driver = ""
    note = "measured: simulated, for the study of the protocol"
    labels = ("simulated",)
    most_watts = 10 * LOAD_W
    longest_gap_s = math.inf

    def __init__(self, setting: Setting, chance: random.Random) -> None:
        """Begin at time 0 with a counter whose next movement is anywhere within its period."""
        self._setting = setting
        self._chance = chance
        self._now = 0.0
        self._joules = 0.0
        self._counted = 0.0
        self._next = chance.random() * setting.period_s

    @property
    def name(self) -> str:
        """Its name as a source and as a runner: nobody may take it for a real one."""
        return "simulation"

    def clock(self) -> float:
        """The simulated time, s."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass; looks for a movement of the counter that would see none are passed over."""
        looks = 1
        if 0 < seconds <= _LONGEST_LOOK_S:
            looks = max(1, math.ceil((self._next - self._now) / seconds))
        self._pass(looks * seconds, IDLE_W)

    def energy(self) -> tuple[Part, ...]:
        """The counter: energy as it was when the counter last moved."""
        return (Part(DEVICE, self._counted),)

    def power(self) -> None:
        """Nothing: the counter is what is studied."""

    def average_power(self) -> None:
        """Nothing, as :meth:`power`."""

    def conditions(self) -> tuple[Conditions, ...]:
        """Nothing that could warn."""
        return ()

    def close(self) -> None:
        """Hold nothing."""

    async def run(self, job: Job) -> Completed:
        """Run the baseline or, where the job's command names it, the candidate."""
        change = self._setting.effect if CANDIDATE in job.command else 0.0
        watts = LOAD_W * (1 + change) * math.exp(self._chance.gauss(0, self._setting.noise)) * self._drift()
        self._pass(LATENCY_S, IDLE_W)
        self._pass(RUN_S, watts)
        self._pass(LATENCY_S, IDLE_W)
        wall_s = RUN_S + 2 * LATENCY_S
        return Completed(0, b"", b"", wall_s, wall_s)

    def _drift(self) -> float:
        match self._setting.drift:
            case Drift.NONE:
                return 1.0
            case Drift.WARM_UP:
                return 1 + _WARM_UP_DRIFT * math.exp(-self._now / _WARM_UP_S)
            case Drift.LINEAR:
                return 1 + _LINEAR_DRIFT * self._now / _LINEAR_S

    def _pass(self, seconds: float, watts: float) -> None:
        end = self._now + seconds
        if end >= self._next:
            period_s = self._setting.period_s
            movements = math.floor((end - self._next) / period_s)
            moved = self._next + movements * period_s
            self._counted = self._joules + watts * (moved - self._now)
            self._next = moved + period_s
        self._joules += watts * seconds
        self._now = end
