"""The gates that need no run of the candidate: which files it changes, and what a check can prove."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path, PurePosixPath
from typing import Final

from jouleline.core.compare import is_zero, zeros_pass
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Workload

from .observe import Observation
from .program import SOURCE_SUFFIXES
from .workload import WORKLOAD_FILE

_LEFT_OUT: Final = frozenset(("node_modules", "__pycache__"))
# What a build leaves behind. It is never taken from a candidate's folder, so it may differ.
_BUILT_SUFFIXES: Final = frozenset((".o", ".obj", ".a", ".so", ".d", ".out", ".exe"))
_BUILT_STARTS: Final = (b"\x7fELF", b"!<arch>", b"MZ", b"\xcf\xfa\xed\xfe")
_SHOWN: Final = 3


def check_files(
    changed: Mapping[str, bytes], original: Mapping[str, bytes], workload: Workload
) -> GateResult:
    """Whether a candidate changes only what it may: the workload's ``files``, else the program's sources."""
    real = sorted(name for name, data in changed.items() if original.get(name) != data)
    refused = [f"{name} ({why})" for name in real if (why := _refusal(name, original, workload))]
    if refused:
        return GateResult("files", passed=False, reason=f"the candidate may not change {_listed(refused)}")
    if not real:
        return GateResult("files", passed=True, reason="no file is changed")
    return GateResult("files", passed=True, reason=f"only {_listed(real)} changed, as permitted")


def _refusal(name: str, original: Mapping[str, bytes], workload: Workload) -> str | None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return "it lies outside the program's folder"
    if path.name == WORKLOAD_FILE:
        return "it says how candidates are checked"
    if name in workload.files:
        return None
    if workload.files:
        return f"the workload permits only {_listed(workload.files)}"
    if path.suffix.lower() not in SOURCE_SUFFIXES:
        return "it is no source of the program"
    if name not in original:
        return "it is new, and the workload's files do not name it"
    return None


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - _SHOWN
    return ", ".join(shown[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class FolderChanges:
    """What differs between two folders, as :func:`check_files` and a build take it.

    ``problem`` is a sentence when the candidate's folder cannot be taken at all.
    """

    changed: Mapping[str, bytes]
    original: Mapping[str, bytes]
    problem: str = ""


def folder_changes(baseline: Path, candidate: Path, workload: Workload) -> FolderChanges:
    """The files of ``candidate`` that differ from those of ``baseline`` or are new.

    A file that the candidate lacks counts as unchanged: it comes from the baseline when the candidate
    is built. So does what a build or a run leaves behind.

    Raises:
        OSError: if a file cannot be read.
    """
    changed: dict[str, bytes] = {}
    original: dict[str, bytes] = {}
    seen = 0
    for name in _files(candidate):
        theirs, ours = candidate / name, baseline / name
        state = theirs.lstat()
        if stat.S_ISLNK(state.st_mode):
            if ours.is_symlink() and ours.readlink() == theirs.readlink():
                continue
            return FolderChanges(changed, original, f"{name} is a symbolic link in the candidate")
        if not stat.S_ISREG(state.st_mode):
            return FolderChanges(changed, original, f"{name} is no regular file in the candidate")
        permitted = name in workload.files or (
            not workload.files and PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES
        )
        seen += permitted
        if ours.is_file() and cmp(ours, theirs, shallow=False):
            continue
        if not permitted and (name in workload.outputs or _is_built(theirs)):
            continue
        # The texts of files that no candidate may change are of no use; that they differ is enough.
        changed[name] = theirs.read_bytes() if permitted else b"changed"
        if ours.is_file():
            original[name] = ours.read_bytes() if permitted else b""
    if not seen:
        wanted = (
            f"files it may change: {_listed(workload.files)}" if workload.files else "sources it may change"
        )
        return FolderChanges(changed, original, f"the candidate holds none of the {wanted}")
    return FolderChanges(changed, original)


def sources(folder: Path) -> dict[str, bytes]:
    """The program's sources in a folder, by name.

    Raises:
        OSError: if a file cannot be read.
    """
    names = [name for name in _files(folder) if PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("."))
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted([*names, *linked]):
            if not name.startswith("."):
                yield Path(parent, name).relative_to(folder).as_posix()


def _is_built(path: Path) -> bool:
    if path.suffix in _BUILT_SUFFIXES:
        return True
    with path.open("rb") as file:
        return file.read(8).startswith(_BUILT_STARTS)


def check_vacuous(observations: Iterable[Observation]) -> GateResult:
    """Whether the outputs could tell a program that works from one that does nothing.

    A tolerance so wide that zeros pass refuses every candidate, for it is easily mended. A program
    that prints nothing but words is accepted with a warning: many real ones do.
    """
    seen = list(observations)
    outputs = [(one, output) for one in seen for output in one.expectations]
    numbers = [number for _, output in outputs for number in output.compared]
    binary = any(output.lines is None and any(output.runs[0]) for _, output in outputs)
    if not numbers and not binary:
        return GateResult(
            "vacuous",
            passed=True,
            warning=True,
            reason="warning: the program's output holds no number that could be compared, only words: "
            "a candidate that skips the work would pass too; let it print a checksum of its results",
        )
    if not binary and all(is_zero(number) for number in numbers):
        return GateResult(
            "vacuous",
            passed=True,
            warning=True,
            reason="warning: every number in the program's output is zero: a candidate that skips the "
            "work would pass too; let it print a checksum of its results",
        )
    if all(zeros_pass(output, one.tolerance) for one, output in outputs):
        absolute = seen[0].tolerance.absolute
        return GateResult(
            "vacuous",
            passed=False,
            reason=f"an output of nothing but zeros would pass with this tolerance (absolute {absolute:g}, "
            f"relative {seen[0].tolerance.relative:g}); lower it in the workload",
        )
    return GateResult("vacuous", passed=True, reason="an output of nothing but zeros would not pass")
