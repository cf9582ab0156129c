"""What a client gives with a command: one object, whose fields the command names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams


def given(params: types.ExecuteCommandParams) -> Mapping[str, Any]:
    """The fields that a command was given; none where it was given no object."""
    first = params.arguments[0] if params.arguments else None
    return first if isinstance(first, Mapping) else {}


def text(params: types.ExecuteCommandParams, key: str, usage: str) -> str:
    """One of them, a text.

    Raises:
        JsonRpcInvalidParams: with the ``usage``, if it is none.
    """
    value = given(params).get(key)
    if not isinstance(value, str):
        raise JsonRpcInvalidParams(usage)
    return value
