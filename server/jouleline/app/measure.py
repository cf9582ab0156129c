"""Measuring one program, or a candidate against its baseline, with any meter and any runner.

The protocol is that of docs/energy.md; its arithmetic is in :mod:`jouleline.core.energy`.
"""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic

from jouleline.core.energy import (
    LOOKS,
    MINIMUM_EFFECT,
    Arm,
    Block,
    Comparison,
    EnergyVerdict,
    Estimate,
    Summary,
    block_orders,
    decide,
    joules,
    next_look,
    ratio,
    require_same_meter,
    seconds,
    summarise,
)
from jouleline.core.meter import EnergySample, Meter, MeterInfo, Origin
from jouleline.core.ports import Completed, Job, Runner

# A window aims a little beyond what the meter needs, for run times vary.
_WINDOW_MARGIN: Final = 1.1
_MAXIMUM_REPEATS: Final = 20_000
_SHARE_FOR_WARM_UP: Final = 0.25
_SHOWN_OUTPUT: Final = 400
# Of a progress bar.
_WARM_UP_SHARE: Final = 0.2


class MeasurementError(RuntimeError):
    """A program could not be measured; the message says which run failed and how."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure.

    ``budget_s`` bounds the whole measurement (s; None: no bound but the protocol's own), although a
    comparison always takes one block. Warm-up lasts until two windows in succession differ by less
    than ``flat`` (relative), at most ``warm_up_windows``. ``windows`` is for a single program;
    ``delta`` is the relative change that matters; give the noise floor instead where that is
    larger (:func:`jouleline.core.energy.noise_floor`).
    """

    budget_s: float | None = None
    warm_up_windows: int = 5
    flat: float = 0.02
    windows: int = 8
    delta: float = MINIMUM_EFFECT


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a measurement is: ``done`` of at most ``of`` windows (one program) or blocks (two).

    ``energy_ratio`` is the comparison's current figure with its 95% interval, ``next_look`` the number
    of blocks at which the next decision falls.
    """

    phase: str
    done: int
    of: int
    energy_ratio: Estimate | None = None
    next_look: int | None = None

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1 and never less than before; warm-up is the first fifth."""
        share = min(1.0, self.done / max(1, self.of))
        if self.phase == WARM_UP:
            return _WARM_UP_SHARE * share
        return _WARM_UP_SHARE + (1 - _WARM_UP_SHARE) * share


Report = Callable[[Progress], None]

WARM_UP: Final = "warm-up"
MEASURING: Final = "measuring"


@dataclass(frozen=True, slots=True)
class Measurement(Generic[Origin]):
    """Every window taken of one program, those of the warm-up apart."""

    meter: MeterInfo[Origin]
    runner: str
    warm_up: tuple[EnergySample[Origin], ...]
    samples: tuple[EnergySample[Origin], ...]

    @property
    def summary(self) -> Summary:
        """What one run takes."""
        return summarise(self.samples)


@dataclass(frozen=True, slots=True)
class EnergyComparison(Generic[Origin]):
    """A comparison with all that is needed to record and to repeat it."""

    comparison: Comparison[Origin]
    runner: str
    seed: int
    baseline_warm_up: tuple[EnergySample[Origin], ...]
    candidate_warm_up: tuple[EnergySample[Origin], ...]

    @property
    def verdict(self) -> EnergyVerdict:
        """What the comparison says of the candidate."""
        return self.comparison.verdict

    @property
    def reduction(self) -> Estimate:
        """The share of the baseline's energy that the candidate saves."""
        return self.comparison.reduction


async def measure_one(
    runner: Runner,
    meter: Meter[Origin],
    job: Job,
    *,
    plan: Plan | None = None,
    progress: Report | None = None,
) -> Measurement[Origin]:
    """Measure the energy of one program.

    Raises:
        MeasurementError: when a run fails or the program is too short to be seen by the meter.
        MeterError: when the meter can give no sound figure.
        RunnerError: when a run cannot be started.
    """
    plan = plan or Plan()
    tell = progress or _ignore
    clock = _Budget(plan.budget_s)
    program = _Program(runner, meter, job, "the program")
    most = plan.warm_up_windows
    warm_up = await program.warm_up(plan, clock, lambda done: tell(Progress(WARM_UP, done, most)))
    samples: list[EnergySample[Origin]] = []
    while len(samples) < plan.windows and not (samples and clock.is_short_of_another()):
        samples.append(await program.window())
        clock.lap()
        tell(Progress(MEASURING, len(samples), plan.windows))
    return Measurement(meter.info, runner.name, warm_up, tuple(samples))


