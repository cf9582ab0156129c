"""How a language model is reached, and what may be spent on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

OPENAI_URL: Final = "https://api.openai.com/v1"
"""Where requests go when nobody names another endpoint."""


@dataclass(frozen=True)
class ModelSettings:
    """The ``[model]`` table of a ``jouleline.toml``; see ``docs/models.md``.

    The key itself is no part of it: it is read from the environment variable ``api_key_env``, or is
    what ``api_key_command`` prints, at the moment of the first request. ``temperature`` and
    ``max_tokens`` (of one answer) are left to the endpoint where None. ``timeout_s`` (s) is how long
    nothing may come, ``answer_s`` (s) how long a whole answer may take. ``token_budget`` is for one
    run of the command line, questions and answers together; so is ``money_budget``, at ``price_in`` and
    ``price_out`` for a million tokens of questions and answers, in whatever currency. ``extra`` is sent
    with every question.
    ``judge`` is the model, at the same endpoint, that reviews candidates (empty: the same one).
    ``fine_tuned`` is the model that a study asks in scenario fine-tuned.
    """

    model: str
    base_url: str = OPENAI_URL
    api_key_env: str = "OPENAI_API_KEY"
    api_key_command: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    timeout_s: float = 120.0
    answer_s: float = 600.0
    max_retries: int = 4
    parallel: int = 4
    token_budget: int = 1_000_000
    price_in: float = 0.0
    price_out: float = 0.0
    money_budget: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    fine_tuned: str = ""
    judge: str = ""
    origin: str = ""
    """Where the model's name comes from, for people."""
