"""Find the machine that a user calls by a name: ``[target.NAME]`` of the user's own ``jouleline.toml``.

A program's file has no say in it: it comes from others, and must not make this machine connect anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jouleline.core.target import Target

from .workload import WorkloadError, read_document

RUNNERS: Final = ("ssh", "slurm", "pbs", "lsf", "flux", "parsl")
"""What can be written for ``runner``."""

FLEET: Final = "parsl"
"""The runner that has many workers."""

FLEET_SCHEDULERS: Final = ("slurm", "pbs", "lsf", "local")
"""What can be written for ``scheduler``; ``local`` is this machine."""

_TEXTS: Final = ("runner", "host", "python", "folder", "setup", "container", "queue", "account", "scheduler")
_LISTS: Final = ("modules", "gpus", "options")
_NUMBERS: Final = ("minutes", "wait_minutes", "nodes", "workers")
_OF_FLEETS: Final = ("scheduler", "nodes", "workers")
KEYS: Final = (*_TEXTS, *_LISTS, *_NUMBERS)
"""What a table may hold."""

_OF_SCHEDULERS: Final = ("queue", "account", "minutes", "wait_minutes", "options")
# What could be taken for an option of ssh or of a scheduler begins with a dash.
_PLAIN: Final = re.compile(r"[\w./~:@%+=,-]*")


class TargetSettingsError(ValueError):
    """A target that cannot be used; the message says which, where, and what to write instead."""


def find_target(name: str, own: Path, program: Path | None = None) -> Target:
    """The target called ``name`` in the user's ``own`` file, which need not be there.

    ``program`` is the program's file, only to tell those who look for the target there.

    Raises:
        TargetSettingsError: if there is no such target, or a value is not what it must be.
    """
    tables = _tables(own)
    if name not in tables:
        known = f"known are {', '.join(tables)}" if tables else "there are none so far"
        theirs = program is not None and program != own and name in _tables(program)
        aside = f"; that in {program} does not count: a program's file comes from others" if theirs else ""
        raise TargetSettingsError(
            f"no target {name!r}: targets are described by [target.NAME] in your own {own}, "
            f"where {known}{aside}"
        )
    return _target(name, tables[name], own)


def target_names(own: Path) -> tuple[str, ...]:
    """The targets in the user's ``own`` file, which need not be there, whether they are right or wrong.

    Raises:
        TargetSettingsError: if the file cannot be read.
    """
    return tuple(_tables(own))


def _tables(path: Path) -> dict[str, Any]:
    try:
        tables = read_document(path).get("target", {}) if path.exists() else {}
    except WorkloadError as error:
        raise TargetSettingsError(str(error)) from error
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise TargetSettingsError(f"{path}: [target] holds a table for each target, such as [target.gpu-box]")
    return tables


def _target(name: str, table: Mapping[str, Any], path: Path) -> Target:
    where = f"in [target.{name}]"
    for key, value in table.items():
        if key not in KEYS:
            raise TargetSettingsError(f"{path}: unknown key {key!r} {where}; known are {', '.join(KEYS)}")
        if key in _TEXTS and not (isinstance(value, str) and value.strip()):
            raise TargetSettingsError(f"{path}: {key} {where} must be text that is not empty")
        if key in _LISTS and not (isinstance(value, list) and all(_is_word(one) for one in value)):
            raise TargetSettingsError(f"{path}: {key} {where} must be a list of words")
        if key in _NUMBERS and not (type(value) is int and value > 0):
            raise TargetSettingsError(f"{path}: {key} {where} must be a whole number above 0")
    said: dict[str, Any] = {key: table[key] for key in (*_TEXTS, *_NUMBERS) if key in table}
    said |= {key: tuple(str(one) for one in table[key]) for key in _LISTS if key in table}
    target = Target(**{"name": name, "runner": "ssh", **said})
    problem = _problem(target, table)
    if problem:
        raise TargetSettingsError(f"{path}: {problem} {where}")
    return target


def _is_word(value: object) -> bool:
    return type(value) is int or (isinstance(value, str) and bool(value.strip()))


def _problem(target: Target, table: Mapping[str, Any]) -> str:
    if target.runner not in RUNNERS:
        return f"runner must be one of {', '.join(RUNNERS)}, which {target.runner!r} is not,"
    if target.runner == FLEET:
        if problem := _fleet_problem(target, table):
            return problem
    elif unused := [key for key in _OF_FLEETS if key in table]:
        return f"{unused[0]} is for runner {FLEET}, and runner is {target.runner},"
    if target.runner == "ssh":
        if not target.host:
            return "host is missing: what you write after `ssh` to get there,"
        if unused := [key for key in _OF_SCHEDULERS if key in table]:
            return f"{unused[0]} is for schedulers, and runner is ssh"
    for key in ("host", "python", "folder", "container", "queue", "account"):
        value = getattr(target, key)
        if value.startswith("-") or not _PLAIN.fullmatch(value):
            return f"{key} must be a plain word, which {value!r} is not,"
    for key in ("modules", "gpus"):
        for value in getattr(target, key):
            if value.startswith("-") or not _PLAIN.fullmatch(value):
                return f"{key} must be plain words, which {value!r} is not,"
    if target.folder and not target.folder.startswith(("/", "~/")):
        return "folder must begin with / or ~/"
    return ""


def _fleet_problem(target: Target, table: Mapping[str, Any]) -> str:
    if target.scheduler not in FLEET_SCHEDULERS:
        return f"scheduler must be one of {', '.join(FLEET_SCHEDULERS)}"
    if unused := [key for key in ("container", "wait_minutes") if key in table]:
        return f"{unused[0]} is not for runner {FLEET}"
    for option in target.options:
        if target.scheduler == "pbs" and not re.fullmatch(r"-.*|(?!ncpus=)\w+=\S+|ncpus=[1-9]\d*", option):
            return f"options must be as '-l place=free', 'ncpus=64' or 'ngpus=4', which {option!r} is not,"
    if target.gpus and "workers" in table:
        return "gpus has a worker for each GPU, so workers is not for it"
    if target.scheduler == "local":
        unused = [key for key in (*_OF_SCHEDULERS, "nodes") if key in table]
        return f"{unused[0]} is for schedulers, and scheduler is local" if unused else ""
    return ""
