"""What a baseline prints, writes and costs: all that candidates are held against."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from jouleline.core.device import Device
from jouleline.core.ports import Runner
from jouleline.core.workload import Workload

from .arguments import unseen_arguments
from .build import Built
from .floor import Floor, floor_of
from .gates import sources
from .observe import BaselineError, Effort, Observation, RunError, observe
from .scaling import Scaling, measure_scaling
from .variants import Memo, variant
from .warnings import WARNING_OPTIONS


@dataclass(frozen=True)
class Reference:
    """What the baseline prints, writes and costs. ``observations`` begin with what is measured.

    ``unseen`` are of arguments that the workload does not name, so that no candidate can know them.
    """

    workload: Workload
    observations: tuple[Observation, ...]
    unseen: tuple[Observation, ...] = ()
    scaling: tuple[Scaling, ...] = ()
    effort: Effort = field(default_factory=Effort)
    baseline: Built | None = None
    floor: Floor | None = None
    memo: Memo = field(default_factory=Memo)

    @property
    def main(self) -> Observation:
        """What the baseline does with the arguments that are measured."""
        return self.observations[0]

    @property
    def written(self) -> frozenset[str]:
        """The files that a run of the baseline writes beside its outputs."""
        return frozenset[str]().union(*(one.written for one in (*self.observations, *self.unseen)))


async def make_reference(
    baseline: Built, runner: Runner, effort: Effort | None = None, device: Device | None = None
) -> Reference:
    """Run the baseline often enough to know what a candidate must do.

    ``device`` describes the processor that programs run on, for the floor below which no time is real.

    Raises:
        BaselineError: if it crashes, hangs, prints without end, or differs from run to run.
        RunnerError: if it could not be started.
    """
    effort = effort or Effort()
    workload = baseline.workload
    try:
        observations = [
            await observe(baseline, args, runner, effort)
            for args in dict.fromkeys((workload.args, *workload.check_args))
        ]
    except RunError as error:
        said = f"\n{error.detail}" if error.detail else ""
        raise BaselineError(error.of("the baseline") + said) from error
    unseen = await _first_that_runs(baseline, unseen_arguments(workload), runner, effort)
    scaling = [
        await measure_scaling(baseline, index, observations[0], runner, effort)
        for index in workload.repeat_args
    ]
    if baseline.said is None:
        async with variant(baseline, WARNING_OPTIONS, runner) as warned:
            baseline = replace(baseline, said=None if isinstance(warned, str) else warned.said)
    floor = None
    if device is not None:
        texts = await asyncio.to_thread(sources, baseline.directory)
        floor = await asyncio.to_thread(floor_of, texts, workload, device)
    return Reference(workload, tuple(observations), unseen, tuple(scaling), effort, baseline, floor)


async def _first_that_runs(
    baseline: Built, choices: tuple[str, ...], runner: Runner, effort: Effort
) -> tuple[Observation, ...]:
    """What the baseline does with the first of some arguments that it accepts; empty if none."""
    for args in choices:
        try:
            return (await observe(baseline, args, runner, effort),)
        except (RunError, BaselineError):
            continue
    return ()
