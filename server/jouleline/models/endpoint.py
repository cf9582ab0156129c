"""What all requests to an OpenAI-compatible endpoint share: the client, and errors as sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeVar

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import ModelError, ModelUnavailableError

from .api_key import read_api_key

if TYPE_CHECKING:
    import openai

T = TypeVar("T")

_SHOWN: Final = 200
"""Characters of an endpoint's own words in an error."""


class Endpoint:
    """One client, opened with the first request and bound to the event loop of that request."""

    def __init__(self, settings: ModelSettings) -> None:
        """Nothing is opened and no key is read here."""
        self.settings = settings
        self._client: openai.AsyncOpenAI | None = None
        self._key = ""
        self._slots = asyncio.Semaphore(settings.parallel)

    async def ask(
        self,
        request: Callable[[openai.AsyncOpenAI], Awaitable[T]],
        pass_on: Callable[[openai.OpenAIError], bool] = lambda _: False,
    ) -> T:
        """Make one request, when fewer than ``parallel`` others are under way.

        Raises:
            ModelError: as one sentence, without the key.
            openai.OpenAIError: one that the caller wants to see, for which ``pass_on`` is true.
        """
        import openai

        slots = self._slots
        async with slots:
            try:
                return await request(self._open())
            except openai.OpenAIError as error:
                if pass_on(error):
                    raise
                raise self._sentence(error) from None
            except (ValueError, TypeError, AttributeError, KeyError):
                # Statuses say success, but what came is not the protocol: a proxy's page, say.
                raise ModelError(
                    f"{self.settings.base_url} answered with something that is not of the OpenAI protocol; "
                    f"check base_url, which usually ends in /v1"
                ) from None

    def _open(self) -> openai.AsyncOpenAI:
        import openai

        if self._client is None:
            self._key = read_api_key(self.settings)
            self._client = openai.AsyncOpenAI(
                api_key=self._key,
                base_url=self.settings.base_url,
                timeout=self.settings.timeout_s,
                max_retries=self.settings.max_retries,
            )
        return self._client

    async def aclose(self) -> None:
        """End the connections; the next request may come from another event loop."""
        client, self._client = self._client, None
        self._slots = asyncio.Semaphore(self.settings.parallel)
        if client is not None:
            await client.close()

    def _sentence(self, error: openai.OpenAIError) -> ModelError:
        import openai

        where, model = self.settings.base_url, self.settings.model
        match error:
            case openai.APITimeoutError():
                return ModelError(
                    f"{model} gave no answer within {self.settings.timeout_s:g} s; "
                    f"raise timeout_s in [model], or ask a faster model"
                )
            case openai.APIConnectionError():
                return ModelUnavailableError(
                    f"{where} cannot be reached; check base_url in [model] and that the server runs"
                )
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                # The endpoint's own words may repeat parts of the key.
                return ModelUnavailableError(
                    f"{where} refuses the key ({error.status_code}); check {self._key_source()}"
                )
            case openai.NotFoundError():
                return ModelUnavailableError(
                    f"{where} knows no model {model!r} or not this request (404); "
                    f"check model and base_url in [model]"
                )
            case openai.RateLimitError(code="insufficient_quota"):
                return ModelUnavailableError(f"{where} says that the account's quota is used up (429)")
            case openai.RateLimitError():
                return ModelError(
                    f"{where} still refuses after {self.settings.max_retries} retries: rate limit or quota "
                    f"(429); lower parallel in [model], or wait"
                )
            case openai.APIStatusError():
                return ModelError(f"{where} answered {error.status_code}: {self._redacted(error.message)}")
            case openai.APIError() if not isinstance(error, openai.APIResponseValidationError):
                return ModelError(f"{where} ended its answer with an error: {self._redacted(error.message)}")
            case _:
                return ModelError(
                    f"{where} answered with something that is not of the OpenAI protocol; "
                    f"check base_url, which usually ends in /v1"
                )

    def _key_source(self) -> str:
        if self.settings.api_key_command:
            return "what api_key_command prints"
        return f"the environment variable {self.settings.api_key_env}"

    def _redacted(self, text: str) -> str:
        one_line = " ".join(text.split()).replace(self._key, "[key]")
        return one_line if len(one_line) <= _SHOWN else one_line[: _SHOWN - 3] + "..."
