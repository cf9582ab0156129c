"""Accept or reject a candidate by deterministic gates, the cheapest first.

We run both programs and compare what they did; what a program prints of its own success or speed is no
evidence. What each gate catches, and what none does yet, is in docs/verification.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from jouleline.core.ports import Runner
from jouleline.core.verdict import GateResult, Verdict
from jouleline.core.workload import Workload

from .arguments import unseen_arguments
from .build import BuildError, Built, build
from .gates import check_files, check_vacuous, folder_changes
from .observe import BaselineError, Effort, Observation, Ran, RunError, observe, quoted, run_once
from .scaling import Scaling, check_scaling, measure_scaling

__all__ = [
    "GATES",
    "BaselineError",
    "Effort",
    "Reference",
    "check_candidate",
    "make_reference",
    "verify_folders",
]

GATES: Final = ("files", "vacuous", "build", "run", "output", "scaling")

Report = Callable[[str], None]
"""Told the name of each gate as it begins, and ``baseline`` while the baseline is built and run."""


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

    @property
    def main(self) -> Observation:
        """What the baseline does with the arguments that are measured."""
        return self.observations[0]

    @property
    def written(self) -> frozenset[str]:
        """The files that a run of the baseline writes beside its outputs."""
        return frozenset[str]().union(*(one.written for one in (*self.observations, *self.unseen)))


async def make_reference(baseline: Built, runner: Runner, effort: Effort | None = None) -> Reference:
    """Run the baseline often enough to know what a candidate must do.

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
    return Reference(workload, tuple(observations), unseen, tuple(scaling), effort)


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


async def check_candidate(
    reference: Reference,
    folder: Path,
    changed: Mapping[str, bytes],
    *,
    original: Mapping[str, bytes],
    runner: Runner,
    scratch: Path,
    progress: Report | None = None,
) -> tuple[Verdict, Built | None]:
    """Try a candidate: the baseline in ``folder`` with the files ``changed``, built in ``scratch``.

    ``original`` are the baseline's files by name, and ``scratch`` is a folder that does not exist yet.
    The program is returned when it was built, whatever the verdict.

    Raises:
        RunnerError: if a process could not be started.
    """
    trial = _Trial(reference, runner, progress or _ignore)
    began = trial.begin("files")
    if trial.end(began, check_files(changed, original, reference.workload)):
        await trial.run(folder, changed, scratch)
    return trial.verdict, trial.built


async def verify_folders(
    baseline: Path,
    candidate: Path,
    workload: Workload,
    runner: Runner,
    scratch: Path,
    *,
    effort: Effort | None = None,
    progress: Report | None = None,
) -> Verdict:
    """Try the program in one folder as a candidate for that in another.

    Both are built in ``scratch``, an existing folder. Only the files that a candidate may change are
    taken from its folder, and ``workload`` is the baseline's.

    Raises:
        BaselineError: if the baseline does not build or gives nothing to compare with.
        OSError: if a file of the candidate cannot be read.
        RunnerError: if a process could not be started.
    """
    tell = progress or _ignore
    tell("files")
    began = time.monotonic()
    changes = await asyncio.to_thread(folder_changes, baseline, candidate, workload)
    if changes.problem:
        files = GateResult("files", passed=False, reason=changes.problem)
    else:
        files = check_files(changes.changed, changes.original, workload)
    files = replace(files, seconds=time.monotonic() - began)
    if not files.passed:
        return Verdict((files,))
    tell("baseline")
    try:
        built = await build(baseline, {}, workload, runner, scratch / "baseline")
    except BuildError as error:
        raise BaselineError(f"the baseline does not build: {error}") from error
    trial = _Trial(await make_reference(built, runner, effort), runner, tell, Verdict((files,)))
    await trial.run(baseline, changes.changed, scratch / "candidate")
    return trial.verdict


def _ignore(_: str) -> None:
    pass


