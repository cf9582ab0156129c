"""Find out how the user wants programs measured: the ``[measure]`` tables of ``jouleline.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jouleline.core.energy import CONTROL_BLOCKS

from .measurement import Plan
from .workload import read_table

MOST_CONTROL: Final = 100
"""Blocks of a program against itself; more would be a slip of the finger."""

_WANTED: Final[Mapping[str, str]] = {
    "meter": 'a meter\'s name, such as "rapl"; `jouleline doctor` lists those that are here',
    "gpu": 'a GPU\'s number or UUID, or a list of them, such as [0, "GPU-8f6a..."]',
    "accept_mig": "true or false",
    "seconds": "a time above 0 (s)",
    "joules": "an energy above 0 (J)",
    "control": f"0, or a number of blocks from {CONTROL_BLOCKS} to {MOST_CONTROL}",
}


class MeasureSettingsError(ValueError):
    """Settings that cannot be used; the message says what, where, and what to write instead."""


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """With which meter to measure, and how much.

    ``meter`` is a meter's name (None: the best one here), ``gpus`` the GPUs that count (none: those that
    the meter finds), ``accept_mig`` whether the figure of a whole GPU will do for a part of it.
    ``seconds`` (s) and ``joules`` (J) bound a whole measurement, None for no bound. ``control`` is how many
    blocks compare the program with itself first.
    """

    meter: str | None = None
    gpus: tuple[str, ...] = ()
    accept_mig: bool = False
    seconds: float | None = None
    joules: float | None = None
    control: int = 0

    @property
    def plan(self) -> Plan:
        """How much to measure, to the protocol's own measure where nothing is said."""
        return Plan(budget_s=self.seconds, budget_j=self.joules, control=self.control)


def find_settings(own: Path, program: Path | None) -> MeasureSettings:
    """The settings of the user's ``own`` ``jouleline.toml`` and of the ``program``'s, which comes first.

    Neither need exist.

    Raises:
        MeasureSettingsError: if a setting is wrong.
    """
    table = _table(own)
    if program is not None and program != own:
        table |= _table(program)
    gpu = table.pop("gpu", [])
    gpus = tuple(str(one) for one in (gpu if isinstance(gpu, list) else [gpu]))
    return MeasureSettings(gpus=gpus, **table)


def _table(path: Path) -> dict[str, Any]:
    """The checked ``[measure]`` table of a file; empty if there is none."""
    table = read_table(path, "measure", _WANTED, MeasureSettingsError)
    for key, value in table.items():
        if not _is_wanted(key, value):
            raise MeasureSettingsError(f"{path}: {key} in [measure] must be {_WANTED[key]}")
    return table


def _is_wanted(key: str, value: object) -> bool:
    match key:
        case "meter":
            return isinstance(value, str) and bool(value.strip())
        case "gpu":
            several = value if isinstance(value, list) else [value]
            return bool(several) and all(_is_gpu(one) for one in several)
        case "accept_mig":
            return isinstance(value, bool)
        case "control":
            return type(value) is int and (value == 0 or CONTROL_BLOCKS <= value <= MOST_CONTROL)
        case _:
            return not isinstance(value, bool) and isinstance(value, int | float) and 0 < value < math.inf


def _is_gpu(value: object) -> bool:
    return (type(value) is int and value >= 0) or (isinstance(value, str) and bool(value.strip()))
