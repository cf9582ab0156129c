"""What requests to a model cost, and the budgets that they must keep to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import ModelUnavailableError

_PRICED_TOKENS = 1e6


class Spending:
    """Tokens and money spent so far, and set aside for requests that are under way."""

    def __init__(self, settings: ModelSettings) -> None:
        """Nothing is spent yet."""
        self._settings = settings
        self._tokens = 0
        self._money = 0.0
        self._reserved_tokens = 0
        self._reserved_money = 0.0

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """What tokens cost, in the currency of the settings' prices; None where no price is set."""
        settings = self._settings
        if not settings.price_in and not settings.price_out:
            return None
        return (tokens_in * settings.price_in + tokens_out * settings.price_out) / _PRICED_TOKENS

    @contextmanager
    def reserved(self, tokens_in: int, tokens_out: int) -> Iterator[None]:
        """Set tokens aside before they are spent, so that requests at once cannot overspend together.

        Raises:
            ModelUnavailableError: when a budget would be exceeded.
        """
        tokens, money = tokens_in + tokens_out, self.cost(tokens_in, tokens_out) or 0.0
        budget, most = self._settings.token_budget, self._settings.money_budget
        if self._tokens + self._reserved_tokens + tokens > budget:
            raise ModelUnavailableError(
                f"the token budget of {budget} would be exceeded ({self._tokens} spent); "
                "raise token_budget in [model]"
            )
        if most is not None and self._money + self._reserved_money + money > most:
            raise ModelUnavailableError(
                f"the money budget of {most:g} would be exceeded ({self._money:.4g} spent); "
                "raise money_budget in [model]"
            )
        self._reserved_tokens += tokens
        self._reserved_money += money
        try:
            yield
        finally:
            self._reserved_tokens -= tokens
            self._reserved_money -= money

    def spend(self, tokens_in: int, tokens_out: int) -> float | None:
        """Count what an answer took; what it cost, as :meth:`cost`."""
        cost = self.cost(tokens_in, tokens_out)
        self._tokens += tokens_in + tokens_out
        self._money += cost or 0.0
        return cost
