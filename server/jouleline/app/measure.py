"""Measuring one program, or a candidate against its baseline, with any meter and any runner.

The protocol is that of docs/energy.md; its arithmetic is in :mod:`jouleline.core.energy`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Generic

from jouleline.core.energy import (
    CONTROL_BLOCKS,
    LOOK_ALPHA,
    LOOKS,
    Arm,
    Block,
    Comparison,
    EnergyVerdict,
    block_orders,
    decide,
    joules,
    next_look,
    noise_floor,
    ratio,
    require_same_meter,
)
from jouleline.core.idle import Idle
from jouleline.core.interval import amount_interval
from jouleline.core.meter import EnergySample, Meter, MeterInfo, Origin, Turn
from jouleline.core.ports import Job, Runner

from .budget import Budget
from .measurement import (
    EnergyComparison,
    Measurement,
    MeasurementError,
    Observe,
    Phase,
    Plan,
    Progress,
    Report,
    Window,
)
from .windows import SETTLING_SHARE, RepeatedProgram, has_idle, idle_window

__all__ = [
    "EnergyComparison",
    "Measurement",
    "MeasurementError",
    "Observe",
    "Phase",
    "Plan",
    "Progress",
    "Report",
    "Window",
    "compare",
    "measure_one",
    "rank",
]

_TURN_POLL_S: Final = 0.5


async def measure_one(
    runner: Runner,
    meter: Meter[Origin],
    job: Job,
    *,
    plan: Plan | None = None,
    turn: Turn | None = None,
    progress: Report | None = None,
    observe: Observe | None = None,
    budget: Budget | None = None,
) -> Measurement[Origin]:
    """Measure the energy of one program.

    ``turn`` keeps other measurements from running at the same time, ``observe`` is shown every window,
    and ``budget`` is by default what the plan says.

    Raises:
        MeasurementError: when a run fails or the program is too short to be seen by the meter.
        MeterError: when the meter can give no sound figure.
        RunnerError: when a run cannot be started.
    """
    plan, tell = plan or Plan(), progress or _ignore
    async with _alone(turn, tell):
        bench = _Bench(runner, meter, plan, tell, observe, budget or Budget(plan.budget_s, plan.budget_j))
        await bench.set_up()
        warm_up = await bench.warm_up({"the program": job})
        (program,) = bench.programs
        bench.budget.start_laps()
        samples: list[EnergySample[Origin]] = []
        while len(samples) < plan.windows and not (samples and bench.budget.is_short_of_another()):
            samples.append(await program.window())
            bench.see(Phase.MEASURING, samples[-1], Arm.BASELINE, len(samples))
            bench.budget.lap()
            energy = amount_interval([joules(sample) for sample in samples])
            tell(Progress(Phase.MEASURING, len(samples), plan.windows, joules=energy))
        idle = await bench.idle()
    return Measurement(bench.info, runner.name, warm_up[0], tuple(samples), idle, plan)


async def compare(
    runner: Runner,
    meter: Meter[Origin],
    baseline: Job,
    candidate: Job,
    *,
    plan: Plan | None = None,
    seed: int | None = None,
    turn: Turn | None = None,
    progress: Report | None = None,
    observe: Observe | None = None,
    budget: Budget | None = None,
) -> EnergyComparison[Origin]:
    """Compare the energy of a candidate with its baseline's in random ABBA and BAAB blocks.

    It ends at the first look that gives a verdict, after the last look, when a budget is spent, or
    as soon as the candidate is worse beyond reasonable doubt. ``seed`` fixes the order of the blocks;
    by default it is drawn, and recorded in the result. ``turn`` keeps other measurements from running
    at the same time, ``observe`` is shown every window, and ``budget`` is by default what the plan says.

    Raises:
        MeasurementError: when a run fails or a program is too short to be seen by the meter.
        MeterError: when the meter can give no sound figure.
        RunnerError: when a run cannot be started.
    """
    plan, tell = plan or Plan(), progress or _ignore
    seed = secrets.randbits(32) if seed is None else seed
    orders = block_orders(random.Random(seed))  # noqa: S311 - must be repeatable, not unguessable
    async with _alone(turn, tell):
        bench = _Bench(runner, meter, plan, tell, observe, budget or Budget(plan.budget_s, plan.budget_j))
        await bench.set_up()
        warm_up_a, warm_up_b = await bench.warm_up({"the baseline": baseline, "the candidate": candidate})
        one, other = bench.programs
        control: list[Block[Origin]] = []
        bench.budget.start_laps()
        while len(control) < plan.control and not (control and bench.budget.is_short_of_another()):
            control.append(await bench.block(Phase.CONTROL, len(control) + 1, next(orders), one, one))
            bench.budget.lap()
            tell(Progress(Phase.CONTROL, len(control), plan.control, ratio(control)))
        floor = noise_floor(control) if len(control) >= CONTROL_BLOCKS else 0.0
        delta = max(plan.delta, floor)
        bench.budget.start_laps()
        blocks: list[Block[Origin]] = []
        verdict: EnergyVerdict | None = None
        while verdict is None:
            blocks.append(await bench.block(Phase.MEASURING, len(blocks) + 1, next(orders), one, other))
            bench.budget.lap()
            current = ratio(blocks, alpha=LOOK_ALPHA)
            tell(Progress(Phase.MEASURING, len(blocks), LOOKS[-1], current, next_look(len(blocks))))
            verdict = decide(blocks, delta=delta, final=bench.budget.is_short_of_another())
        idle = await bench.idle()
    comparison = Comparison(bench.info, tuple(blocks), delta, verdict, idle, tuple(control))
    return EnergyComparison(comparison, runner.name, seed, warm_up_a, warm_up_b, plan)


def rank(comparisons: Sequence[EnergyComparison[Origin]]) -> list[EnergyComparison[Origin]]:
    """Comparisons with the same baseline, the least energy first.

    It goes by ratios, each of one machine and its own baseline: joules of two machines never meet.

    Raises:
        MixedMetersError: when their figures come from meters of different kinds.
    """
    require_same_meter(replace(one.comparison.meter, device="") for one in comparisons)
    return sorted(comparisons, key=lambda one: one.comparison.energy_ratio.value)


def _ignore(_: Progress) -> None:
    pass


@contextlib.asynccontextmanager
async def _alone(turn: Turn | None, tell: Report) -> AsyncIterator[None]:
    """Wait until nobody else measures. Polled, so that whoever waits can be cancelled."""
    if turn is None:
        yield
        return
    while not turn.take():
        tell(Progress(Phase.WAITING))
        await asyncio.sleep(_TURN_POLL_S)
    try:
        yield
    finally:
        turn.give_back()


@dataclass(slots=True)
class _Bench(Generic[Origin]):
    """What every measurement begins and ends with: the meter's test, idle, warm-up, idle."""

    runner: Runner
    meter: Meter[Origin]
    plan: Plan
    tell: Report
    observe: Observe | None
    budget: Budget
    programs: list[RepeatedProgram[Origin]] = field(default_factory=list)
    idle_before: EnergySample[Origin] | None = None

    @property
    def info(self) -> MeterInfo[Origin]:
        return self.meter.info

    async def set_up(self) -> None:
        """Test the meter, and see what its devices use without us."""
        self.tell(Progress(Phase.CHECK))
        await asyncio.to_thread(self.meter.check)
        if has_idle(self.meter, self.plan):
            self.tell(Progress(Phase.IDLE_BEFORE))
        self.idle_before = await idle_window(self.meter, self.plan, self.budget)
        if self.idle_before is not None:
            idle = self.idle_before
            self.see(Phase.IDLE_BEFORE, idle)
            self.budget.spend(idle, SETTLING_SHARE * idle.wall_s)
            self.budget.reserve((1 + SETTLING_SHARE) * idle.wall_s, (1 + SETTLING_SHARE) * idle.energy_j)

    async def warm_up(self, jobs: dict[str, Job]) -> list[tuple[EnergySample[Origin], ...]]:
        """Warm up a program for each job, by the name that errors give it."""
        most = self.plan.warm_up_windows
        samples: list[tuple[EnergySample[Origin], ...]] = []

        def tell(done: int) -> None:
            done += len(samples) * most
            self.tell(Progress(Phase.WARM_UP, done, len(jobs) * most))

        for arm, (label, job) in zip(Arm, jobs.items(), strict=False):
            program = RepeatedProgram(self.runner, self.meter, job, label, self.budget)
            samples.append(await program.warm_up(self.plan, tell, partial(self.see, Phase.WARM_UP, arm=arm)))
            self.programs.append(program)
        return samples

    async def idle(self) -> Idle[Origin] | None:
        """Idle before with idle after, which is taken now."""
        if self.idle_before is None:
            return None
        self.tell(Progress(Phase.IDLE_AFTER))
        after = await idle_window(self.meter, self.plan, self.budget)
        if after is not None:
            self.see(Phase.IDLE_AFTER, after)
        return Idle(self.idle_before, after)

    async def block(
        self,
        phase: Phase,
        number: int,
        order: tuple[Arm, ...],
        baseline: RepeatedProgram[Origin],
        candidate: RepeatedProgram[Origin],
    ) -> Block[Origin]:
        """Take the windows of one block."""
        programs = {Arm.BASELINE: baseline, Arm.CANDIDATE: candidate}
        windows = []
        for arm in order:
            windows.append((arm, await programs[arm].window()))
            self.see(phase, windows[-1][1], arm, number)
        return Block(tuple(windows))

    def see(
        self, phase: Phase, sample: EnergySample[Origin], arm: Arm | None = None, block: int | None = None
    ) -> None:
        """Show a window that has just ended to whoever observes."""
        if self.observe is not None:
            began_s = max(0.0, self.budget.elapsed_s - sample.wall_s)
            self.observe(Window(phase, began_s, sample, arm, block))
