"""A language model that is not asked the same thing twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import cattrs

from jouleline.core.content_key import content_key
from jouleline.core.ports import (
    Cache,
    Completion,
    Heard,
    LanguageModel,
    Message,
    Sampling,
    unheard,
)

_FORMAT: Final = "completion/1"


@dataclass(frozen=True)
class CachedModel:
    """Gives an earlier answer to the same question of the same model with the same parameters.

    Neither the key nor the value holds the question's text; errors are not kept.
    """

    model: LanguageModel
    cache: Cache

    @property
    def name(self) -> str:
        """The model's own name."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's own identity: the cache changes no answer."""
        return self.model.identity

    async def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = Sampling(),  # noqa: B008 - a frozen value
        heard: Heard = unheard,
    ) -> Completion:
        """The answer that was kept, else a new one."""
        key = answer_key(_FORMAT, self.identity, messages, sampling)
        kept = _read(self.cache.get(key))
        if kept is not None:
            return kept
        completion = await self.model.complete(messages, sampling, heard)
        self.cache.put(key, {name: value for name, value in asdict(completion).items() if name != "cached"})
        return completion

    async def aclose(self) -> None:
        """End the model's connections."""
        await self.model.aclose()


def answer_key(form: str, model: str, messages: Sequence[Message], sampling: Sampling) -> str:
    """A key for all that an answer depends on: the ``model``'s identity, the question and the draw.

    ``form`` names how the answer is kept, and its version.
    """
    said = [(str(one.role), one.content) for one in messages]
    return content_key(form, model, json.dumps(asdict(sampling), sort_keys=True), json.dumps(said))


def _read(value: object) -> Completion | None:
    if not isinstance(value, dict):
        return None
    try:
        return replace(cattrs.structure(value, Completion), cached=True)
    except (ValueError, TypeError, cattrs.BaseValidationError):
        return None  # of another version
