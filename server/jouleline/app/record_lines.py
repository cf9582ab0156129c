"""The lines of an energy record: values to JSON and back, strictly.

A figure of the wrong type, one that is not finite, a field that is missing and one that nobody knows are
errors: a record that was damaged or edited must not replay to other figures unnoticed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar, get_origin

import cattrs

from jouleline.core.energy import Arm
from jouleline.core.meter import Measured, Modelled, PowerPoint, Provenance

from .measurement import Phase

_ORIGINS: Final[Mapping[str, type[Provenance]]] = {one.word: one for one in (Measured, Modelled)}

Value = TypeVar("Value")


class LineError(ValueError):
    """A line is not what it must be; the message says what is wrong in it, and not where it is."""


def line(kind: str, fields: Mapping[str, Any]) -> bytes:
    """One line that says of which ``kind`` it is."""
    text = json.dumps({"line": kind, **fields}, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def parts(data: bytes) -> tuple[str, dict[str, Any]]:
    """The kind of a line and its fields.

    Raises:
        LineError: if it is no line of a record.
    """
    try:
        fields = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LineError("is no JSON") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("line"), str):
        raise LineError('is no line of an energy record, which is an object with "line"')
    return fields.pop("line"), fields


def fields(value: object, kind: Any = None) -> dict[str, Any]:
    """A value as JSON."""
    plain = _converter().unstructure(value, kind or type(value))
    assert isinstance(plain, dict)
    return plain


def value(plain: object, kind: type[Value]) -> Value:
    """JSON as a value of that kind, whose parameter of origin may be left open.

    Raises:
        LineError: if a field is missing, unknown, or not of its type.
    """
    try:
        return _converter().structure(plain, kind)
    except (cattrs.BaseValidationError, ValueError, TypeError, KeyError) as error:
        raise LineError(_said(error)) from error


def _said(error: Exception) -> str:
    if not isinstance(error, cattrs.BaseValidationError):
        return str(error)
    first = cattrs.transform_error(error, format_exception=lambda cause, _: _cause(cause))[0]
    what, _, where = first.partition(" @ $")
    return f"{where.lstrip('.') or 'it'}: {what}"


def _cause(cause: BaseException) -> str:
    match cause:
        case KeyError():
            return "is missing"
        case cattrs.ForbiddenExtraKeysError():
            return f"nobody knows the field {', '.join(sorted(cause.extra_fields))}"
        case _:
            return str(cause)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (str, bool, int):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(float, _finite)
    converter.register_structure_hook_func(_is_origin, _origin)
    converter.register_unstructure_hook_func(_is_origin, lambda one: one.word)
    converter.register_structure_hook(Arm, _arm)
    converter.register_structure_hook(Phase, _phase)
    converter.register_unstructure_hook(Phase, phase_word)
    # A trace holds hundreds of points: two columns take a third of the room.
    converter.register_structure_hook_func(lambda kind: kind == tuple[PowerPoint, ...], _trace)
    converter.register_unstructure_hook_func(lambda kind: kind == tuple[PowerPoint, ...], _columns)
    return converter


def _exactly(given: object, kind: type) -> object:
    if type(given) is not kind:
        raise TypeError(f"{given!r} is no {kind.__name__}")
    return given


def _finite(given: object, _kind: type) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{given!r} is no number")
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{given!r} is no finite number")
    return number


def _is_origin(kind: Any) -> bool:
    return get_origin(kind) is type


def phase_word(phase: Phase) -> str:
    """A phase as a record calls it, such as ``idle-before``."""
    return phase.name.lower().replace("_", "-")


def _arm(given: object, _kind: type) -> Arm:
    if given not in tuple(Arm):
        raise ValueError(f"{given!r} is neither {' nor '.join(Arm)}")
    return Arm(str(given))


def _phase(given: object, _kind: type) -> Phase:
    for phase in Phase:
        if phase_word(phase) == given:
            return phase
    raise ValueError(f"{given!r} is no phase of a measurement")


def _origin(given: object, _kind: type) -> type[Provenance]:
    if not isinstance(given, str) or given not in _ORIGINS:
        raise ValueError(f"{given!r} is neither {' nor '.join(_ORIGINS)}")
    return _ORIGINS[given]


def _columns(trace: tuple[PowerPoint, ...]) -> dict[str, list[float]]:
    return {"time_s": [one.time_s for one in trace], "watts": [one.watts for one in trace]}


def _trace(given: object, _kind: type) -> tuple[PowerPoint, ...]:
    match given:
        case {"time_s": list(times), "watts": list(powers), **more} if not more and len(times) == len(powers):
            pairs = zip(times, powers, strict=True)
            return tuple(PowerPoint(_finite(time, float), _finite(power, float)) for time, power in pairs)
        case _:
            raise ValueError("a trace is two columns of one length, time_s and watts")