async def compare(
    runner: Runner,
    meter: Meter[Origin],
    baseline: Job,
    candidate: Job,
    *,
    plan: Plan | None = None,
    seed: int | None = None,
    progress: Report | None = None,
) -> EnergyComparison[Origin]:
    """Compare the energy of a candidate with its baseline's in random ABBA and BAAB blocks.

    It ends at the first look that gives a verdict, after the last look, when the budget is spent, or
    as soon as the candidate is worse beyond reasonable doubt. ``seed`` fixes the order of the blocks;
    by default it is drawn, and recorded in the result.

    Raises:
        MeasurementError: when a run fails or a program is too short to be seen by the meter.
        MeterError: when the meter can give no sound figure.
        RunnerError: when a run cannot be started.
    """
    plan = plan or Plan()
    tell = progress or _ignore
    seed = secrets.randbits(32) if seed is None else seed
    orders = block_orders(random.Random(seed))  # noqa: S311 - must be repeatable, not unguessable
    clock = _Budget(plan.budget_s)
    programs = {
        Arm.BASELINE: _Program(runner, meter, baseline, "the baseline"),
        Arm.CANDIDATE: _Program(runner, meter, candidate, "the candidate"),
    }
    most = plan.warm_up_windows
    warm_up_a = await programs[Arm.BASELINE].warm_up(
        plan, clock, lambda done: tell(Progress(WARM_UP, done, 2 * most))
    )
    warm_up_b = await programs[Arm.CANDIDATE].warm_up(
        plan, clock, lambda done: tell(Progress(WARM_UP, most + done, 2 * most))
    )
    clock.start_laps()
    blocks: list[Block[Origin]] = []
    verdict: EnergyVerdict | None = None
    while verdict is None:
        blocks.append(Block(tuple([(arm, await programs[arm].window()) for arm in next(orders)])))
        clock.lap()
        tell(Progress(MEASURING, len(blocks), LOOKS[-1], ratio(blocks), next_look(len(blocks))))
        verdict = decide(blocks, delta=plan.delta, final=clock.is_short_of_another())
    comparison = Comparison(meter.info, tuple(blocks), plan.delta, verdict)
    return EnergyComparison(comparison, runner.name, seed, warm_up_a, warm_up_b)


def rank(comparisons: Sequence[EnergyComparison[Origin]]) -> list[EnergyComparison[Origin]]:
    """Comparisons with the same baseline, the least energy first.

    Raises:
        MixedMetersError: when their figures come from different meters.
    """
    require_same_meter(one.comparison.meter for one in comparisons)
    return sorted(comparisons, key=lambda one: one.comparison.energy_ratio.value)


def _ignore(_: Progress) -> None:
    pass


@dataclass(slots=True)
class _Budget:
    """The time that a measurement may still take, judged by how long its steps took so far."""

    budget_s: float | None
    _began: float = field(default_factory=time.monotonic)
    _laps_began: float = field(default_factory=time.monotonic)
    _laps: int = 0

    def start_laps(self) -> None:
        self._laps_began = time.monotonic()
        self._laps = 0

    def lap(self) -> None:
        self._laps += 1

    def is_short_of_another(self) -> bool:
        if self.budget_s is None:
            return False
        now = time.monotonic()
        lap_s = (now - self._laps_began) / max(self._laps, 1)
        return now - self._began + lap_s > self.budget_s

    def is_warm_up_over(self) -> bool:
        return (
            self.budget_s is not None and time.monotonic() - self._began > _SHARE_FOR_WARM_UP * self.budget_s
        )


@dataclass(slots=True)
class _Program(Generic[Origin]):
    """A job that is run again and again, as often within a window as the meter needs."""

    runner: Runner
    meter: Meter[Origin]
    job: Job
    label: str
    repeats: int = 1

    async def warm_up(
        self, plan: Plan, clock: _Budget, tell: Callable[[int], None]
    ) -> tuple[EnergySample[Origin], ...]:
        """Run until the energy of a run no longer changes and windows are long enough."""
        samples: list[EnergySample[Origin]] = []
        while len(samples) < plan.warm_up_windows:
            tell(len(samples))
            samples.append(await self.window())
            if clock.is_warm_up_over() or _is_flat(samples, plan.flat):
                break
        return tuple(samples)

    async def window(self) -> EnergySample[Origin]:
        """Measure one window."""
        await asyncio.to_thread(self.meter.start)
        completed = await self.runner.run(_repeated(self.job, self.repeats))
        if not completed.succeeded:
            raise MeasurementError(f"{self.label} failed while it was measured: {_ending(completed)}")
        sample = await asyncio.to_thread(self.meter.stop, [completed], self.repeats)
        if not sample.energy_j > 0 or not sample.wall_s > 0:
            raise MeasurementError(
                f"{self.label} used no energy that {self.meter.info.name} could see; "
                "give it arguments that make it work longer"
            )
        if sample.wall_s < self.meter.info.window_s:
            wanted = _WINDOW_MARGIN * self.meter.info.window_s / seconds(sample)
            self.repeats = min(max(math.ceil(wanted), self.repeats), _MAXIMUM_REPEATS)
        return sample


def _is_flat(samples: Sequence[EnergySample[Any]], tolerance: float) -> bool:
    if len(samples) < 2 or samples[-1].runs != samples[-2].runs:
        return False
    return abs(joules(samples[-1]) / joules(samples[-2]) - 1) < tolerance


def _repeated(job: Job, repeats: int) -> Job:
    """The job's command ``repeats`` times in one shell, without its output, up to the first failure.

    One shell for a whole window, because to start a job costs more than a short program does. The
    command is not made the left side of ``||``: that would switch off a ``set -e`` within it.
    """
    command = (
        f'jouleline_left={repeats}; while [ "$jouleline_left" -gt 0 ]; do '
        f"jouleline_left=$((jouleline_left - 1)); (\n{job.command}\n) >/dev/null; "
        'jouleline_code=$?; [ "$jouleline_code" -eq 0 ] || exit "$jouleline_code"; done'
    )
    limits = replace(
        job.limits,
        wall_s=job.limits.wall_s * repeats,
        output_bytes=job.limits.output_bytes * repeats,
    )
    return replace(job, command=command, limits=limits)


def _ending(completed: Completed) -> str:
    if completed.stopped is not None:
        how = f"it reached its {completed.stopped}"
    elif completed.signal is not None:
        how = f"it was ended by {completed.signal}"
    else:
        how = f"it ended with exit code {completed.exit_code}"
    said = completed.stderr.decode(errors="replace").strip()[-_SHOWN_OUTPUT:]
    return f"{how}\n{said}" if said else how
