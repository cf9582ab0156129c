"""Values from another machine, every field checked: what it says is no more trusted than a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, get_origin

import cattrs

from jouleline.core.meter import Measured, Modelled, Provenance
from jouleline.core.ports import Completed

from .errors import UnreachableError

_ORIGINS: Final[Mapping[str, type[Provenance]]] = {one.word: one for one in (Measured, Modelled)}

Value = TypeVar("Value")


def value(plain: object, kind: type[Value]) -> Value:
    """JSON as a value of that kind.

    Raises:
        UnreachableError: if it is none.
    """
    try:
        return _converter().structure(plain, kind)
    except (
        cattrs.BaseValidationError,
        cattrs.ForbiddenExtraKeysError,
        ValueError,
        TypeError,
        KeyError,
    ) as error:
        raise UnreachableError(
            f"the other machine sent what is no {getattr(kind, '__name__', kind)}: {error}; "
            "its agent does not work as it should"
        ) from error


def completed(plain: Mapping[str, Any], stdout: bytes, stderr: bytes) -> Completed:
    """How a job ended, with what it wrote."""
    return value({**plain, "stdout": stdout, "stderr": stderr}, Completed)


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
    for kind in (str, bool, int, bytes):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(float, _finite)
    converter.register_structure_hook_func(_is_origin, lambda one, _: _ORIGINS[one])
    return converter


def _is_origin(kind: Any) -> bool:
    return get_origin(kind) is type


def _exactly(given: object, kind: type) -> object:
    if issubclass(kind, Enum):
        return kind(given)
    if type(given) is not kind:
        raise TypeError(f"{given!r} is no {kind.__name__}")
    return given


def _finite(given: object, _kind: type) -> float:
    if type(given) not in (int, float) or not math.isfinite(given):  # type: ignore[arg-type] # a number by now
        raise TypeError(f"{given!r} is no finite number")
    return float(given)  # type: ignore[arg-type] # the same
