"""A language model whose every answer is kept in the run's log, and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import cattrs

from jouleline.core.ports import (
    Completion,
    Heard,
    LanguageModel,
    Message,
    Sampling,
    unheard,
)

from .cached_model import answer_key
from .journal import Journal, JournalError

_FORMAT = "answer/1"
_STEP_TOKENS = 32
"""How much more of the answers is worth telling."""


@dataclass
class RecordedModel:
    """Asks ``model`` once for each question of a run; ``tell`` hears how far that is.

    ``tokens_in`` and ``tokens_out`` were paid for in this run, ``answers`` counts them and ``seconds``
    (s) is the time they took, summed over those that were asked at once. ``cost`` is at the configured
    prices, None without.
    """

    model: LanguageModel
    journal: Journal
    tell: Callable[[str], None] = lambda _: None
    tokens_in: int = 0
    tokens_out: int = 0
    answers: int = 0
    seconds: float = 0.0
    cost: float | None = None
    _under_way: dict[object, int] = field(default_factory=dict)
    _told: int = 0

    @property
    def name(self) -> str:
        """The model's own name."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's own identity."""
        return self.model.identity

    async def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = Sampling(),  # noqa: B008 - a frozen value
        heard: Heard = unheard,
    ) -> Completion:
        """The answer that the log holds, else a new one.

        Raises:
            ModelError: if there is no answer.
            JournalError: if the log's answer is none that this version can read.
        """
        key = answer_key(_FORMAT, self.identity, messages, sampling)

        async def asked() -> dict[str, object]:
            self.tell(f"asking {self.name}")
            began = time.monotonic()
            answer = object()

            def more(tokens: int) -> None:
                heard(tokens)
                self._under_way[answer] = tokens
                self._tell_how_far()

            try:
                completion = await self.model.complete(messages, sampling, more)
            finally:
                self._under_way.pop(answer, None)
            self.seconds += time.monotonic() - began
            self.answers += 1
            if not completion.cached:
                self.tokens_in += completion.tokens_in
                self.tokens_out += completion.tokens_out
                if completion.cost is not None:
                    self.cost = (self.cost or 0.0) + completion.cost
            # Only the last question: the turns before it are in the log already.
            return {"question": messages[-1].content, "answer": asdict(completion)}

        kept = await self.journal.once("answer", key, asked)
        try:
            return cattrs.structure(kept["answer"], Completion)
        except (KeyError, TypeError, ValueError, cattrs.BaseValidationError):
            raise JournalError(
                "the log of the run holds an answer of a model that this version of Jouleline cannot read; "
                "run without --resume"
            ) from None

    def _tell_how_far(self) -> None:
        """Tell of all answers that are under way, now and then: they come in pieces of a word."""
        tokens, answers = sum(self._under_way.values()), len(self._under_way)
        if abs(tokens - self._told) < _STEP_TOKENS:
            return
        self._told = tokens
        under_way = "answering" if answers == 1 else f"{answers} answers under way"
        self.tell(f"{self.name}: {under_way}, about {tokens} tokens so far")

    async def aclose(self) -> None:
        """End the model's connections."""
        await self.model.aclose()
