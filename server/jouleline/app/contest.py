"""Measuring candidates against the baseline, one after the other, and which of them is best."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from jouleline.core.candidate import Candidate
from jouleline.core.energy import EnergyVerdict
from jouleline.core.ports import content_key
from jouleline.core.verdict import GateResult
from jouleline.rules.base import Alternative, Rule

from .build import BuildError, Built
from .energy_record import EnergyRecordError, Header, Subject, read_energy_record, recording
from .energy_replay import replay, replayable
from .journal import Journal, files_key
from .measure import (
    EnergyComparison,
    Measurement,
    MeasurementError,
    Progress,
    Report,
    compare,
    measure_one,
    rank,
)
from .measure_report import comparison_json
from .outcome import Attempt, ReplayMeterOf, Tools
from .record import energy_file
from .report import change

_CONFIRMING: Final = 0.2
"""The share of the loop's progress that the last measurement takes."""


def best_of(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt with the least energy of those that improved."""
    return next(iter(_ranked(attempts)), None)


def _ranked(attempts: Sequence[Attempt]) -> list[Attempt]:
    improved = {id(one.energy): one for one in attempts if one.improved}
    return [improved[id(energy)] for energy in rank([one.energy for one in improved.values() if one.energy])]


def rules_that_saved(rules: Sequence[Rule], attempts: Sequence[Attempt], best: Attempt | None) -> list[Rule]:
    """The rules that saved energy by themselves and are not in ``best`` yet, the most saving first.

    Of alternatives, none is left once one of their family is in.
    """
    held = {rewrite.rule for rewrite in best.candidate.rewrites} if best is not None else set()
    families = {rule.family for rule in rules if isinstance(rule, Alternative) and rule.name in held}
    ratios = {
        one.proposer: one.energy.comparison.energy_ratio.value
        for one in attempts
        if one.energy is not None and one.round == 0
    }
    saved = [
        rule
        for rule in rules
        if ratios.get(rule.name, 1.0) < 1.0
        and rule.name not in held
        and not (isinstance(rule, Alternative) and rule.family in families)
    ]
    return sorted(saved, key=lambda rule: ratios[rule.name])


Recheck = Callable[[Candidate], Awaitable[GateResult]]
"""Runs the program of a candidate once more, as a last gate."""


@dataclass
class Contest:
    """Takes every measurement of a run, and records its windows in ``folder``; ``seconds`` (s) they took.

    ``subject`` is what is measured, for the records, and ``identity`` a key for all that it follows from.
    ``program_of`` gives a candidate's program, ``tell`` hears what is measured and how much of the
    whole loop is done.
    """

    tools: Tools
    subject: str
    identity: str
    folder: Path
    journal: Journal
    program_of: Callable[[Candidate], Awaitable[Built]]
    tell: Callable[[str, float], None]
    seconds: float = 0.0

    async def profiled(self, baseline: Built) -> Measurement[Any]:
        """The energy of a run of the baseline, from a few windows; nothing is compared with it.

        Raises:
            MeasurementError, MeterError: as :func:`measure_one`.
        """
        plan = replace(self.tools.plan, windows=3, warm_up_windows=2)
        began = time.monotonic()
        try:
            return await measure_one(
                self.tools.runner, self.tools.meter, baseline.job(), plan=plan, turn=self.tools.turn
            )
        finally:
            self.seconds += time.monotonic() - began

    async def measured(self, attempt: Attempt, baseline: Built, start: float, share: float) -> Attempt:
        """An attempt with its energy, or with what kept it from being measured."""
        try:
            name = f"{attempt.candidate.name}-{attempt.round}" if attempt.round else attempt.candidate.name
            energy = await self._compare(baseline, attempt.candidate, name, start, share)
        except (MeasurementError, BuildError) as error:
            return replace(attempt, problem=str(error))
        return replace(attempt, energy=energy)

    async def confirm(
        self, attempts: list[Attempt], baseline: Built, start: float, recheck: Recheck
    ) -> tuple[Candidate, EnergyComparison[Any]] | None:
        """Measure the best candidate once more on fresh blocks: the best of many is partly luck.

        Then it is checked once more, for some are right first and wrong later. One that fails either is
        noted as such in ``attempts``, and the next best is tried.
        """
        for attempt in _ranked(attempts):
            place, candidate = attempts.index(attempt), attempt.candidate
            try:
                again = await self._compare(
                    baseline, candidate, f"{candidate.name}, again", start, _CONFIRMING
                )
            except (MeasurementError, BuildError) as error:
                attempts[place] = replace(attempt, problem=f"measured again, it failed: {error}")
                continue
            if again.verdict is not EnergyVerdict.IMPROVED:
                ratio = change(again.comparison.energy_ratio)
                problem = f"measured again, it was not an improvement: {ratio} energy"
                attempts[place] = replace(attempt, problem=problem)
                continue
            attempts[place] = replace(attempt, verdict=attempt.verdict + await recheck(candidate))
            if attempts[place].verdict.accepted:
                return candidate, again
        return None

    async def _compare(
        self, baseline: Built, candidate: Candidate, name: str, start: float, share: float
    ) -> EnergyComparison[Any]:
        def report(step: Progress) -> None:
            known = step.energy_ratio
            figure = f", energy x {known.value:.3f}" if known is not None else ""
            counted = f" {step.done}/{step.of}" if step.of > 1 else ""
            self.tell(f"{name}: {step.phase}{counted}{figure}", start + share * step.fraction)

        fresh: list[EnergyComparison[Any]] = []

        async def measure() -> str:
            built = await self.program_of(candidate)
            path = _unused(self.folder, name)
            began = time.monotonic()
            try:
                fresh.append(await self._measured(baseline, built, name, path, report))
            finally:
                self.seconds += time.monotonic() - began
            return path.name

        key = content_key(self.identity, files_key(candidate.files), name)
        kept = await self.journal.once("measurement", key, measure)
        if not fresh and (replay_meter := self.tools.replay_meter) is not None:
            return await _again(self.folder / kept, replay_meter)
        if not fresh:
            await measure()
        return fresh[0]

    async def _measured(
        self, baseline: Built, built: Built, name: str, path: Path, report: Report
    ) -> EnergyComparison[Any]:
        tools, seed = self.tools, secrets.randbits(32)

        def header() -> Header:
            return Header(
                surroundings=tools.surroundings_now,
                meter=tools.meter.info,
                plan=tools.plan,
                seed=seed,
                runner=tools.runner.name,
                guarantees=tools.runner.guarantees,
                baseline=Subject.of(self.subject, baseline),
                candidate=Subject.of(f"{self.subject}, {name}", built),
            )

        with recording(path) as record:
            result = await compare(
                tools.runner,
                tools.meter,
                baseline.job(),
                built.job(),
                plan=tools.plan,
                seed=seed,
                turn=tools.turn,
                progress=report,
                observe=lambda window: record.see(window, header),
            )
            record.finish(comparison_json(result))
        return result


def _unused(folder: Path, name: str) -> Path:
    """The file for a comparison's windows; a run that was killed may have left one that is not whole."""
    names = (name, *(f"{name}-try-{count}" for count in range(2, 1000)))
    return next(path for one in names if not (path := folder / energy_file(one)).exists())


async def _again(path: Path, replay_meter: ReplayMeterOf) -> EnergyComparison[Any]:
    """The comparison that a resumed run recorded, worked out anew from its windows."""
    source = replayable(read_energy_record(path))
    result = await replay(source, replay_meter(source))
    if not isinstance(result, EnergyComparison):
        raise EnergyRecordError(f"{path}: holds no comparison; run without --resume")
    # The same run goes on, so its figures are those of its own meter.
    return replace(result, comparison=replace(result.comparison, meter=source.record.header.meter))
