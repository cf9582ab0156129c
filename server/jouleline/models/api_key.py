"""Where the key of an endpoint comes from; it is kept nowhere but in the client that sends it."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Final
from urllib.parse import urlsplit

from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import ModelUnavailableError

_COMMAND_LIMIT_S: Final = 60.0
_NO_KEY: Final = "none"
"""What endpoints that ask for no key get, since the client insists on one."""


def read_api_key(settings: ModelSettings) -> str:
    """The key that the user's command prints, else that of the environment variable.

    Where neither gives one, an endpoint other than OpenAI's is asked without: many local ones want none.

    Raises:
        ModelUnavailableError: if there is none and one is needed, or the command fails.
    """
    if settings.api_key_command:
        return _printed(settings.api_key_command)
    key = os.environ.get(settings.api_key_env, "").strip()
    if not key and (urlsplit(settings.base_url).hostname or "").endswith("openai.com"):
        raise ModelUnavailableError(
            f"no key for {settings.base_url}: set the environment variable {settings.api_key_env}, "
            f"or api_key_command in [model] of your jouleline.toml"
        )
    return _sendable(key or _NO_KEY, f"the environment variable {settings.api_key_env}")


def _printed(command: str) -> str:
    # Neither the command's output nor its errors are shown: either may hold the secret.
    try:
        words = shlex.split(command)
        done = subprocess.run(words, capture_output=True, text=True, timeout=_COMMAND_LIMIT_S, check=False)
    except (ValueError, IndexError, OSError) as error:
        raise ModelUnavailableError(
            f"api_key_command cannot be run: {type(error).__name__}; run it in a shell to see why"
        ) from None
    except subprocess.TimeoutExpired:
        raise ModelUnavailableError(
            f"api_key_command printed no key within {_COMMAND_LIMIT_S:.0f} s; run it in a shell to see why"
        ) from None
    key = done.stdout.strip()
    if done.returncode != 0 or not key:
        raise ModelUnavailableError(
            f"api_key_command ended with exit code {done.returncode} and "
            f"{'a' if key else 'no'} key; run it in a shell to see why"
        )
    return _sendable(key, "what api_key_command prints")


def _sendable(key: str, source: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelUnavailableError(f"{source} is no key: it holds blanks or signs that no header can carry")
    return key
