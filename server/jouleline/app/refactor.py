"""The loop: build and run the baseline, propose, verify, measure, pick, and return an edit.

The user's tree is only read. Everything is built and run in copies, and what was found is kept in
a record folder whatever becomes of the edit.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from jouleline.core.candidate import Candidate, edits_between
from jouleline.core.energy import EnergyVerdict
from jouleline.core.meter import MeterError
from jouleline.core.ports import Availability, RunnerError
from jouleline.core.workload import Workload
from jouleline.rules.base import Rule

from .build import BuildError, Built, build
from .candidates import candidate_by
from .energy_record import EnergyRecordError, Header, Subject, Surroundings, recording
from .measure import EnergyComparison, MeasurementError, Progress, compare, rank
from .measure_report import comparison_json
from .outcome import Attempt, Outcome, Step, Tools
from .program import Program, launches_kernels, needs_gpu
from .record import energy_file, new_record, write_record
from .report import change, details, headline
from .verify import BaselineError, Reference, check_candidate, make_reference
from .workload import changeable_files

__all__ = ["Attempt", "Outcome", "RefactorError", "Report", "Step", "Tools", "refactor"]


class RefactorError(RuntimeError):
    """The loop could not be run; the message says why and what to do."""


Report = Callable[[Step], None]

_BASELINE_DONE: Final = 0.1
_VERIFIED: Final = 0.4
_MEASURED: Final = 0.8


async def refactor(
    program: Program, workload: Workload, tools: Tools, progress: Report | None = None
) -> Outcome:
    """Find a verified candidate that uses less energy than the program does now.

    Raises:
        RefactorError: if the baseline cannot be built, run or measured.
    """
    if _runs_on_unseen_gpu(program, tools):
        note = "the program launches GPU kernels; the GPU's energy is not in these figures"
        tools = replace(tools, notes=(*tools.notes, note))
    try:
        record = new_record(tools.records, program.root.absolute().name)
    except OSError as error:
        raise RefactorError(f"{tools.records}: records cannot be kept here: {error.strerror}") from error
    try:
        return await _refactored(program, workload, tools, progress or (lambda _: None), record)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(record)  # nothing was found, so nothing is kept
        raise


async def _refactored(
    program: Program, workload: Workload, tools: Tools, tell: Report, record: Path
) -> Outcome:
    if tools.scratch is not None:
        tools.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="jouleline-", dir=tools.scratch, ignore_cleanup_errors=True
    ) as scratch:
        try:
            return await _Loop(program, workload, tools, tell, Path(scratch), record).run()
        except BuildError as error:
            raise RefactorError(f"the baseline does not build: {error}") from error
        except BaselineError as error:
            raise RefactorError(f"{error}{_without_gpu(program, tools)}") from error
        except (EnergyRecordError, RunnerError, MeterError, MeasurementError) as error:
            raise RefactorError(str(error)) from error


def _runs_on_unseen_gpu(program: Program, tools: Tools) -> bool:
    if tools.gpu_measured:
        return False
    gpu_answers = tools.gpu is not None and tools.gpu.availability is not Availability.MISSING
    return needs_gpu(program) or (gpu_answers and launches_kernels(program))


def _without_gpu(program: Program, tools: Tools) -> str:
    """Why a CUDA program fails where there is no GPU, as a further line; empty otherwise."""
    if tools.gpu is None or tools.gpu.availability is not Availability.MISSING:
        return ""
    return f"\nIt launches GPU kernels, and {tools.gpu.detail}." if needs_gpu(program) else ""


@dataclass
class _Loop:
    program: Program
    workload: Workload
    tools: Tools
    tell: Report
    scratch: Path
    record: Path
    attempts: list[Attempt] = field(default_factory=list)
    built: dict[str, Built] = field(default_factory=dict)
    copies: int = 0

    async def run(self) -> Outcome:
        program, workload, runner = self.program, self.workload, self.tools.runner
        own = {name: data for name, data in program.files.items() if not name.startswith("..")}
        self.tell(Step("baseline", f"building: {workload.build}", 0.0))
        baseline = await build(program.root, own, workload, runner, self._copy("baseline"))
        self.tell(Step("baseline", f"running: {workload.run_command()}", _BASELINE_DONE / 2))
        reference = await make_reference(baseline, runner)
        await self._verify_all(reference)
        await self._measure_all(baseline)
        return self._outcome(await self._confirm(baseline))

    def _copy(self, name: str) -> Path:
        self.copies += 1
        return self.scratch / f"{self.copies:02d}-{name}"

    async def _verify_all(self, reference: Reference) -> None:
        """Verify each rule's candidate, then one of all the rules that passed."""
        changeable = changeable_files(self.program, self.workload)
        passed: list[Rule] = []
        share = (_VERIFIED - _BASELINE_DONE) / (len(self.tools.rules) + 1)
        for index, rule in enumerate(self.tools.rules):
            candidate = candidate_by(rule.name, [rule], self.program.files, changeable)
            fraction = _BASELINE_DONE + share * index
            if candidate is not None and await self._verify(candidate, reference, fraction):
                passed.append(rule)
        if len(passed) > 1:
            combined = candidate_by("combined", passed, self.program.files, changeable)
            if combined is not None:
                await self._verify(combined, reference, _VERIFIED - share)

    async def _verify(self, candidate: Candidate, reference: Reference, fraction: float) -> bool:
        self.tell(Step("verify", f"{candidate.name}: {candidate.title}", fraction))
        verdict, built = await check_candidate(
            reference,
            self.program.root,
            candidate.files,
            original=self.program.files,
            runner=self.tools.runner,
            scratch=self._copy(candidate.name),
        )
        self.attempts.append(Attempt(candidate, verdict))
        if verdict.accepted and built is not None:
            self.built[candidate.name] = built
        return verdict.accepted

    async def _measure_all(self, baseline: Built) -> None:
        share = (_MEASURED - _VERIFIED) / max(1, len(self.built))
        start = _VERIFIED
        for index, attempt in enumerate(self.attempts):
            name = attempt.candidate.name
            if name not in self.built:
                continue
            try:
                energy = await self._compare(baseline, self.built[name], name, start, share)
                self.attempts[index] = replace(attempt, energy=energy)
            except MeasurementError as error:
                self.attempts[index] = replace(attempt, problem=str(error))
            start += share

    async def _confirm(self, baseline: Built) -> tuple[Candidate, EnergyComparison[Any]] | None:
        """Measure the best candidate once more on fresh blocks: the best of many is partly luck."""
        better = {
            id(attempt.energy): attempt.candidate
            for attempt in self.attempts
            if attempt.energy is not None and attempt.energy.verdict is EnergyVerdict.IMPROVED
        }
        ranked = rank([one.energy for one in self.attempts if one.energy is not None])
        for energy in ranked:
            candidate = better.get(id(energy))
            if candidate is None:
                continue
            name = candidate.name
            try:
                again = await self._compare(baseline, self.built[name], f"{name}, again", _MEASURED, 0.2)
            except MeasurementError as error:
                self._note(candidate, f"measured again, it failed: {error}")
                continue
            if again.verdict is EnergyVerdict.IMPROVED:
                return candidate, again
            ratio = change(again.comparison.energy_ratio)
            self._note(candidate, f"measured again, it was not an improvement: {ratio} energy")
        return None

    def _note(self, candidate: Candidate, problem: str) -> None:
        for index, attempt in enumerate(self.attempts):
            if attempt.candidate is candidate:
                self.attempts[index] = replace(attempt, problem=problem)

    async def _compare(
        self, baseline: Built, candidate: Built, name: str, start: float, share: float
    ) -> EnergyComparison[Any]:
        def report(step: Progress) -> None:
            known = step.energy_ratio
            figure = f", energy x {known.value:.3f}" if known is not None else ""
            counted = f" {step.done}/{step.of}" if step.of > 1 else ""
            message = f"{name}: {step.phase}{counted}{figure}"
            self.tell(Step("measure", message, start + share * step.fraction))

        tools, seed = self.tools, secrets.randbits(32)

        def header() -> Header:
            return Header(
                surroundings=Surroundings.here(tools.host),
                meter=tools.meter.info,
                plan=tools.plan,
                seed=seed,
                runner=tools.runner.name,
                guarantees=tools.runner.guarantees,
                baseline=Subject.of(str(self.program.root), baseline),
                candidate=Subject.of(f"{self.program.root}, {name}", candidate),
            )

        with recording(self.record / energy_file(name)) as record:
            result = await compare(
                tools.runner,
                tools.meter,
                baseline.job(),
                candidate.job(),
                plan=tools.plan,
                seed=seed,
                turn=tools.turn,
                progress=report,
                observe=lambda window: record.see(window, header),
            )
            record.finish(comparison_json(result))
        return result

    def _outcome(self, best: tuple[Candidate, EnergyComparison[Any]] | None) -> Outcome:
        candidate, energy = best or (None, None)
        changed: Mapping[str, bytes] = candidate.files if candidate else {}
        texts = self.program.files
        outcome = Outcome(
            improved=candidate is not None,
            headline=headline(candidate, energy, self.attempts),
            details=details(candidate, energy, self.attempts, self.tools),
            candidate=candidate,
            energy=energy,
            attempts=tuple(self.attempts),
            base={name: texts[name] for name in changed},
            edits={name: edits_between(texts[name], data) for name, data in changed.items()},
            record=self.record,
        )
        write_record(outcome, self.program, self.workload, self.tools)
        self.tell(Step("done", outcome.headline, 1.0))
        return outcome
