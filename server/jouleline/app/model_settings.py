"""Find out which model the user wants to ask: the command line, the environment, ``jouleline.toml``.

Only the user's own file is trusted with secrets and with money. A program's file may come from anybody; it
must not send the user's key to an endpoint of its choice, name a command to run, or have the user pay for
another model or for more. It may choose what the user allows, and lower what is spent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jouleline.core.model_settings import OPENAI_URL, ModelSettings

from .workload import read_table

_POSITIVE: Final = "a number above 0"
_PRICE: Final = "a price for a million tokens, 0 or more"
_COUNT: Final = "a whole number above 0"
_WANTED: Final[Mapping[str, str]] = {
    "model": 'a model\'s name, such as "gpt-4o-mini"',
    "base_url": 'an address such as "http://localhost:8000/v1"',
    "api_key_env": "the name of an environment variable",
    "api_key_command": "a command that prints the key",
    "temperature": "a number from 0 to 2",
    "max_tokens": _COUNT,
    "timeout_s": _POSITIVE,
    "answer_s": _POSITIVE,
    "max_retries": "a whole number, 0 or more",
    "parallel": _COUNT,
    "token_budget": _COUNT,
    "price_in": _PRICE,
    "price_out": _PRICE,
    "money_budget": _POSITIVE,
    "allowed": "a list of models' names that a program's file may choose",
    "extra": "a table of further parameters",
    "judge": "a model's name, to review what another one proposed",
    "fine_tuned": "a fine-tuned model's name",
}
_NAMES: Final = ("model", "judge", "fine_tuned")
_STRICTER: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(("token_budget", "money_budget", "max_tokens", "max_retries", "parallel"), min),
    **dict.fromkeys(("timeout_s", "answer_s"), min),
    **dict.fromkeys(("price_in", "price_out"), max),
}
_OURS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("model", "messages", "n", "stream", "stream_options", "tools", "functions"), ""),
    **dict.fromkeys(("max_tokens", "max_completion_tokens"), "max_tokens"),
    "temperature": "temperature",
}
"""Parameters of a request that are ours to set, with the key of ``[model]`` that sets them."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class ModelSettingsError(ValueError):
    """Settings that cannot be used; the message says what, where, and what to write instead."""


def find_model(
    own: Path, program: Path | None, environment: Mapping[str, str], model: str | None = None
) -> ModelSettings | None:
    """The model to ask, or None if nobody names one.

    ``own`` is the user's ``jouleline.toml`` and ``program`` that of the program; neither need exist.
    ``model`` is what the command line says. Command line before environment before the program's
    file before the user's own.

    Raises:
        ModelSettingsError: if a setting is wrong, or a program's file asks for what it may not.
    """
    mine = _table(own)
    theirs = _table(program) if program is not None and program != own else {}
    if address := environment.get("JOULELINE_MODEL_BASE_URL") or environment.get("OPENAI_BASE_URL"):
        mine["base_url"] = address
        if theirs.get("base_url") != address:
            theirs.pop("base_url", None)
    named = [(environment.get("JOULELINE_MODEL"), "JOULELINE_MODEL"), (model, "--model")]
    if any(name for name, _ in named):
        theirs.pop("model", None)
    if program is not None:
        _refuse_theft(theirs, mine, program)
        _refuse_choices(theirs, mine, program)
        theirs |= _spending(theirs, mine)
    table = {**mine, **theirs}
    if "base_url" in theirs and theirs["base_url"] != mine.get("base_url", OPENAI_URL):
        # Any user of this machine may listen at a port that a program's file names.
        table |= {"api_key_env": "", "api_key_command": ""}
    origin = str(program if "model" in theirs else own)
    for name, source in named:
        if name:
            table["model"], origin = name, source
    if "model" not in table:
        return None
    table.pop("allowed", None)
    settings = replace(ModelSettings(model=table["model"]), **table)
    _check_address(settings.base_url)
    return replace(settings, origin=origin)


def _refuse_theft(theirs: Mapping[str, Any], mine: Mapping[str, Any], program: Path) -> None:
    address = theirs.get("base_url", "")
    local = urlsplit(address).hostname in _LOOPBACK
    if "api_key_command" in theirs:
        raise ModelSettingsError(
            f"{program}: api_key_command in [model] is a command of the program's author; "
            f"put it into your own jouleline.toml instead"
        )
    if address and not local and address != mine.get("base_url", OPENAI_URL):
        raise ModelSettingsError(
            f"{program}: base_url in [model] would send your sources and your key to {_host(address)}; "
            f"if you want that, put it into your own jouleline.toml or set JOULELINE_MODEL_BASE_URL"
        )
    if "api_key_env" in theirs:
        raise ModelSettingsError(
            f"{program}: api_key_env in [model] would send a secret of its choice away; "
            f"put it into your own jouleline.toml instead"
        )


def _refuse_choices(theirs: Mapping[str, Any], mine: Mapping[str, Any], program: Path) -> None:
    """Refuse what changes whom the user pays, or what is said: other models, and further parameters."""
    if "extra" in theirs or "allowed" in theirs:
        key = "extra" if "extra" in theirs else "allowed"
        raise ModelSettingsError(
            f"{program}: {key} in [model] would change what you ask and pay for; "
            f"put it into your own jouleline.toml instead"
        )
    allowed = [*mine.get("allowed", ()), *(mine[key] for key in _NAMES if key in mine)]
    for key in _NAMES:
        if key in theirs and theirs[key] not in allowed:
            raise ModelSettingsError(
                f"{program}: {key} in [model] names {theirs[key]!r}, which is none of the models that you "
                f"allow; if you want to pay for it, put it into allowed in [model] of your own jouleline.toml"
            )


def _spending(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, Any]:
    """What a program's file says of spending: it may lower what the user allows, and never a price."""
    held: dict[str, Any] = {}
    for key, stricter in _STRICTER.items():
        most = mine.get(key, getattr(ModelSettings, key))
        if key in theirs and most is not None:
            held[key] = stricter(theirs[key], most)
    return held


def _table(path: Path) -> dict[str, Any]:
    """The checked ``[model]`` table of a file; empty if there is none."""
    table = read_table(path, "model", _WANTED, ModelSettingsError)
    for key, value in table.items():
        if key == "extra" and isinstance(value, dict) and (taken := sorted(_OURS.keys() & value.keys())):
            instead = _OURS[taken[0]]
            raise ModelSettingsError(
                f"{path}: {taken[0]} in extra of [model] is set by Jouleline itself; "
                + (f"use {instead} in [model]" if instead else "leave it out")
            )
        if not _is_wanted(key, value):
            raise ModelSettingsError(f"{path}: {key} in [model] must be {_WANTED[key]}")
    return table


def _is_wanted(key: str, value: object) -> bool:
    match key:
        case "extra":
            return isinstance(value, dict)
        case "allowed":
            return isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
        case "temperature" | "timeout_s" | "answer_s" | "price_in" | "price_out" | "money_budget":
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                return False
            if key.startswith("price"):
                return value >= 0
            return 0 <= value <= 2 if key == "temperature" else value > 0
        case "max_tokens" | "max_retries" | "parallel" | "token_budget":
            return type(value) is int and value >= (0 if key == "max_retries" else 1)
        case _:
            return isinstance(value, str) and bool(value.strip())


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelSettingsError(f"base_url of the model must be {_WANTED['base_url']}")
    if parts.username or parts.password or parts.query:
        raise ModelSettingsError("base_url of the model must hold no password; use api_key_env for the key")


def _host(address: str) -> str:
    return urlsplit(address).hostname or "an address that cannot be read"
