"""A chat model behind any endpoint that speaks the OpenAI protocol: a vendor's, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import (
    Availability,
    Completion,
    Finding,
    Heard,
    Message,
    ModelError,
    Sampling,
    unheard,
)

from .answer_stream import BYTES_PER_TOKEN, BrokenAnswerError, gathered, of_message
from .endpoint import Endpoint
from .spending import Spending

if TYPE_CHECKING:
    import openai

_WAYS: Final[Sequence[Mapping[str, Any]]] = (
    {"stream": True, "stream_options": {"include_usage": True}},
    {"stream": True},
    {},
)
"""How an answer is asked for, the best way first: some endpoints know no ``stream_options``, or no stream."""
_STREAMING: Final = re.compile(r"\bstream", re.IGNORECASE)
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0


class OpenAICompatibleModel:
    """Asks for chat completions, within a budget of tokens and of money."""

    def __init__(self, settings: ModelSettings, spending: Spending | None = None) -> None:
        """Nothing is opened here; models that share a budget are given the same ``spending``."""
        self._settings = settings
        self._spending = spending or Spending(settings)
        self._endpoint = Endpoint(settings)
        self._way = 0

    @property
    def name(self) -> str:
        """The model's name as it is configured."""
        return self._settings.model

    @property
    def identity(self) -> str:
        """Endpoint, model and all parameters that are the same for every question."""
        settings = self._settings
        parts = {
            "endpoint": settings.base_url.rstrip("/"),
            "model": settings.model,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "extra": settings.extra,
        }
        return json.dumps(parts, sort_keys=True, default=str)

    async def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = Sampling(),  # noqa: B008 - a frozen value
        heard: Heard = unheard,
    ) -> Completion:
        """Ask once; what may succeed later is tried again (429, 5xx, broken connections and answers).

        Raises:
            ModelError: when there is no answer to this question.
            ModelUnavailableError: when there would be none to any other, either.
        """
        settings = self._settings
        for tried in count():
            try:
                return await self._asked(messages, sampling, heard)
            except BrokenAnswerError as error:
                self._spending.spend(_about(messages), error.tokens)
                if tried >= settings.max_retries:
                    raise
            await asyncio.sleep(min(_FIRST_PAUSE_S * 2**tried, _LONGEST_PAUSE_S))
        raise AssertionError("tries are counted without end")

    async def _asked(self, messages: Sequence[Message], sampling: Sampling, heard: Heard) -> Completion:
        """One request, in the first way that the endpoint understands."""
        import openai

        settings = self._settings
        asked = _about(messages)
        most = sampling.max_tokens if sampling.max_tokens is not None else settings.max_tokens
        temperature = sampling.temperature if sampling.temperature is not None else settings.temperature
        parameters: dict[str, object] = dict(settings.extra)
        if temperature is not None:
            parameters["temperature"] = temperature
        if most is not None:
            parameters[self._limit_name] = most

        async def answered(client: openai.AsyncOpenAI) -> Completion:
            answer: Any = await client.chat.completions.create(
                model=settings.model,
                messages=[{"role": str(one.role), "content": one.content} for one in messages],  # type: ignore[misc]
                extra_body=parameters,
                **_WAYS[way],
            )
            return await gathered(answer, asked, heard) if _WAYS[way] else of_message(answer, asked)

        async def request(client: openai.AsyncOpenAI) -> Completion:
            with self._spending.reserved(asked, most or 0):
                try:
                    found = await asyncio.wait_for(answered(client), settings.answer_s)
                except TimeoutError:
                    raise ModelError(
                        f"{settings.model} was not done with its answer after {settings.answer_s:g} s; raise "
                        "answer_s in [model], or ask a faster model"
                    ) from None
            cost = self._spending.spend(found.tokens_in, found.tokens_out)
            return replace(found, cost=cost)

        def is_of_the_way(error: openai.OpenAIError) -> bool:
            refused = isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError)
            return refused and way < len(_WAYS) - 1 and _STREAMING.search(str(error)) is not None

        while True:
            way = self._way
            try:
                return await self._endpoint.ask(request, pass_on=is_of_the_way)
            except openai.OpenAIError:
                self._way = max(self._way, way + 1)  # another request may have found out meanwhile

    @property
    def _limit_name(self) -> str:
        """OpenAI's newer models refuse ``max_tokens``; other servers know only that."""
        own = (urlsplit(self._settings.base_url).hostname or "").endswith("openai.com")
        return "max_completion_tokens" if own else "max_tokens"

    async def aclose(self) -> None:
        """End the connections; the budget stays spent."""
        await self._endpoint.aclose()


def _about(messages: Sequence[Message]) -> int:
    """About how many tokens a question has."""
    return sum(len(message.content.encode()) for message in messages) // BYTES_PER_TOKEN


def find_model_endpoint(settings: ModelSettings | None) -> Finding:
    """What ``jouleline doctor`` says of the model; nothing is asked, so nothing is sent."""
    if settings is None:
        return Finding(
            "model",
            "none",
            Availability.LIMITED,
            "no model is configured; candidates come from the built-in rewrite rules, bounds from the source",
            "set model and base_url in [model] of your jouleline.toml; docs/models.md shows how",
        )
    return Finding(
        "model",
        settings.model,
        Availability.READY,
        f"at {settings.base_url}, named by {settings.origin}; not asked now",
    )
