"""A chat model behind any endpoint that speaks the OpenAI protocol: a vendor's, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import (
    Availability,
    Completion,
    Finding,
    Message,
    ModelError,
    Sampling,
)

from .endpoint import Endpoint
from .spending import Spending

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion

_BYTES_PER_TOKEN: Final = 4
"""A usual ratio for English and code; it is used where an endpoint does not count."""


class OpenAICompatibleModel:
    """Asks for chat completions, within a budget of tokens and of money."""

    def __init__(self, settings: ModelSettings, spending: Spending | None = None) -> None:
        """Nothing is opened here; models that share a budget are given the same ``spending``."""
        self._settings = settings
        self._spending = spending or Spending(settings)
        self._endpoint = Endpoint(settings)

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

    async def complete(self, messages: Sequence[Message], sampling: Sampling = Sampling()) -> Completion:  # noqa: B008 - a frozen value
        """Ask once; the library retries what may succeed later (429, 5xx, broken connections).

        Raises:
            ModelError: when there is no answer to this question.
            ModelUnavailableError: when there would be none to any other, either.
        """
        settings = self._settings
        asked = sum(len(message.content.encode()) for message in messages) // _BYTES_PER_TOKEN
        most = sampling.max_tokens if sampling.max_tokens is not None else settings.max_tokens
        temperature = sampling.temperature if sampling.temperature is not None else settings.temperature
        parameters: dict[str, object] = dict(settings.extra)
        if temperature is not None:
            parameters["temperature"] = temperature
        if most is not None:
            parameters[self._limit_name] = most

        async def request(client: openai.AsyncOpenAI) -> Completion:
            with self._spending.reserved(asked, most or 0):
                answer = await client.chat.completions.create(
                    model=settings.model,
                    messages=[{"role": str(one.role), "content": one.content} for one in messages],  # type: ignore[misc]
                    extra_body=parameters,
                )
                completion = _completion(answer, asked)
            cost = self._spending.spend(completion.tokens_in, completion.tokens_out)
            return replace(completion, cost=cost)

        return await self._endpoint.ask(request)

    @property
    def _limit_name(self) -> str:
        """OpenAI's newer models refuse ``max_tokens``; other servers know only that."""
        own = (urlsplit(self._settings.base_url).hostname or "").endswith("openai.com")
        return "max_completion_tokens" if own else "max_tokens"

    async def aclose(self) -> None:
        """End the connections; the budget stays spent."""
        await self._endpoint.aclose()


def _completion(answer: ChatCompletion, asked: int) -> Completion:
    # The library does not check what it is sent: any field may be missing or of another type.
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise ModelError(
            "the endpoint answered without a choice; check base_url in [model], which usually ends in /v1"
        )
    text = getattr(getattr(choices[0], "message", None), "content", None)
    # JSON can carry half a surrogate pair, which no file, log or further question holds.
    text = text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else ""
    usage = getattr(answer, "usage", None)
    tokens = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
    counted = all(isinstance(one, int) for one in tokens)
    cut = getattr(choices[0], "finish_reason", None) == "length"
    if not text.strip() and not cut:
        raise ModelError("the model answered with an empty text; ask again, or another model")
    return Completion(
        text=text,
        model=str(getattr(answer, "model", "") or ""),
        tokens_in=tokens[0] if counted else asked,  # type: ignore[arg-type]
        tokens_out=tokens[1] if counted else len(text.encode()) // _BYTES_PER_TOKEN,  # type: ignore[arg-type]
        tokens_estimated=not counted,
        cut=cut,
    )


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
