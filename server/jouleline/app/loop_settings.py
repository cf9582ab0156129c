"""Read the ``[refactor]`` table: a named setting, and what is to differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline.core.loop_settings import FIELDS, NAMED, LoopSettings

from .workload import read_table

_USE: Final = "use"
_TRUTHS: Final = frozenset(("rules", "model", "context", "plan", "judge", "comment"))
_COUNTS: Final = frozenset(("candidates", "rounds", "corrections"))
_ASKING: Final = ("model", "context", "plan", "judge")
"""What makes questions to a model longer or more."""
_SIZES: Final = frozenset(("source_bytes",))
_MOST: Final = 32
"""More candidates, rounds or corrections would be a slip of the finger that costs money."""


class LoopSettingsError(ValueError):
    """Settings that cannot be used; the message says what, where, and what to write instead."""


def find_loop_settings(own: Path, program: Path | None, use: str | None = None) -> LoopSettings:
    """The settings of a run: those named by ``use``, else the program's file over the user's own.

    Neither file need exist. ``use`` is what the command line says, one of :data:`NAMED`.

    Raises:
        LoopSettingsError: if a setting is wrong.
    """
    if use is not None:
        return NAMED[use]
    mine = _applied(LoopSettings(), own)
    if program is None:
        return mine
    theirs = _applied(mine, program)
    # It may come from anybody: it asks no model more than the user does, nor takes longer.
    limits = [one.seconds for one in (mine, theirs) if one.seconds is not None]
    return replace(
        theirs,
        **{name: getattr(mine, name) and getattr(theirs, name) for name in _ASKING},
        **{name: min(getattr(mine, name), getattr(theirs, name)) for name in (*_COUNTS, *_SIZES)},
        seconds=min(limits, default=None),
    )


def _applied(settings: LoopSettings, path: Path) -> LoopSettings:
    table = read_table(path, "refactor", (_USE, *FIELDS), LoopSettingsError)
    use = table.pop(_USE, None)
    if use is not None:
        if use not in NAMED:
            raise LoopSettingsError(f"{path}: use in [refactor] must be one of {', '.join(NAMED)}")
        settings = NAMED[use]
    changes = {key: _checked(path, key, value) for key, value in table.items()}
    return replace(settings, **changes)


def _checked(path: Path, key: str, value: object) -> Any:
    if key in _TRUTHS:
        wanted, good = "true or false", isinstance(value, bool)
    elif key in _COUNTS:
        least = 1 if key == "candidates" else 0
        wanted = f"a whole number from {least} to {_MOST}"
        good = type(value) is int and least <= value <= _MOST
    elif key in _SIZES:
        wanted, good = "a whole number above 0", type(value) is int and value > 0
    elif key == "seconds":
        wanted, good = "a number above 0", _is_number(value) and value > 0  # type: ignore[operator]
    else:
        wanted = "a list of numbers from 0 to 2"
        good = isinstance(value, list) and all(_is_number(one) and 0 <= one <= 2 for one in value)
    if not good:
        raise LoopSettingsError(f"{path}: {key} in [refactor] must be {wanted}")
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def describe(settings: LoopSettings) -> Mapping[str, Any]:
    """The settings as JSON."""
    return {name: getattr(settings, name) for name in FIELDS}
