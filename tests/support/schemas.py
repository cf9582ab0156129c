"""The JSON Schema that users have, and whether a document is all that it says and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import fastjsonschema

from tools.schemas import SCHEMA


def check(document: Mapping[str, Any]) -> None:
    """Check a document of ours, so that no field of it is left out of docs/schemas.md.

    Raises:
        fastjsonschema.JsonSchemaException: with the field that is wrong, missing or not described.
    """
    _checker()(document)


@cache
def _checker() -> Callable[[Mapping[str, Any]], object]:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    for part in schema["definitions"].values():
        part["additionalProperties"] = False
    return fastjsonschema.compile(schema)
