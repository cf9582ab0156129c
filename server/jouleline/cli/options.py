"""Options that several verbs share, and how their values become what the app works with."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from jouleline import wiring
from jouleline.app.program import Program, ProgramError, read_program
from jouleline.app.workload import WorkloadError, find_workload
from jouleline.core.device import Device, UnknownDevice
from jouleline.core.workload import Workload

from .exit_codes import UserError

_MOST: Final = 100
"""Examples or answers for one kernel; more would be a slip of the finger that costs money."""


def add_gpu(parser: argparse.ArgumentParser) -> None:
    """``--gpu ID``."""
    parser.add_argument(
        "--gpu",
        metavar="ID",
        default=wiring.DEFAULT_DEVICE,
        help="device to judge for (default: %(default)s; `jouleline devices` lists all)",
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
        type=_whole(0),
        metavar="N",
        default=0,
        help="with --evidence model: show it N solved examples first (default: %(default)s)",
    )
    parser.add_argument(
        "--samples",
        type=_whole(1),
        metavar="N",
        default=1,
        help="with --evidence model: draw N answers, which vote (default: %(default)s)",
    )


def _whole(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or not text.isascii() or not least <= int(text) <= _MOST:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {_MOST}")
        return int(text)

    return whole


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


def device(options: argparse.Namespace) -> Device:
    """The device that ``--gpu`` names."""
    try:
        return wiring.catalogue().get(options.gpu)
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


def workload(subject: Program, file: Path | None) -> Workload:
    """The program's workload."""
    try:
        return find_workload(subject, wiring.toolchains(), file)
    except WorkloadError as error:
        raise UserError(str(error)) from error


def print_json(document: Mapping[str, Any]) -> None:
    """Write a document to standard output, where nothing else goes with ``--format json``."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")
