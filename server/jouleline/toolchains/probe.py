"""Asking a compiler for its version, and naming files so that a shell takes them as they are."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from jouleline.core.ports import Availability, Finding

# Wrappers (hipcc, environment modules on a slow file system) take a second or two to answer.
_PATIENCE_S: Final = 10.0


def first_found(programs: Sequence[str]) -> str | None:
    """The first of ``programs`` that is on the PATH."""
    return next((program for program in programs if shutil.which(program)), None)


def find_compiler(
    name: str,
    programs: Sequence[str],
    *,
    version: str,
    remedy: str,
    environment: Mapping[str, str] | None = None,
) -> Finding:
    """Whether the compiler ``name`` is here as one of ``programs`` and answers ``--version``.

    ``version`` is a regular expression whose first group is the version in that answer, ``remedy`` the
    command that installs the compiler.
    """
    program = first_found(programs)
    if program is None:
        return Finding("compiler", name, Availability.MISSING, "not on the PATH", remedy)
    try:
        answer = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S,
            check=False, env={**os.environ, **(environment or {})},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("compiler", name, Availability.MISSING, f"{program} does not answer: {error}", remedy)
    said = (answer.stdout + answer.stderr).decode(errors="replace").strip()
    if answer.returncode != 0:
        last = said.rpartition("\n")[2] or "no output"
        detail = f"{program} --version ended with exit code {answer.returncode}: {last}"
        return Finding("compiler", name, Availability.MISSING, detail, remedy)
    matched = re.search(version, said)
    if matched is None:
        detail = f"{program} is here, but its version cannot be read: {said.partition(chr(10))[0]}"
        return Finding("compiler", name, Availability.LIMITED, detail)
    return Finding("compiler", name, Availability.READY, f"{program} {matched[1]}")


def quoted(files: Sequence[str]) -> str:
    """File names for a command line of the shell; none of them can be taken for an option."""
    return " ".join(shlex.quote(f"./{file}" if file.startswith("-") else file) for file in files)
