"""A workload: how to build, run and check a program."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from .makefile import run_line


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far numbers in outputs may differ: ``absolute + relative * |expected|``."""

    relative: float = 0.0
    absolute: float = 0.0


@dataclass(frozen=True, slots=True)
class Workload:
    """How to build, run and check a program; see ``docs/workload.md`` for the file format.

    ``args`` is what is measured; ``check_args`` are checked in addition. ``size_args`` and
    ``repeat_args`` are indices of arguments that are a problem size or repeat the work. ``files``
    are what a candidate may change and ``outputs`` what is compared beside standard output.
    ``formats`` says what binary outputs hold, where that is not recognised: a form of
    :data:`~jouleline.core.binary.FORMS` by file. ``consent`` names protected places that a
    candidate may change all the same, see ``docs/verification.md``. ``origin`` says where the workload
    comes from, for people.
    """

    build: str
    run: str
    args: str = ""
    check_args: tuple[str, ...] = ()
    size_args: tuple[int, ...] = ()
    repeat_args: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    tolerance: Tolerance = Tolerance()
    formats: Mapping[str, str] = field(default_factory=dict)
    consent: tuple[str, ...] = ()
    origin: str = ""

    def run_command(self, args: str | None = None) -> str:
        """The shell command that runs the program with ``args`` (default: what is measured)."""
        chosen = self.args if args is None else args
        return self.run.replace("{args}", chosen).rstrip()

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words that the program is run with: those of ``args``, and any that ``run`` has itself."""
        line = run_line(self.run_command())
        if line is not None:
            return line.words
        try:
            return tuple(shlex.split(self.args))
        except ValueError:
            return tuple(self.args.split())
