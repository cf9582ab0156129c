"""Where candidates come from: rewrite rules and a language model, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from jouleline.core.candidate import Candidate, Rewrite, edits_between
from jouleline.core.edit_blocks import EditAnswer, EditFormatError, apply_edits, read_edits
from jouleline.core.loop_settings import LoopSettings
from jouleline.core.ports import LanguageModel, Message, Role, Sampling
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Workload
from jouleline.rules.base import Rule

from . import refactor_prompts as prompts
from .candidates import candidate_by

_SHOWN_DETAIL: Final = 4000
_LINE: Final = "model-"


class ProposalError(ValueError):
    """An answer from which no candidate could be made; the message is one its author can act on."""


@dataclass(frozen=True)
class Base:
    """The program as it is now: the baseline, or the best candidate so far with what led to it.

    ``files`` are all its texts, ``rewrites`` what distinguishes it from the baseline, and ``history``
    what became of the candidates so far, a line each.
    """

    files: Mapping[str, bytes]
    rewrites: tuple[Rewrite, ...] = ()
    history: tuple[str, ...] = ()


class Proposer(Protocol):
    """One source of candidates, asked once a round; it may mend what it proposed."""

    @property
    def name(self) -> str:
        """Short name, unique among the proposers of a run; its candidates carry it."""

    async def propose(self, base: Base) -> Candidate | None:
        """A candidate that improves on ``base``, None if it has no idea.

        Raises:
            ProposalError: if it had one that cannot be used.
            ModelError: if a model gave no answer.
        """

    async def correct(self, base: Base, problem: GateResult) -> Candidate | None:
        """Another candidate in place of the last one, which met this problem; None if it gives up.

        Raises:
            ProposalError: as :meth:`propose`.
            ModelError: as :meth:`propose`.
        """


@dataclass(frozen=True)
class RuleProposer:
    """Applies rewrite rules, one after the other, wherever they are proved to be right."""

    name: str
    rules: Sequence[Rule]
    changeable: Sequence[str]
    baseline: Mapping[str, bytes]

    async def propose(self, base: Base) -> Candidate | None:
        """What the rules make of the program; None if none applies."""
        found = candidate_by(self.name, self.rules, base.files, self.changeable)
        return None if found is None else onto(base, found, self.baseline)

    async def correct(self, base: Base, problem: GateResult) -> None:
        """Nothing: a rule that is wrong somewhere has no second idea."""
        del base, problem


def onto(base: Base, found: Candidate, baseline: Mapping[str, bytes]) -> Candidate:
    """A candidate that was made from ``base``, as one that is made from the baseline."""
    texts = {**base.files, **found.files}
    changed = {name: data for name, data in texts.items() if baseline.get(name) != data}
    return Candidate(found.name, (*base.rewrites, *found.rewrites), changed)


@dataclass
class ModelProposer:
    """One line of thought of a language model: its answers see each other and no other line's.

    ``number`` tells lines apart, for the same question asked twice is answered twice. ``context`` is what
    our own analysis knows, ``guide`` our guidance for the language; ``plan`` keeps what was planned.
    """

    number: int
    model: LanguageModel
    settings: LoopSettings
    workload: Workload
    changeable: Sequence[str]
    baseline: Mapping[str, bytes]
    context: str = ""
    guide: str = ""
    asked: int = 0
    _turns: list[Message] = field(default_factory=list)

    @property
    def name(self) -> str:
        """``model-1`` and so on."""
        return f"{_LINE}{self.number + 1}"

    async def propose(self, base: Base) -> Candidate | None:
        """Ask for a first refactoring, or for one improvement of what there is by now."""
        program = prompts.program_text(base.files, self.changeable, self.workload)
        context = self.context or "Nothing has been measured."
        settings = self.settings
        self._turns = [prompts.system()]
        self.asked += 1
        if self.asked > 1 or base.rewrites:
            request = prompts.ask(
                "improve", program=program, context=context, history=prompts.history(base.history)
            )
        elif settings.plan:
            plan = prompts.ask("plan", program=program, context=context, guide=self.guide)
            self._turns += [plan, await self._said([*self._turns, plan])]
            request = prompts.ask("apply")
        elif settings.context:
            request = prompts.ask("direct", program=program, context=context, guide=self.guide)
        else:
            request = prompts.ask("vanilla", program=program)
        return await self._answer(base, request)

    async def correct(self, base: Base, problem: GateResult) -> Candidate | None:
        """Tell the model what went wrong, and ask for another answer."""
        detail = problem.detail[-_SHOWN_DETAIL:]
        return await self._answer(base, prompts.ask("correct", problem=problem.reason, detail=detail))

    async def _answer(self, base: Base, request: Message) -> Candidate | None:
        self._turns.append(request)
        said = await self._said(self._turns)
        self._turns.append(said)
        try:
            answer = read_edits(said.content)
            changed = apply_edits(answer, base.files, self.changeable)
        except EditFormatError as error:
            raise ProposalError(str(error)) from error
        if not changed:
            return None
        rewrites = tuple(
            self._rewrite(answer, base.files.get(name, b""), data) for name, data in changed.items()
        )
        return onto(base, Candidate(self.name, rewrites, changed), self.baseline)

    async def _said(self, turns: Sequence[Message]) -> Message:
        schedule = self.settings.temperatures
        temperature = schedule[self.number % len(schedule)] if schedule else None
        sampling = Sampling(temperature=temperature, number=self.number)
        return Message(Role.ASSISTANT, (await self.model.complete(turns, sampling)).text)

    def _rewrite(self, answer: EditAnswer, old: bytes, new: bytes) -> Rewrite:
        edits = edits_between(old, new)
        line = old[: edits[0].start].count(b"\n") + 1 if edits else 1
        return Rewrite(
            rule=self.name,
            line=line,
            title=answer.title or "an unnamed change",
            rationale=answer.why or f"{self.model.name} gave no reason",
            edits=edits,
            rounding=answer.rounding is not False,
        )


def is_by_a_model(candidate: Candidate) -> bool:
    """Whether a line of thought of a model had a part in a candidate."""
    return any(rewrite.rule.startswith(_LINE) for rewrite in candidate.rewrites)
