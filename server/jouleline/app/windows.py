"""Windows of a meter over a program that is run again and again, and over nothing: idle."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic

from jouleline.core.energy import joules
from jouleline.core.meter import EnergySample, Meter, Origin
from jouleline.core.ports import Completed, InterruptedRunError, Job, Runner

from .budget import Budget
from .measurement import MeasurementError, Plan

# A window aims beyond what the meter needs, for run times vary.
_MARGIN: Final = 1.25
_MAXIMUM_REPEATS: Final = 20_000
# A guess is off by the start of the job, which it counts as work, and by what else slowed the machine down
# meanwhile. As each has so many more runs, a program of any length fills a window in the end.
_GROWTH: Final = 1.5
_SHOWN_OUTPUT: Final = 400

SETTLING_SHARE: Final = 0.5
"""Of an idle window, what is waited before it: clocks and voltages fall some time after work has ended."""


@dataclass(slots=True)
class RepeatedProgram(Generic[Origin]):
    """A job that is run as often within a window as the meter needs; ``label`` names it to the user."""

    runner: Runner
    meter: Meter[Origin]
    job: Job
    label: str
    budget: Budget
    repeats: int = 1
    _unseen_s: float = 0.0

    async def warm_up(
        self, plan: Plan, tell: Callable[[int], None], see: Callable[[EnergySample[Origin]], None]
    ) -> tuple[EnergySample[Origin], ...]:
        """Run until windows are long enough and the energy of a run no longer changes.

        Raises:
            MeasurementError: when a run fails or the program is too short for the meter.
        """
        tell(0)
        # Unmetered, for a meter refuses windows that are too short for it.
        self._unseen_s += (await self._filling_a_window(metered=False)).wall_s
        samples: list[EnergySample[Origin]] = []
        while len(samples) < plan.warm_up_windows:
            tell(len(samples))
            samples.append(await self.window())
            see(samples[-1])
            if self.budget.is_warm_up_over() or _is_flat(samples, plan.flat):
                break
        return tuple(samples)

    async def window(self) -> EnergySample[Origin]:
        """Measure one window.

        Raises:
            MeasurementError: when a run fails or the window is too short for the meter.
        """
        completed = await self._until_uninterrupted()
        sample = await asyncio.to_thread(self.meter.stop, [completed], self.repeats)
        if not sample.energy_j > 0 or not sample.wall_s > 0:
            raise MeasurementError(
                f"{self.label} used no energy that {self.meter.info.name} could see; "
                "give it arguments that make it work longer"
            )
        self.budget.spend(sample, self._unseen_s)
        self._unseen_s = 0.0
        return sample

    async def _until_uninterrupted(self) -> Completed:
        """Fill a window; one in which a connection was lost never was."""
        while True:
            try:
                return await self._filling_a_window(metered=True)
            except InterruptedRunError:
                continue

    async def _filling_a_window(self, *, metered: bool) -> Completed:
        """Run as often as fills a window, with the meter started before; shorter ones are not metered."""
        while True:
            if metered:
                await asyncio.to_thread(self.meter.start)
            completed = await self._run()
            if completed.wall_s >= self.meter.info.window_s:
                return completed
            self._unseen_s += completed.wall_s
            if self.repeats == _MAXIMUM_REPEATS:
                raise self._too_short(completed)
            self.repeats = self._more_repeats(completed)

    async def _run(self) -> Completed:
        completed = await self.runner.run(_repeated(self.job, self.repeats))
        if not completed.succeeded:
            raise MeasurementError(f"{self.label} failed while it was measured: {_ending(completed)}")
        return completed

    def _more_repeats(self, short: Completed) -> int:
        """How often to run after a window that fell short."""
        run_s = short.wall_s / self.repeats
        wanted = _MARGIN * self.meter.info.window_s / run_s if run_s > 0 else math.inf
        return math.ceil(min(max(wanted, _GROWTH * self.repeats), _MAXIMUM_REPEATS))

    def _too_short(self, completed: Completed) -> MeasurementError:
        info = self.meter.info
        period = f" (its counter moves every {info.period_s * 1e3:.0f} ms)" if info.period_s else ""
        return MeasurementError(
            f"{self.label} is too short for {info.name}, which needs windows of {info.window_s:g} s{period}: "
            f"with {self.repeats} runs in a row the last one lasted {completed.wall_s:.3g} s; "
            "give it arguments that make it work longer"
        )


def has_idle(meter: Meter[Any], plan: Plan) -> bool:
    """Whether idle is measured: neither where the plan leaves it out nor by a model."""
    return plan.idle_s > 0 and not meter.info.modelled


async def idle_window(meter: Meter[Origin], plan: Plan, budget: Budget) -> EnergySample[Origin] | None:
    """What the meter's devices use without a run of ours; None where the plan or the meter has no idle."""
    if not has_idle(meter, plan):
        return None
    window_s = max(_MARGIN * meter.info.window_s, plan.idle_s)
    while True:
        await budget.rest(SETTLING_SHARE * window_s)
        await asyncio.to_thread(meter.start)
        await budget.rest(window_s)
        try:
            return await asyncio.to_thread(meter.stop, [])
        except InterruptedRunError:
            continue  # the connection to the meter was lost and is there again: take another


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
