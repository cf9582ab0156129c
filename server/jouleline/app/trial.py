"""One candidate on its way through the gates, the cheapest first, up to the first that refuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from jouleline.core.ports import Runner
from jouleline.core.verdict import GateResult, Verdict

from .build import BuildError, Built, build
from .counted import check_counts
from .floor import check_floor
from .gates import check_vacuous
from .machine_code import same_machine_code
from .observe import HARSH, Observation, Ran, RunError, quoted, run_once
from .reference import Reference
from .sanitizers import check_sanitizers
from .scaling import check_scaling
from .static_gates import check_precision, check_regions, check_warnings, narrowed
from .warnings import WARNING_OPTIONS

GATES: Final = (
    "files", "regions", "vacuous", "build", "run", "output", "precision", "floor", "scaling",
    "effort", "sanitizers",
)  # fmt: skip
CHANGE: Final = "change"
"""The gate, only of the loop, that a candidate fails whose machine code is the baseline's: there is nothing
to measure."""

Report = Callable[[str], None]
"""Told the name of each gate as it begins, and ``baseline`` while the baseline is built and run."""


class Trial:
    """One candidate on its way through the gates."""

    def __init__(
        self,
        reference: Reference,
        runner: Runner,
        tell: Report,
        verdict: Verdict | None = None,
        *,
        must_differ: bool = False,
    ) -> None:
        self.verdict = verdict or Verdict(())
        self.built: Built | None = None
        self._reference = reference
        self._effort = reference.effort
        self._runner = runner
        self._tell = tell
        self._must_differ = must_differ

    def begin(self, gate: str) -> float:
        """Announce a gate."""
        self._tell(gate)
        return time.monotonic()

    def end(self, began: float, result: GateResult) -> bool:
        """Keep a gate's result."""
        self.verdict += replace(result, seconds=time.monotonic() - began)
        return result.passed

    async def run(
        self, folder: Path, changed: Mapping[str, bytes], original: Mapping[str, bytes], scratch: Path
    ) -> None:
        """Try the gates after the first, up to the first that fails."""
        reference = self._reference
        seen = (*reference.observations, *reference.unseen)
        began = self.begin("regions")
        if not self.end(began, await asyncio.to_thread(check_regions, changed, original, reference.workload)):
            return
        began = self.begin("vacuous")
        if not self.end(began, await asyncio.to_thread(check_vacuous, seen)):
            return
        began = self.begin("build")
        try:
            self.built = await build(
                folder, changed, reference.workload, self._runner, scratch, options=WARNING_OPTIONS
            )
        except BuildError as error:
            self.end(began, _build_failure(error))
            return
        if not self.end(began, check_warnings(reference.baseline, self.built)):
            return
        if self._must_differ and (same := await asyncio.to_thread(self._same, self.built, changed)):
            self.end(self.begin(CHANGE), same)
            return
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
        began = self.begin("precision")
        if not self.end(began, await asyncio.to_thread(self._precision, changed, original, first)):
            return
        began = self.begin("floor")
        if not self.end(began, check_floor(reference.floor, first[0].completed.wall_s)):
            return
        began = self.begin("scaling")
        if not self.end(began, await self._scaling(self.built)):
            return
        began = self.begin("effort")
        if not self.end(began, await self._counts(self.built)):
            return
        began = self.begin("sanitizers")
        self.end(began, await self._sanitizers(self.built, {**original, **changed}))

    def _same(self, built: Built, changed: Mapping[str, bytes]) -> GateResult | None:
        baseline = self._reference.baseline
        if baseline is None or not same_machine_code(baseline.directory, built.directory, changed):
            return None
        reason = "the compiler makes the same machine code of it as of the baseline, so nothing is changed"
        return GateResult(CHANGE, passed=False, reason=reason)

    def _precision(
        self, changed: Mapping[str, bytes], original: Mapping[str, bytes], first: list[Ran]
    ) -> GateResult:
        pairs = zip(self._reference.observations, first, strict=True)
        errors = [error for seen, ran in pairs if (error := seen.error(ran)) is not None]
        return check_precision(
            narrowed(changed, original), max(errors, default=None), self._reference.workload
        )

    async def _counts(self, built: Built) -> GateResult:
        reference = self._reference
        indices = reference.workload.repeat_args
        if not indices or reference.baseline is None:
            return GateResult("effort", passed=True, reason="not applicable: no repeat_args in the workload")
        vacuous = any(gate.name == "vacuous" for gate in self.verdict.warnings)
        found = []
        for index in indices:
            points = [
                point for one in reference.scaling if one.index == index for point in (one.low, one.high)
            ]
            timed = [point.repeats for point in points if point is not None]
            result = await check_counts(
                reference.baseline, built, observations=reference.observations, unseen=reference.unseen,
                index=index, timed=timed, runner=self._runner, memo=reference.memo, vacuous=vacuous,
            )  # fmt: skip
            if not result.passed:
                return result
            found.append(result)
        reason = "; ".join(one.reason for one in found)
        return GateResult("effort", passed=True, reason=reason, warning=any(one.warning for one in found))

    async def _sanitizers(self, built: Built, texts: Mapping[str, bytes]) -> GateResult:
        reference = self._reference
        if reference.baseline is None:
            return GateResult("sanitizers", passed=True, reason="not applicable: the baseline is not here")
        smallest = min(reference.observations, key=lambda one: one.wall_s)
        return await check_sanitizers(
            reference.baseline, built, smallest, sources=texts, runner=self._runner, memo=reference.memo
        )

    async def _once(self, built: Built, observation: Observation, *, harsh: bool = False) -> Ran:
        limits = self._effort.candidate_limits(observation.wall_s)
        environment = HARSH if harsh and observation.harsh else {}
        return await run_once(built, observation.args, limits, self._runner, environment=environment)

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
                ran = await self._once(built, observation, harsh=True)
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
        reason = "; ".join(one.reason for one in found)
        return GateResult("scaling", passed=True, reason=reason, warning=any(one.warning for one in found))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _build_failure(error: BuildError) -> GateResult:
    summary, _, log = str(error).partition("\n")
    first = next((line.strip() for line in log.splitlines() if "error" in line.lower()), "")
    reason = f"the candidate does not build: {first or summary}"
    return GateResult("build", passed=False, reason=reason, detail=str(error))
