"""A language model whose every answer is kept in the run's log, and counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from jouleline.core.ports import Completion, LanguageModel, Message, Sampling, content_key

from .journal import Journal

_FORMAT = "answer/1"


@dataclass
class RecordedModel:
    """Asks ``model`` once for each question of a run; ``tell`` hears when a question is asked.

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

    @property
    def name(self) -> str:
        """The model's own name."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's own identity."""
        return self.model.identity

    async def complete(self, messages: Sequence[Message], sampling: Sampling = Sampling()) -> Completion:  # noqa: B008 - a frozen value
        """The answer that the log holds, else a new one."""
        said = [(str(one.role), one.content) for one in messages]
        key = content_key(
            _FORMAT, self.identity, json.dumps(asdict(sampling), sort_keys=True), json.dumps(said)
        )

        async def asked() -> dict[str, object]:
            self.tell(f"asking {self.name}")
            began = time.monotonic()
            completion = await self.model.complete(messages, sampling)
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
        return Completion(**kept["answer"])

    async def aclose(self) -> None:
        """End the model's connections."""
        await self.model.aclose()
