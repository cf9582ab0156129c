"""The suite of an energy study: which programs, read from a TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .workload import WorkloadError, read_toml

_KEYS: Final = frozenset(("folder", "workload", "name"))


class SuiteError(ValueError):
    """A suite that cannot be used; the message says what, where, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Member:
    """A program of a suite; ``workload`` is a file of its own, None for the folder's."""

    name: str
    folder: Path
    workload: Path | None = None


def read_suite(path: Path) -> list[Member]:
    """The members of a suite; their paths are relative to the suite's file.

    Raises:
        SuiteError: if the file is wrong, or a folder does not exist.
    """
    try:
        document = read_toml(path)
    except WorkloadError as error:
        raise SuiteError(str(error)) from error
    entries = document.get("program")
    if not isinstance(entries, list) or not entries:
        raise SuiteError(f'{path}: needs at least one [[program]] with folder = "..."')
    members = [_member(path, number, entry) for number, entry in enumerate(entries, start=1)]
    names = [member.name for member in members]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SuiteError(f"{path}: two programs are called {twice}; give one of them another name")
    return members


def _member(path: Path, number: int, entry: Any) -> Member:
    where = f"{path}: program {number}"
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        raise SuiteError(f"{where}: must be a table of texts")
    if unknown := sorted(set(entry) - _KEYS):
        raise SuiteError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    if not entry.get("folder"):
        raise SuiteError(f'{where}: needs folder = "..."')
    folder = path.parent / entry["folder"]
    if not folder.is_dir():
        raise SuiteError(f"{where}: {folder}: no such folder")
    workload = path.parent / entry["workload"] if "workload" in entry else None
    if workload is not None and not workload.is_file():
        raise SuiteError(f"{where}: {workload}: no such file")
    return Member(entry.get("name") or folder.resolve().name, folder, workload)
