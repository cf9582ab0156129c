"""How often the protocol is wrong: the real thing run many times on simulated machines."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Final, TypeVar, TypeVarTuple

from jouleline.core.energy import LOOKS, Comparison, EnergyVerdict, log_ratio_interval
from jouleline.core.meter import Measured, Meter
from jouleline.core.ports import Job

from .measure import Plan, compare
from .virtual_machine import BASELINE, CANDIDATE, Drift, Setting, VirtualMachine

EFFECTS: Final = (0.0, -0.02, 0.02, 0.05)
USUAL: Final = Setting(noise=0.02, drift=Drift.WARM_UP, period_s=0.05, effect=0.0)
"""What is varied, one thing at a time."""

WORLDS: Final = (
    USUAL,
    *(replace(USUAL, noise=noise) for noise in (0.01, 0.03, 0.05)),
    *(replace(USUAL, drift=drift) for drift in (Drift.NONE, Drift.LINEAR)),
    *(replace(USUAL, period_s=period_s) for period_s in (0.01, 0.02, 0.1)),
)
SETTINGS: Final = tuple(replace(world, effect=effect) for world in WORLDS for effect in EFFECTS)

FIXED_BLOCKS: Final = LOOKS[0]
"""Blocks of the comparisons that never stop early or late."""

# No change is as large, so that each comparison ends at the first look.
_FIXED: Final = Plan(delta=math.inf, idle_s=0)
_SEQUENTIAL: Final = Plan(idle_s=0)

MeterOf = Callable[[VirtualMachine], Meter[Measured]]
"""The meter of a simulated machine. It is sent to other processes, so it must be a module's function."""


Given = TypeVarTuple("Given")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some trials of one setting; ``seed`` and ``first`` trial fix all that chance decides."""

    setting: Setting
    seed: int
    first: int
    trials: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one comparison, and of one with a fixed number of blocks.

    ``error`` is the estimate's logarithm less the true one's, at stopping and with fixed blocks; whether
    an interval held the true change is told of the interval that is shown and, at stopping, also of one
    that takes no account of the looks (``naive``).
    """

    verdict: EnergyVerdict
    blocks: int
    held: bool
    held_naive: bool
    held_fixed: bool
    error: float
    error_fixed: float


def batches(seed: int, trials: int, size: int) -> list[Batch]:
    """The whole study in pieces of at most ``size`` trials."""
    return [
        Batch(setting, seed, first, min(size, trials - first))
        for first in range(0, trials, size)
        for setting in SETTINGS
    ]


def trials_of(batch: Batch, meter_of: MeterOf) -> list[Trial]:
    """Do the trials of a batch."""
    with asyncio.Runner(loop_factory=_Untimed) as runner:
        return runner.run(_trials(batch, meter_of))


async def _trials(batch: Batch, meter_of: MeterOf) -> list[Trial]:
    numbers = range(batch.first, batch.first + batch.trials)
    return [await _trial(batch.setting, f"{batch.seed} {batch.setting} {one}", meter_of) for one in numbers]


class _Untimed(asyncio.SelectorEventLoop):
    """Does at once what would go to a thread: simulated meters take no time, and threads would."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Given], Result], *args: *Given
    ) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = self.create_future()
        future.set_result(func(*args))
        return future


async def _trial(setting: Setting, seed: str, meter_of: MeterOf) -> Trial:
    chance = random.Random(seed)  # noqa: S311 - must be repeatable, not unguessable
    true = math.log1p(setting.effect)

    async def blocks_of(plan: Plan) -> Comparison[Measured]:
        machine = VirtualMachine(setting, chance)
        jobs = Job(BASELINE, "/"), Job(CANDIDATE, "/")
        done = await compare(machine, meter_of(machine), *jobs, plan=plan, seed=chance.getrandbits(32))
        return done.comparison

    done, fixed = await blocks_of(_SEQUENTIAL), await blocks_of(_FIXED)
    shown = done.energy_ratio
    at_fixed = log_ratio_interval(fixed.blocks)
    return Trial(
        verdict=done.verdict,
        blocks=len(done.blocks),
        held=not shown.excludes(math.exp(true)),
        held_naive=not log_ratio_interval(done.blocks).excludes(true),
        held_fixed=not at_fixed.excludes(true),
        error=math.log(shown.value) - true,
        error_fixed=at_fixed.value - true,
    )
