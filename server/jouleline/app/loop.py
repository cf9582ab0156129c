"""The rounds of the loop: proposals side by side, then one measurement after the other.

A round asks every proposer for a candidate, lets what does not apply, build or verify be corrected, and
measures what passed against the baseline. The next round goes on from the best program so far. Models,
builds and corrections of one round overlap; runs of the gates wait for each other, and nothing overlaps
with a measurement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline import __version__
from jouleline.core.candidate import Candidate, edits_between
from jouleline.core.energy import Arm
from jouleline.core.meter import MeterError
from jouleline.core.ports import ModelError, ModelUnavailableError, content_key
from jouleline.core.verdict import GateResult, Verdict, gates_json, verdict_of

from . import context, refactor_prompts
from .build import Built, build
from .contest import Contest, best_of, rules_that_saved
from .headroom import Roofs
from .journal import Journal, files_key, identity
from .judge import Judge
from .loop_settings import describe
from .measure import EnergyComparison, Measurement, MeasurementError
from .outcome import Attempt, Outcome, SearchCost, Step, Task
from .proposals import Base, ModelProposer, ProposalError, Proposer, RuleProposer, is_by_a_model
from .recheck import recheck
from .record import write_record
from .recorded_model import RecordedModel
from .report import commented, details, fate, headline
from .turns import Account, Turns
from .verify import Reference, check_candidate, make_reference
from .workload import changeable_files

APPLIES: Final = "edit"
"""The gate that an answer fails if no candidate can be made of it."""
_COMBINED: Final = "combined"

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
        self._scratch = scratch
        self._journal = journal
        self._account = Account(tools.runner)
        self._turns = Turns(self._account, tools.builds)
        # An edit of an editor changes files that are there; rules and models make no new ones.
        self._changeable = [name for name in changeable_files(program, workload) if name in program.files]
        self._model = self._recorded(tools.model if tools.settings.model else None)
        judge = (tools.judge or tools.model) if tools.settings.judge else None
        self._judge = self._recorded(judge)
        self._identity = identity(program, workload)
        # All that a verdict and a measurement follow from beside the candidate itself.
        self._circumstances = content_key(
            "circumstances/1",
            __version__,
            self._identity,
            tools.runner.name,
            *tools.runner.guarantees,
            tools.device.name if tools.device is not None else "",
            tools.meter.info.name,
            repr(tools.plan),
            self._judge.identity if self._judge is not None else "",
        )
        self._attempts: list[Attempt] = []
        self._seen: set[str] = set()
        self._built: dict[str, Built] = {}
        self._copies = 0
        self._roofs = Roofs(program, workload.args, tools.device)
        self._contest = Contest(
            tools=replace(tools, runner=self._account),
            subject=str(program.root),
            identity=self._circumstances,
            folder=task.record,
            journal=journal,
            program_of=self._program_of,
            tell=lambda text, done: self._say("measure", text, done),
        )
        self._began = time.monotonic()
        self._fraction = 0.0
        self._search_meter = tools.search_meter
        self._notes: list[str] = list(tools.notes)

    def _recorded(self, model: Any) -> RecordedModel | None:
        if model is None:
            return None
        return RecordedModel(model, self._journal, lambda text: self._say("model", text))

    def _say(self, stage: str, message: str, fraction: float | None = None) -> None:
        self._fraction = max(self._fraction, fraction or 0.0)
        self._tell(Step(stage, message, self._fraction))

    async def run(self) -> Outcome:
        """Search, confirm the best, and write the record."""
        await self._begin_account()
        baseline, reference = await self._baseline()
        self._note_start()
        proposers = await self._proposers(baseline)
        best: Attempt | None = None
        for number in range(self._settings.rounds + 1):
            if number and self._is_over():
                break
            fresh = await self._round(number, proposers, best, reference)
            await self._measure(fresh, baseline, number)
            found = best_of(self._attempts)
            if number and found is best:
                break
            best = found
            if self._is_near_floor(best):
                break
            proposers = self._of_later_rounds(proposers, best)
            if not proposers:
                break

        async def rechecked(candidate: Candidate) -> GateResult:
            built = await self._program_of(candidate)
            return await recheck(reference, built, self._turns, self._copy("recheck"))

        confirmed = await self._contest.confirm(self._attempts, baseline, _SEARCHED, rechecked)
        return await self._outcome(confirmed)

    async def _begin_account(self) -> None:
        """Have a meter see the whole search; one that cannot be believed leaves only its own figure out."""
        try:
            if self._search_meter is not None:
                await asyncio.to_thread(self._search_meter.start)
        except MeterError as error:
            self._search_meter = None
            self._notes.append(f"the energy of the search is not known: {error}")

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
        if limit is None or time.monotonic() - self._began < limit:
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

    async def _baseline(self) -> tuple[Built, Reference]:
        program = self._program
        own = {name: data for name, data in program.files.items() if not name.startswith("..")}
        self._say("baseline", f"building: {self._workload.build}", 0.0)
        built = await build(program.root, own, self._workload, self._turns, self._copy("baseline"))
        self._say("baseline", f"running: {self._workload.run_command()}", _BASELINE_DONE / 2)
        return built, await make_reference(built, self._turns, device=self._tools.device)

    def _copy(self, name: str) -> Path:
        self._copies += 1
        return self._scratch / f"{self._copies:02d}-{name}"

    # Proposals

    async def _proposers(self, baseline: Built) -> list[Proposer]:
        files = self._program.files
        rules: list[Proposer] = [
            RuleProposer(rule.name, [rule], self._changeable, files)
            for rule in (self._tools.rules if self._settings.rules else ())
        ]
        return [*rules, *await self._lines_of_thought(baseline)]

    async def _lines_of_thought(self, baseline: Built) -> list[ModelProposer]:
        if self._model is None:
            return []
        known, guide = "", ""
        analysis = self._roofs.of({})
        if (self._settings.context or self._settings.plan) and analysis is not None:
            energy = await self._profile(baseline) if self._settings.context else None
            known = context.describe(analysis, energy) if self._settings.context else ""
            guide = refactor_prompts.guide(analysis)
        first = self._tools.first_line
        return [
            ModelProposer(
                number=number,
                model=self._model,
                settings=self._settings,
                workload=self._workload,
                changeable=self._changeable,
                baseline=self._program.files,
                context=known,
                guide=guide,
            )
            for number in range(first, first + self._settings.candidates)
        ]

    async def _profile(self, baseline: Built) -> Measurement[Any] | None:
        """The energy of a run of the baseline, to tell a model; nothing rests on it."""
        self._say("baseline", "measuring the energy of a run", _BASELINE_DONE)
        try:
            return await self._contest.profiled(baseline)
        except (MeterError, MeasurementError) as error:
            self._notes.append(f"the model was not told the energy of a run: {error}")
            return None

    def _of_later_rounds(self, proposers: Sequence[Proposer], best: Attempt | None) -> list[Proposer]:
        """Models go on; rules that saved energy by themselves are tried together, on what there is by now."""
        right = rules_that_saved(self._tools.rules, self._attempts, best)
        together = RuleProposer(_COMBINED, right, self._changeable, self._program.files)
        models = [one for one in proposers if isinstance(one, ModelProposer)]
        return [*([together] if right else []), *models]

    # Rounds

    async def _round(
        self, number: int, proposers: Sequence[Proposer], best: Attempt | None, reference: Reference
    ) -> list[int]:
        """Let every proposer make and mend its candidate; the places of the new attempts."""
        start = len(self._attempts)
        base = self._base(best)
        try:
            async with asyncio.TaskGroup() as group:
                for proposer in proposers:
                    group.create_task(self._line(number, proposer, base, reference))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None  # one reason is enough to say why the run ended
        return list(range(start, len(self._attempts)))

    def _base(self, best: Attempt | None) -> Base:
        history = tuple(f"{one.candidate.title}: {fate(one)}" for one in self._attempts)
        if best is None:
            return Base(self._program.files, (), history)
        candidate = best.candidate
        return Base({**self._program.files, **candidate.files}, candidate.rewrites, history)

    async def _line(self, number: int, proposer: Proposer, base: Base, reference: Reference) -> None:
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
            attempt = await self._tried(candidate, reference)
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
        self._journal.note("no answer", proposer=proposer.name, problem=str(error))
        if text not in self._notes:
            self._notes.append(text)

    async def _tried(self, candidate: Candidate, reference: Reference) -> Attempt | None:
        """Verify and judge a candidate, unless the same has been tried."""
        key = files_key(candidate.files)
        if key in self._seen:
            return None
        self._seen.add(key)
        self._say("verify", f"{candidate.name}: {candidate.title}")

        async def checked() -> list[Mapping[str, Any]]:
            verdict, built = await check_candidate(
                reference,
                self._program.root,
                candidate.files,
                original=self._program.files,
                runner=self._turns,
                scratch=self._copy(candidate.name),
            )
            if verdict.accepted and built is not None:
                self._built[key] = built
            if verdict.accepted and self._judge is not None and is_by_a_model(candidate):
                verdict += await Judge(self._judge, self._workload).review(candidate, self._program.files)
            return gates_json(verdict)

        gates = await self._journal.once("verdict", content_key(self._circumstances, key), checked)
        return Attempt(candidate, verdict_of(gates))

    async def _program_of(self, candidate: Candidate) -> Built:
        """The candidate's program; built again where a resumed run found only its verdict."""
        key = files_key(candidate.files)
        if key not in self._built:
            self._built[key] = await build(
                self._program.root, candidate.files, self._workload, self._turns, self._copy(candidate.name)
            )
        return self._built[key]

    async def _measure(self, places: Sequence[int], baseline: Built, number: int) -> None:
        """Measure what passed in a round."""
        share = (_SEARCHED - _BASELINE_DONE) / (self._settings.rounds + 1)
        passed = [place for place in places if self._attempts[place].verdict.accepted]
        for done, place in enumerate(passed):
            start = _BASELINE_DONE + share * (number + _VERIFYING + (1 - _VERIFYING) * done / len(passed))
            part = share * (1 - _VERIFYING) / len(passed)
            self._attempts[place] = await self._contest.measured(self._attempts[place], baseline, start, part)

    # The end

    async def _cost(self) -> SearchCost:
        models = [one for one in (self._model, self._judge) if one is not None]
        energy_j = None
        if self._search_meter is not None and self._account.done:
            try:
                energy_j = (await asyncio.to_thread(self._search_meter.stop, self._account.done)).energy_j
            except MeterError as error:
                self._notes.append(f"the energy of the search is not known: {error}")
        return SearchCost(
            wall_s=time.monotonic() - self._began,
            build_s=self._turns.build_s,
            run_s=self._turns.run_s,
            start_s=self._turns.start_s,
            measure_s=self._contest.seconds,
            model_s=sum(one.seconds for one in models),
            answers=sum(one.answers for one in models),
            tokens_in=sum(one.tokens_in for one in models),
            tokens_out=sum(one.tokens_out for one in models),
            money=sum(costs) if (costs := [one.cost for one in models if one.cost is not None]) else None,
            energy_j=energy_j,
            reused=self._journal.reused,
        )

    async def _outcome(self, best: tuple[Candidate, EnergyComparison[Any]] | None) -> Outcome:
        candidate, energy = best or (None, None)
        changed: Mapping[str, bytes] = candidate.files if candidate else {}
        texts = self._program.files
        cost = await self._cost()
        notes = tuple(self._notes)
        bounds = self._roofs.change(changed)
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
            bounds=bounds,
        )
        outcome = replace(outcome, details=details(outcome))
        write_record(outcome, self._program, self._workload, self._tools)
        self._journal.note("end", improved=outcome.improved, headline=outcome.headline)
        self._say("done", outcome.headline, 1.0)
        return outcome
