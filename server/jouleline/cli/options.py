"""Options that several verbs share, and how their values become what the app works with."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline import wiring
from jouleline.app.measure_settings import MeasureSettings
from jouleline.app.program import Program, ProgramError, read_program
from jouleline.app.workload import WORKLOAD_FILE, WorkloadError, find_workload, read_workload
from jouleline.config import DEFAULT_DEVICE
from jouleline.core.device import Device, UnknownDevice
from jouleline.core.makefile import run_arguments, run_command
from jouleline.core.ports import Runner
from jouleline.core.workload import Workload

from .exit_codes import Exit, UserError

_MOST: Final = 100
"""Examples or answers for one kernel; more would be a slip of the finger that costs money."""


def add_gpu(parser: argparse.ArgumentParser) -> None:
    """``--gpu ID``."""
    parser.add_argument(
        "--gpu",
        metavar="ID",
        default=DEFAULT_DEVICE,
        help="device to judge for (default: %(default)s; `jouleline devices` lists all)",
    )


def add_paths(parser: argparse.ArgumentParser) -> None:
    """``PATH...``: one program."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a program's folder, or its files"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--args STRING``."""
    parser.add_argument(
        "--args", metavar="STRING", help="the run line's arguments (default: as the workload says)"
    )


def add_format(parser: argparse.ArgumentParser, *more: str) -> None:
    """``--format text|json``."""
    parser.add_argument(
        "--format", choices=("text", "json", *more), default="text", help="output (default: %(default)s)"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """``--model NAME``, ``--shots N``, ``--samples N``: how ``--evidence model`` asks."""
    parser.add_argument(
        "--model", metavar="NAME", help="with --evidence model: ask this one (default: as configured)"
    )
    parser.add_argument(
        "--shots",
        type=whole(0),
        metavar="N",
        default=0,
        help="with --evidence model: show it N solved examples first (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=whole(1),
        metavar="N",
        default=1,
        help="with --evidence model: draw N answers, which vote (default: %(default)s)",
    )


def whole(least: int, most: int = _MOST) -> Callable[[str], int]:
    """The type of an option that takes a whole number from ``least`` to ``most``."""

    def number(text: str) -> int:
        if not text.isdecimal() or not text.isascii() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return number


def add_workload(parser: argparse.ArgumentParser) -> None:
    """``--workload FILE``."""
    parser.add_argument(
        "--workload",
        type=Path,
        metavar="FILE",
        help="how to build and run the program (default: its jouleline.toml, Makefile or single file)",
    )


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """``--no-sandbox``."""
    parser.add_argument(
        "--no-sandbox", action="store_true", help="run programs as your own processes, unconfined"
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """``--target NAME``."""
    parser.add_argument(
        "--target",
        metavar="NAME",
        help="run and measure on this machine of your own jouleline.toml (default: here)",
    )


def runner(options: argparse.Namespace) -> tuple[Runner, tuple[str, ...]]:
    """The runner that ``--no-sandbox`` and the user's settings ask for, and notes on it."""
    try:
        return wiring.runner(confined=not options.no_sandbox)
    except wiring.UnavailableError as error:
        raise unavailable(error) from error


def place(
    options: argparse.Namespace, program: Path, stack: ExitStack, tell: Callable[[str], None]
) -> wiring.Place | None:
    """The machine that ``--target`` names, closed with ``stack``; None for this one."""
    if options.target is None:
        return None
    try:
        there = wiring.place(options.target, confined=not options.no_sandbox, program=program, tell=tell)
    except wiring.UnavailableError as error:
        raise unavailable(error) from error
    stack.callback(there.close)
    return there


def unavailable(error: wiring.UnavailableError) -> UserError:
    """The same for the user: without sandbox or machine it cannot be done, the rest is settings."""
    cannot = isinstance(error, wiring.NoSandboxError | wiring.UnreachableTargetError)
    return UserError(str(error), Exit.FAILED if cannot else Exit.USAGE)


def device(options: argparse.Namespace) -> Device:
    """The device that ``--gpu`` names."""
    if "," in options.gpu:
        raise UserError(f"--gpu {options.gpu}: is one GPU here; `jouleline whatif` compares several")
    return device_named(options.gpu)


def device_named(name: str) -> Device:
    """The device that goes by an id or alias."""
    try:
        return wiring.device(name)
    except UnknownDevice as error:
        raise UserError(str(error)) from None
    except ValueError as error:
        raise UserError(str(error)) from error


def program(paths: list[Path]) -> Program:
    """The program that the paths name."""
    try:
        return read_program(paths)
    except ProgramError as error:
        raise UserError(str(error)) from error


def run_line(options: argparse.Namespace, subject: Program) -> tuple[str, tuple[str, ...]]:
    """The arguments of ``--args``, else of the program's workload, as text and as words."""
    text = options.args
    if text is None:
        text = shlex.join(_default_arguments(subject, getattr(options, "workload", None)))
    try:
        return text, tuple(shlex.split(text))
    except ValueError as error:
        raise UserError(f"--args {text!r}: cannot be split into arguments: {error}") from None


def _default_arguments(subject: Program, file: Path | None) -> tuple[str, ...]:
    """The arguments of the workload file, else of the Makefile's run target, else none."""
    own = subject.root / WORKLOAD_FILE
    if file is not None or own.exists():
        try:
            return read_workload(file or own).arguments
        except WorkloadError as error:
            raise UserError(str(error)) from error
    command = run_command(subject.makefile)
    return run_arguments(command) if command else ()


def workload(subject: Program, file: Path | None) -> Workload:
    """The program's workload."""
    try:
        return find_workload(subject, wiring.toolchains(), file)
    except WorkloadError as error:
        raise UserError(str(error)) from error


def file_settings(file: Path | None, subject: Program) -> MeasureSettings:
    """How to measure: as ``[measure]`` of the workload file says, else the user's."""
    try:
        return wiring.measure_settings(file or subject.root / WORKLOAD_FILE)
    except wiring.UnavailableError as error:
        raise UserError(str(error)) from error


def measure_settings(options: argparse.Namespace, subject: Program) -> MeasureSettings:
    """How to measure: as the command line says, else ``[measure]`` of the workload file or the user's."""
    settings = file_settings(options.workload, subject)
    said = {
        "meter": options.meter,
        "gpus": None if options.gpu is None else tuple(options.gpu),
        "accept_mig": options.accept_mig,
        "seconds": options.seconds,
        "joules": options.joules,
        "control": options.control,
    }
    return replace(settings, **{name: value for name, value in said.items() if value is not None})


def print_json(document: Mapping[str, Any]) -> None:
    """Write a document to standard output, where nothing else goes with ``--format json``."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")
