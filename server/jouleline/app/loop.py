"""The rounds of the loop: proposals side by side, then one measurement after the other.

A round asks every proposer for a candidate, lets what does not apply, build or verify be corrected, and
measures what passed against the baseline. The next round goes on from the best program so far. Models,
builds and corrections of one round overlap; runs of the gates wait for each other, and nothing overlaps
with a measurement.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline.core.candidate import Candidate, edits_between
from jouleline.core.energy import Arm
from jouleline.core.ports import ModelError, ModelUnavailableError
from jouleline.core.verdict import GateResult, Verdict

from .bench import Bench
from .contest import Contest, best_of
from .examiner import Examiner
from .fleet_bench import FleetBench
from .headroom import Roofs
from .journal import Journal, identity
from .judge import NO_OPINION
from .lineup import Lineup
from .local_bench import LocalBench
from .loop_settings import describe
from .measure import EnergyComparison
from .outcome import Attempt, Outcome, Step, Task
from .proposals import Base, ProposalError, Proposer
from .record import write_record
from .recorded_model import RecordedModel
from .report import commented, details, fate, headline
from .search_account import SearchAccount

APPLIES: Final = "edit"
"""The gate that an answer fails if no candidate can be made of it."""

_BASELINE_DONE: Final = 0.1
_SEARCHED: Final = 0.8
_VERIFYING: Final = 0.5
"""The share of a round that verifying takes; measuring takes the rest."""


class Loop:
    """One run of the loop on one program."""

    def __init__(self, task: Task, tell: Callable[[Step], None], scratch: Path, journal: Journal) -> None:
        """Copies are made in ``scratch``; ``tell`` hears where the loop is."""
        program, workload, tools = task.program, task.workload, task.tools
        self._program = program
        self._workload = workload
        self._tools = tools
        self._record = task.record
        self._settings = tools.settings
        self._tell = tell
        self._journal = journal
        self._model = self._recorded(tools.model if tools.settings.model else None)
        self._judge = self._recorded((tools.judge or tools.model) if tools.settings.judge else None)
        self._identity = identity(program, workload)
        self._attempts: list[Attempt] = []
        self._roofs = Roofs(program, shlex.join(workload.arguments), tools.device)
        self._bench = self._bench_of(task, scratch)
        self._examiner = Examiner(
            program=program,
            workload=workload,
            bench=self._bench,
            journal=journal,
            judge=self._judge,
            tell=lambda text: self._say("verify", text),
        )
        self._contest = Contest(self._bench, lambda text, done: self._say("measure", text, done))
        self._fraction = 0.0
        self._notes: list[str] = list(tools.notes)
        self._account = SearchAccount(self._bench, tools.search_meter, self._notes)
        self._unanswered = ""
        self._lineup = Lineup(
            task,
            self._model,
            self._roofs,
            lambda text: self._say("baseline", text, _BASELINE_DONE),
            self._notes,
        )

    def _bench_of(self, task: Task, scratch: Path) -> Bench:
        if task.tools.fleet is not None:
            return FleetBench(task, task.tools.fleet, self._journal, lambda text: self._say("fleet", text))

        def tell(text: str, done: float) -> None:
            self._say("baseline", text, done * _BASELINE_DONE)

        return LocalBench(task, scratch, self._journal, tell)

    def _recorded(self, model: Any) -> RecordedModel | None:
        if model is None:
            return None
        return RecordedModel(model, self._journal, lambda text: self._say("model", text))

    def _say(self, stage: str, message: str, fraction: float | None = None) -> None:
        self._fraction = max(self._fraction, fraction or 0.0)
        self._tell(Step(stage, message, self._fraction))

    async def run(self) -> Outcome:
        """Search, confirm the best, and write the record."""
        await self._account.begin()
        await self._bench.prepare()
        self._note_start()
        proposers = await self._lineup.first(self._bench)
        best: Attempt | None = None
        for number in range(self._settings.rounds + 1):
            if number and self._is_over():
                break
            fresh = await self._round(number, proposers, best)
            await self._measure(fresh, number)
            found = best_of(self._attempts)
            if number and found is best:
                break
            best = found
            if self._is_near_floor(best):
                break
            proposers = self._lineup.later(proposers, self._attempts, best)
            if not proposers:
                break

        return await self._outcome(await self._contest.confirm(self._attempts, _SEARCHED))

    def _note_start(self) -> None:
        self._journal.note(
            "start",
            program=str(self._program.root.absolute()),
            identity=self._identity,
            settings=describe(self._settings),
            model=self._model.name if self._model is not None else None,
        )

    def _is_over(self) -> bool:
        limit = self._settings.seconds
        if limit is None or self._account.seconds < limit:
            return False
        self._notes.append(f"the search ended after {limit:g} s, as the settings say")
        return True

    def _is_near_floor(self, best: Attempt | None) -> bool:
        """Whether what there is by now leaves nothing worth searching for."""
        if best is None or best.energy is None or not self._settings.rounds:
            return False
        seconds = best.energy.comparison.summary(Arm.CANDIDATE).seconds.value
        if why := self._roofs.leave_nothing(best.candidate.files, seconds):
            self._notes.append(f"the search ended: {why}")
        return bool(why)

    # Rounds

    async def _round(self, number: int, proposers: Sequence[Proposer], best: Attempt | None) -> list[int]:
        """Let every proposer make and mend its candidate; the places of the new attempts."""
        start = len(self._attempts)
        base = self._base(best)
        try:
            async with asyncio.TaskGroup() as group:
                for proposer in proposers:
                    group.create_task(self._line(number, proposer, base))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # one reason is enough to say why the run ended
        return list(range(start, len(self._attempts)))

    def _base(self, best: Attempt | None) -> Base:
        history = tuple(f"{one.candidate.title}: {fate(one)}" for one in self._attempts)
        if best is None:
            return Base(self._program.files, (), history)
        candidate = best.candidate
        return Base({**self._program.files, **candidate.files}, candidate.rewrites, history)

    async def _line(self, number: int, proposer: Proposer, base: Base) -> None:
        """One proposer's candidate of a round, and its corrections, up to the first that passes."""
        problem: GateResult | None = None
        for correction in range(self._settings.corrections + 1):
            try:
                candidate = await (
                    proposer.propose(base) if problem is None else proposer.correct(base, problem)
                )
            except ProposalError as error:
                problem = GateResult(APPLIES, passed=False, reason=str(error))
                empty = Candidate(proposer.name, (), {})
                self._keep(Attempt(empty, Verdict((problem,)), None, "", proposer.name, number, correction))
                continue
            except ModelError as error:
                self._failed(proposer, error)
                return
            if candidate is None:
                return
            attempt = await self._examiner.examined(candidate)
            if attempt is None:
                return  # somebody else had the same idea
            attempt = replace(attempt, proposer=proposer.name, round=number, correction=correction)
            self._keep(attempt)
            problem = attempt.verdict.failed
            if problem is None:
                return

    def _keep(self, attempt: Attempt) -> None:
        self._attempts.append(attempt)
        self._journal.note(
            "attempt",
            proposer=attempt.proposer,
            round=attempt.round,
            correction=attempt.correction,
            title=attempt.candidate.title,
            accepted=attempt.verdict.accepted,
        )

    def _failed(self, proposer: Proposer, error: ModelError) -> None:
        text = str(error) if isinstance(error, ModelUnavailableError) else f"{proposer.name}: {error}"
        self._unanswered = self._unanswered or text
        self._journal.note("no answer", proposer=proposer.name, problem=str(error))
        if text not in self._notes:
            self._notes.append(text)

    async def _measure(self, places: Sequence[int], number: int) -> None:
        """Measure what passed in a round."""
        share = (_SEARCHED - _BASELINE_DONE) / (self._settings.rounds + 1)
        passed = [place for place in places if self._attempts[place].verdict.accepted]
        for done, place in enumerate(passed):
            start = _BASELINE_DONE + share * (number + _VERIFYING + (1 - _VERIFYING) * done / len(passed))
            part = share * (1 - _VERIFYING) / len(passed)
            self._attempts[place] = await self._contest.measured(self._attempts[place], start, part)

    # The end

    def _judge_unanswered(self) -> str:
        warned = (gate for one in self._attempts for gate in one.verdict.warnings)
        return next((one.reason for one in warned if one.reason.startswith(NO_OPINION)), "")

    async def _outcome(self, best: tuple[Candidate, EnergyComparison[Any]] | None) -> Outcome:
        candidate, energy = best or (None, None)
        changed: Mapping[str, bytes] = candidate.files if candidate else {}
        texts = self._program.files
        models = [one for one in (self._model, self._judge) if one is not None]
        cost = await self._account.cost(models, self._journal)
        notes = tuple(self._notes)
        roofs = self._roofs.change(changed)
        if candidate is not None and energy is not None and self._settings.comment:
            candidate = commented(candidate, energy)
            changed = candidate.files
        outcome = Outcome(
            improved=candidate is not None,
            headline=headline(candidate, energy, self._attempts, asked=self._model is not None),
            details="",
            candidate=candidate,
            energy=energy,
            attempts=tuple(self._attempts),
            base={name: texts[name] for name in changed},
            edits={name: edits_between(texts[name], data) for name, data in changed.items()},
            record=self._record,
            cost=cost,
            notes=notes,
            roofs=roofs,
            unanswered=self._unanswered or self._judge_unanswered(),
        )
        outcome = replace(outcome, details=details(outcome))
        write_record(outcome, self._program, self._workload, self._tools)
        self._journal.note("end", improved=outcome.improved, headline=outcome.headline)
        self._say("done", outcome.headline, 1.0)
        return outcome
