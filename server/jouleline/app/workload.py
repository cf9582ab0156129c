"""Find a program's workload: its ``jouleline.toml``, else its Makefile, else its single file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jouleline.core.makefile import run_command, run_line
from jouleline.core.workload import Tolerance, Workload

from .program import SOURCE_SUFFIXES, Program, has_main

if TYPE_CHECKING:
    from jouleline.core.ports import Toolchain

WORKLOAD_FILE = "jouleline.toml"
_HEADER_SUFFIXES = frozenset((".h", ".hpp", ".hh", ".hxx", ".cuh", ".inl"))
_TEXT = {"build": "a shell command", "run": "a shell command", "args": "the arguments, as one string"}
_LISTS: Mapping[str, type] = {
    "check_args": str,
    "size_args": int,
    "repeat_args": int,
    "files": str,
    "outputs": str,
    "consent": str,
}
_TABLES = ("workload", "device", "model", "target", "measure", "sandbox", "refactor")


class WorkloadError(ValueError):
    """A workload that cannot be used; the message says what, where, and what to write instead."""


def find_workload(program: Program, toolchains: Iterable[Toolchain], file: Path | None = None) -> Workload:
    """The workload of a program.

    Raises:
        WorkloadError: if the file is wrong, or nothing tells how to build and run the program.
    """
    path = file or program.root / WORKLOAD_FILE
    if file is not None or path.exists():
        return read_workload(path)
    if "run" in _targets(program.makefile) and (command := run_command(program.makefile)):
        return _from_makefile(program, command)
    return _from_single_file(program, toolchains)


def read_workload(path: Path) -> Workload:
    """Read a workload file.

    Raises:
        WorkloadError: if it cannot be read, is not TOML, or a value is not what it must be.
    """
    document = read_document(path)
    table = document.get("workload")
    if not isinstance(table, dict):
        raise WorkloadError(f"{path}: has no [workload] table; it needs at least build and run")
    return _workload(table, path)


def read_document(path: Path) -> dict[str, Any]:
    """Read a ``jouleline.toml`` with all its tables.

    Raises:
        WorkloadError: if it cannot be read, is not TOML, or has a table that nobody knows.
    """
    document = read_toml(path)
    for name in document:
        if name not in _TABLES:
            raise WorkloadError(f"{path}: unknown table [{name}]; known are {', '.join(_TABLES)}")
    return document


def read_table(path: Path, name: str, known: Collection[str], error: type[ValueError]) -> dict[str, Any]:
    """The table ``[name]`` of a ``jouleline.toml``, whose keys are ``known``; empty if there is no such file.

    Raises:
        error: if the file cannot be read, ``name`` is no table, or has a key that nobody knows.
    """
    if not path.exists():
        return {}
    try:
        table = read_document(path).get(name, {})
    except WorkloadError as problem:
        raise error(str(problem)) from problem
    if not isinstance(table, dict):
        raise error(f"{path}: [{name}] must be a table")
    for key in table:
        if key not in known:
            raise error(f"{path}: unknown key {key!r} in [{name}]; known are {', '.join(known)}")
    return table


def read_toml(path: Path) -> dict[str, Any]:
    """Read any TOML file.

    Raises:
        WorkloadError: if it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WorkloadError(f"{path}: no such workload file") from None
    except OSError as error:
        raise WorkloadError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise WorkloadError(f"{path}: is not UTF-8 text; a workload file is TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise WorkloadError(f"{path}: is not valid TOML: {error}") from error


def _workload(table: Mapping[str, Any], path: Path) -> Workload:
    known = {*_TEXT, *_LISTS, "tolerance", "formats"}
    for key in table:
        if key not in known:
            raise WorkloadError(
                f"{path}: unknown key {key!r} in [workload]; known are {', '.join(sorted(known))}"
            )
    for key in ("build", "run"):
        if key not in table:
            raise WorkloadError(f"{path}: [workload] lacks {key!r}, {_TEXT[key]}")
    for key, meaning in _TEXT.items():
        if key in table and not isinstance(table[key], str):
            raise WorkloadError(f"{path}: {key!r} in [workload] must be {meaning}")
    lists = {key: _list(table, key, kind, path) for key, kind in _LISTS.items()}
    for name in (*lists["files"], *lists["outputs"]):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise WorkloadError(f"{path}: {name!r} lies outside the program's folder")
    _check_consent(lists["consent"], path)
    return Workload(
        build=table["build"],
        run=table["run"],
        args=table.get("args", ""),
        **lists,
        formats=_formats(table.get("formats", {}), lists["outputs"], path),
        tolerance=_tolerance(table.get("tolerance", {}), path),
        origin=str(path),
    )


def _check_consent(words: Sequence[str], path: Path) -> None:
    from jouleline.core.regions import CONSENTS  # few programs have such a file, and every start looks for it

    for word in words:
        if word not in CONSENTS:
            raise WorkloadError(
                f"{path}: {word!r} in consent is unknown; candidates may be allowed to change "
                f"{', '.join(CONSENTS)}"
            )


def _list(table: Mapping[str, Any], key: str, kind: type, path: Path) -> tuple[Any, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(type(item) is kind for item in value):
        word = "strings" if kind is str else "whole numbers"
        raise WorkloadError(f"{path}: {key!r} in [workload] must be a list of {word}")
    if kind is int and any(item < 0 for item in value):
        raise WorkloadError(f"{path}: {key!r} counts arguments from 0")
    return tuple(value)


def _formats(table: Any, outputs: Sequence[str], path: Path) -> dict[str, str]:
    from jouleline.core.binary import FORMS

    known = ", ".join(FORMS)
    if not isinstance(table, dict):
        raise WorkloadError(f"{path}: [workload.formats] names an output and what it holds: one of {known}")
    for name, form in table.items():
        if name not in outputs:
            raise WorkloadError(f"{path}: [workload.formats] names {name!r}, which is not among the outputs")
        if form not in FORMS:
            raise WorkloadError(f"{path}: {name} in [workload.formats] must be one of {known}")
    return dict(table)


def _tolerance(table: Any, path: Path) -> Tolerance:
    if not isinstance(table, dict) or not set(table) <= {"relative", "absolute"}:
        raise WorkloadError(f"{path}: [workload.tolerance] holds relative and absolute, no more")
    values = {}
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
            raise WorkloadError(f"{path}: {key} in [workload.tolerance] must be a number >= 0")
        values[key] = float(value)
    return Tolerance(**values)


def _targets(makefile: str) -> set[str]:
    return {
        word
        for line in makefile.splitlines()
        if ":" in line and not line.startswith(("\t", "#", " ")) and ":=" not in line
        for word in line.split(":")[0].split()
    }


def _from_makefile(program: Program, command: str) -> Workload:
    line = run_line(command)
    assert line is not None, "it starts the program"
    default = re.search(r"^([A-Za-z_][\w.-]*)\s*:(?!=)", program.makefile, re.MULTILINE)
    target = "" if default and default[1] not in ("run", "clean") else " all"
    return Workload(
        build="make" + target,
        run=f"{line.start} {{args}} {line.rest}".rstrip(),
        args=line.arguments,
        files=_changeable(program),
        origin="the run target of the Makefile",
    )


def _from_single_file(program: Program, toolchains: Iterable[Toolchain]) -> Workload:
    mains = [name for name, data in program.files.items() if has_main(data)]
    if len(mains) != 1:
        reason = "no main() in it" if not mains else f"{len(mains)} files with a main()"
        raise WorkloadError(
            f"{program.root}: no {WORKLOAD_FILE}, no Makefile with a run target, and {reason}: "
            f"write a {WORKLOAD_FILE} with build and run (see docs/workload.md)"
        )
    main = mains[0]
    suffix = PurePosixPath(main).suffix
    sources = [
        main,
        *(name for name in _sources(program) if name != main and PurePosixPath(name).suffix == suffix),
    ]
    for toolchain in toolchains:
        if suffix in toolchain.suffixes:
            return Workload(
                build=toolchain.build_command(sources, "main"),
                run="./main {args}",
                files=_changeable(program),
                origin=f"{main}, built by {toolchain.name}",
            )
    raise WorkloadError(f"{main}: no compiler is known for {suffix} files; write a {WORKLOAD_FILE}")


def _sources(program: Program) -> Sequence[str]:
    return [
        name
        for name in program.files
        if PurePosixPath(name).suffix not in _HEADER_SUFFIXES and not name.startswith("..")
    ]


def _changeable(program: Program) -> tuple[str, ...]:
    return tuple(
        name
        for name in program.files
        if PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES and not name.startswith("..")
    )


def changeable_files(program: Program, workload: Workload) -> tuple[str, ...]:
    """The files a candidate may change: those the workload names, else the program's sources."""
    return tuple(name for name in workload.files or _changeable(program) if name in program.files)