class _Trial:
    """One candidate on its way through the gates."""

    def __init__(
        self, reference: Reference, runner: Runner, tell: Report, verdict: Verdict | None = None
    ) -> None:
        self.verdict = verdict or Verdict(())
        self.built: Built | None = None
        self._reference = reference
        self._effort = reference.effort
        self._runner = runner
        self._tell = tell

    def begin(self, gate: str) -> float:
        """Announce a gate."""
        self._tell(gate)
        return time.monotonic()

    def end(self, began: float, result: GateResult) -> bool:
        """Keep a gate's result."""
        self.verdict += replace(result, seconds=time.monotonic() - began)
        return result.passed

    async def run(self, folder: Path, changed: Mapping[str, bytes], scratch: Path) -> None:
        """Try the gates after the first, up to the first that fails."""
        seen = (*self._reference.observations, *self._reference.unseen)
        began = self.begin("vacuous")
        if not self.end(began, await asyncio.to_thread(check_vacuous, seen)):
            return
        began = self.begin("build")
        try:
            self.built = await build(folder, changed, self._reference.workload, self._runner, scratch)
        except BuildError as error:
            self.end(began, _build_failure(error))
            return
        self.end(began, GateResult("build", passed=True, reason="the candidate builds"))
        began = self.begin("run")
        first = await self._run_all(self.built)
        if isinstance(first, GateResult):
            self.end(began, first)
            return
        sets = _count(len(first), "set")
        self.end(began, GateResult("run", passed=True, reason=f"it ends well with {sets} of arguments"))
        began = self.begin("output")
        if not self.end(began, await self._outputs(self.built, first)):
            return
        began = self.begin("scaling")
        self.end(began, await self._scaling(self.built))

    async def _once(self, built: Built, observation: Observation) -> Ran:
        limits = self._effort.candidate_limits(observation.wall_s)
        return await run_once(built, observation.args, limits, self._runner)

    async def _run_all(self, built: Built) -> list[Ran] | GateResult:
        runs: list[Ran] = []
        for observation in self._reference.observations:
            try:
                runs.append(await self._once(built, observation))
            except RunError as error:
                return GateResult("run", passed=False, reason=error.of("the candidate"), detail=error.detail)
        return runs

    async def _outputs(self, built: Built, first: list[Ran]) -> GateResult:
        """Compare the runs already made, then those with unseen arguments, then all runs again."""
        reference = self._reference
        again = max(self._effort.candidate_runs - 1, 0)
        made = list(zip(reference.observations, first, strict=True))
        for observation, ran in made:
            if problem := await self._problem(observation, ran):
                return GateResult("output", passed=False, reason=problem)
        for observation in (*reference.unseen, *reference.observations * again):
            try:
                ran = await self._once(built, observation)
            except RunError as error:
                return GateResult(
                    "output", passed=False, reason=error.of("the candidate"), detail=error.detail
                )
            if problem := await self._problem(observation, ran):
                return GateResult("output", passed=False, reason=problem)
        compared = len({one.args for one in (*reference.observations, *reference.unseen)})
        reason = (
            f"equal in meaning with {_count(compared, 'set')} of arguments, {_count(again + 1, 'run')} each"
        )
        notes = [note for one in reference.observations for note in one.notes]
        return GateResult("output", passed=True, reason="; ".join([reason, *notes[:1]]), warning=bool(notes))

    async def _problem(self, observation: Observation, ran: Ran) -> str | None:
        difference = await asyncio.to_thread(observation.difference, ran)
        unseen = " (which the workload does not name)" if observation in self._reference.unseen else ""
        if difference is not None:
            return f"with {quoted(observation.args)}{unseen} the candidate differs: {difference}"
        if extra := ran.written - self._reference.written:
            return (
                f"with {quoted(observation.args)} the candidate writes {min(extra)}, which the baseline does "
                "not: a result kept from one run must not serve the next"
            )
        return None

    async def _scaling(self, built: Built) -> GateResult:
        found: list[GateResult] = []
        main = self._reference.main
        for scaling in self._reference.scaling:
            found.append(await check_scaling(built, main, scaling, self._runner, self._effort))
            if not found[-1].passed:
                return found[-1]
        if not found:
            return GateResult("scaling", passed=True, reason="not applicable: no repeat_args in the workload")
        return GateResult("scaling", passed=True, reason="; ".join(one.reason for one in found))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _build_failure(error: BuildError) -> GateResult:
    summary, _, log = str(error).partition("\n")
    first = next((line.strip() for line in log.splitlines() if "error" in line.lower()), "")
    reason = f"the candidate does not build: {first or summary}"
    return GateResult("build", passed=False, reason=reason, detail=str(error))
