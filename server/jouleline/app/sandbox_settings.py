"""Read how the user wants programs confined: ``[sandbox]`` of the user's own ``jouleline.toml``.

A program's file has no say in it: it comes with the code that is to be confined.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .workload import read_table


class Backend(StrEnum):
    """What confines programs; BEST is bubblewrap where it works, else landlock."""

    BEST = "best"
    BUBBLEWRAP = "bubblewrap"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True)
class SandboxSettings:
    """The ``[sandbox]`` table. ``readable`` are folders that programs may read beside the system's."""

    backend: Backend = Backend.BEST
    readable: tuple[str, ...] = ()


class SandboxSettingsError(ValueError):
    """Settings that cannot be used; the message says which, where, and what to write instead."""


def find_sandbox(file: Path) -> SandboxSettings:
    """The settings in the user's own ``file``, which need not be there.

    Raises:
        SandboxSettingsError: if the file cannot be read, or a value is not what it must be.
    """
    table = read_table(file, "sandbox", ("backend", "readable"), SandboxSettingsError)
    backend = table.get("backend", Backend.BEST)
    if backend not in list(Backend):
        raise SandboxSettingsError(f"{file}: backend in [sandbox] must be one of {', '.join(Backend)}")
    readable = table.get("readable", [])
    if not isinstance(readable, list) or not all(
        isinstance(each, str) and Path(each).is_absolute() for each in readable
    ):
        raise SandboxSettingsError(f"{file}: readable in [sandbox] must be a list of absolute paths")
    return SandboxSettings(Backend(backend), tuple(readable))
