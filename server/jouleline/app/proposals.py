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
from .candidates import candidate_by, in_lines_of
from .shown_program import Shown

_SHOWN_DETAIL: Final = 4000
_LINE: Final = "model-"
_MOST_PIECES: Final = 3
_GO_ON: Final = (
    "Your answer was cut off at its length limit. Go on exactly where it ended, mid-line if it "
    "ended there, and repeat nothing."
)


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
        found = candidate_by(self.name, self.rules, base.files, self.changeable, self.baseline)
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
    our own analysis knows, ``guide`` our guidance for the language; ``shown`` says which files it sees
    and may change (None: all).
    """

    number: int
    model: LanguageModel
    settings: LoopSettings
    workload: Workload
    changeable: Sequence[str]
    baseline: Mapping[str, bytes]
    context: str = ""
    guide: str = ""
    shown: Shown | None = None
    asked: int = 0
    _turns: list[Message] = field(default_factory=list)

    @property
    def name(self) -> str:
        """``model-1`` and so on."""
        return f"{_LINE}{self.number + 1}"

    async def propose(self, base: Base) -> Candidate | None:
        """Ask for a first refactoring, or for one improvement of what there is by now."""
        left = self.shown.left if self.shown is not None else ()
        seen = {name: data for name, data in base.files.items() if name not in left}
        program = prompts.program_text(seen, self._changeable, self.workload, left)
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
            planned, _ = await self._said([*self._turns, plan])
            self._turns += [plan, planned]
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
        said = await self._whole()
        self._turns.append(said)
        try:
            answer = read_edits(said.content)
            changed = apply_edits(answer, base.files, self._changeable)
        except EditFormatError as error:
            raise ProposalError(str(error)) from error
        if not changed:
            return None
        rewrites: list[Rewrite] = []
        for name, data in changed.items():
            old = base.files.get(name, b"")
            rewrites += in_lines_of(self.baseline.get(name, old), old, [self._rewrite(answer, old, data)])
        return onto(base, Candidate(self.name, tuple(rewrites), changed), self.baseline)

    @property
    def _changeable(self) -> Sequence[str]:
        left = self.shown.left if self.shown is not None else ()
        return [name for name in self.changeable if name not in left]

    async def _whole(self) -> Message:
        """The next answer; one that met its limit is gone on with, and its pieces are put together.

        Raises:
            ProposalError: if it has no end then, either: half an edit is none.
        """
        text = ""
        for _ in range(_MOST_PIECES):
            pieces = [Message(Role.ASSISTANT, text), Message(Role.USER, _GO_ON)] if text else []
            said, cut = await self._said([*self._turns, *pieces])
            text += said.content
            if not cut:
                return Message(Role.ASSISTANT, text)
            if not said.content.strip():
                break  # all of it went into thoughts
        self._turns.append(Message(Role.ASSISTANT, text or "..."))
        raise ProposalError(
            "the answer was cut off at its length limit, so nothing of it was used; answer again, more "
            "briefly: only SEARCH/REPLACE blocks for the one change that matters most, and no explanation"
        )

    async def _said(self, turns: Sequence[Message]) -> tuple[Message, bool]:
        """The model's next message, and whether it met its length limit."""
        schedule = self.settings.temperatures
        temperature = schedule[self.number % len(schedule)] if schedule else None
        sampling = Sampling(temperature=temperature, number=self.number)
        completion = await self.model.complete(turns, sampling)
        return Message(Role.ASSISTANT, completion.text), completion.cut

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
