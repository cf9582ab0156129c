"""Evidence of kind ``model``: a language model's opinion of each kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jouleline.core.answer import Answer, read_answer, vote
from jouleline.core.counts import Evidence
from jouleline.core.ports import (
    Completion,
    LanguageModel,
    Message,
    ModelError,
    ModelUnavailableError,
    Sampling,
)
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.roofline import Bound, BoundKind

from .analyse import Analysis, parse_files
from .evidence import Refinement
from .examples import choose, own_examples
from .program import Problem, Program
from .question import Example, one_word, question_of, reasoned

_SHOWN: Final = 80
"""Characters of an unreadable answer that are quoted."""


@dataclass(frozen=True)
class ModelScenario:
    """How a model is asked (the scenarios of arXiv 2505.03988).

    ``shots`` examples come first (0: zero-shot). ``samples`` answers are drawn and vote. ``tuned``: the
    model was fine-tuned on conversations of ``study export``, so it is asked as it was taught, for one
    word.
    """

    shots: int = 0
    samples: int = 1
    tuned: bool = False


@dataclass
class Usage:
    """What a run asked. ``estimated``: an endpoint did not count tokens, so they are guessed."""

    answers: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False

    def add(self, completion: Completion) -> None:
        """Count an answer; one from the cache costs no tokens."""
        self.answers += 1
        if completion.cached:
            self.cached += 1
            return
        self.tokens_in += completion.tokens_in
        self.tokens_out += completion.tokens_out
        self.estimated |= completion.tokens_estimated


class ModelBounds:
    """Asks a model for each kernel's bound. It waits for the network: never on the typing path."""

    def __init__(
        self,
        model: LanguageModel,
        scenario: ModelScenario,
        examples: Sequence[Example] | None = None,
    ) -> None:
        """``examples`` are to choose from; our own samples by default."""
        self.model = model
        self.scenario = scenario
        self.usage = Usage()
        self._examples = examples

    @property
    def kind(self) -> Evidence:
        """Always ``model``."""
        return Evidence.MODEL

    @property
    def setting(self) -> str:
        """What opinions depend on beside the program: the model, its parameters, how it is asked."""
        return f"{self.model.identity} {self.scenario}"

    def refine(self, analysis: Analysis, program: Program) -> Refinement:
        """An opinion of each kernel. Call it where no event loop runs, such as in a thread."""
        return asyncio.run(self._refine(analysis, program))

    async def _refine(self, analysis: Analysis, program: Program) -> Refinement:
        asked = self._conversations(analysis, program)
        once: dict[tuple[Message, ...], asyncio.Task[Answer]] = {}
        opinions: dict[int, Bound] = {}
        problems: list[Problem] = []
        unavailable = ""
        try:
            for messages in asked:
                if messages not in once:
                    once[messages] = asyncio.create_task(self._answer(messages))
            for index, messages in enumerate(asked):
                report = analysis.kernels[index]
                try:
                    opinions[index] = _bound(await once[messages], report.bound.floor_s)
                except ModelUnavailableError as error:
                    unavailable = str(error)
                    problems.append(Problem(report.file, report.kernel.line, unavailable))
                    break
                except ModelError as error:
                    sentence = f"no opinion of {report.kernel.name}: {error}"
                    problems.append(Problem(report.file, report.kernel.line, sentence))
        finally:
            for task in once.values():
                task.cancel()
            await asyncio.gather(*once.values(), return_exceptions=True)
            await self.model.aclose()
        return Refinement(opinions=opinions, problems=tuple(problems), unavailable=unavailable)

    def _conversations(self, analysis: Analysis, program: Program) -> list[tuple[Message, ...]]:
        parsed, _ = parse_files(program.files)
        facts = ProgramFacts({name: file.facts for name, file in parsed.items()})
        name = Path(program.root).absolute().name
        device = analysis.device
        conversations = []
        for report in analysis.kernels:
            question = question_of(report, analysis, facts, name)
            if self.scenario.tuned:
                conversations.append(one_word(question, device))
                continue
            examples = own_examples() if self._examples is None else self._examples
            chosen = choose(examples, question, self.scenario.shots, device) if self.scenario.shots else ()
            conversations.append(reasoned(question, device, chosen))
        return conversations

    async def _answer(self, messages: tuple[Message, ...]) -> Answer:
        """One conversation's answer: that of the majority where several are drawn.

        Raises:
            ModelError: if half of the answers or more do not come or cannot be read, or they split evenly.
        """
        draws = [self._read(messages, number) for number in range(self.scenario.samples)]
        drawn = await asyncio.gather(*draws, return_exceptions=True)
        failures = [one for one in drawn if isinstance(one, BaseException)]
        answers = [one for one in drawn if isinstance(one, Answer)]
        fatal = [one for one in failures if not _of_this_answer(one)]
        if fatal or 2 * len(answers) <= len(drawn):
            raise (fatal or failures)[0]
        agreed = vote(answers)
        if agreed is None:
            raise ModelError(f"{len(answers)} answers split evenly; ask for an odd number of samples")
        return agreed

    async def _read(self, messages: tuple[Message, ...], number: int) -> Answer:
        completion = await self.model.complete(messages, Sampling(number=number))
        self.usage.add(completion)
        # A cut answer may end in the middle of an argument against what it just named.
        if completion.cut:
            raise ModelError("the answer was cut at its token limit; raise max_tokens in [model]")
        answer = read_answer(completion.text)
        if answer is None:
            raise ModelError(f"the answer cannot be read as Compute or Bandwidth: {_quoted(completion.text)}")
        return answer


def _of_this_answer(error: BaseException) -> bool:
    return isinstance(error, ModelError) and not isinstance(error, ModelUnavailableError)


def _bound(answer: Answer, floor_s: float) -> Bound:
    """An opinion has no margin and no driver; the least time stays that of the counts."""
    compute = answer.probability_compute
    if compute is None:
        compute = 1.0 if answer.kind is BoundKind.COMPUTE else 0.0
    return Bound(answer.kind, None, 0.0, compute, floor_s)


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else "..." + line[-_SHOWN:])
