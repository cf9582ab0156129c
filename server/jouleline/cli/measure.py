"""``jouleline measure``: the energy of one program, or of two against each other."""

from __future__ import annotations

import argparse
import asyncio
import math
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jouleline import wiring
from jouleline.app.build import BuildError, Built, build
from jouleline.app.energy_plots import FORMATS, write_energy_plot
from jouleline.app.energy_record import (
    EnergyRecordError,
    Header,
    Recording,
    Subject,
    Surroundings,
    read_energy_record,
    recording,
)
from jouleline.app.energy_replay import replay, replayable
from jouleline.app.measure import (
    EnergyComparison,
    Measurement,
    MeasurementError,
    Plan,
    Window,
    compare,
    measure_one,
)
from jouleline.app.measure_report import figures, kernels_json, result_json
from jouleline.app.profiles import decode_profile, read_profile
from jouleline.core.energy import EnergyVerdict
from jouleline.core.kernel_joules import KernelJoules, joules_by_kernel
from jouleline.core.meter import Measured, Meter, MeterError
from jouleline.core.ports import Runner, RunnerError
from jouleline.core.profile import Profile, ProfileError
from jouleline.core.workload import Workload

from . import options as shared
from .console import output
from .exit_codes import Exit, UserError
from .measure_progress import Shown, measuring
from .measure_text import notes as print_notes
from .measure_text import print_comparison, print_measurement

Result = Measurement[Any] | EnergyComparison[Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what to measure, with what, how much, and what to keep."""
    parser.add_argument("program", nargs="?", type=Path, metavar="PROGRAM", help="a program's folder or file")
    parser.add_argument(
        "against",
        nargs="?",
        type=Path,
        metavar="CANDIDATE",
        help="measure this program against the first, with the first's workload",
    )
    shared.add_workload(parser)
    shared.add_sandbox(parser)
    how = parser.add_argument_group("how", "these come before [measure] in jouleline.toml")
    how.add_argument(
        "--meter",
        metavar="NAME",
        help="measure with this meter (default: the best one; see `jouleline doctor`)",
    )
    how.add_argument(
        "--gpu",
        action="append",
        metavar="ID",
        help="count this GPU: number or UUID (repeatable; default: all used)",
    )
    how.add_argument(
        "--accept-mig",
        action="store_true",
        default=None,
        help="accept a whole GPU's joules for a MIG part of it",
    )
    how.add_argument(
        "--seconds",
        type=_above_0("a time to measure for (s)"),
        metavar="S",
        help="stop after about this time (s)",
    )
    how.add_argument(
        "--joules",
        type=_above_0("an energy to spend (J)"),
        metavar="J",
        help="stop before more than this is used (J)",
    )
    how.add_argument(
        "--control",
        type=_blocks,
        metavar="N",
        help="first take N blocks of the baseline against itself (from 3)",
    )
    what = parser.add_argument_group("files")
    what.add_argument(
        "--record", type=Path, metavar="FILE", help="write every window to a new file, as it is taken"
    )
    what.add_argument(
        "--replay", type=Path, metavar="FILE", help="work the figures of a record out anew; measure nothing"
    )
    what.add_argument("--plot", type=Path, metavar="FILE", help="draw power and interval (.svg or .png)")
    what.add_argument(
        "--profile",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="derive joules per kernel from this CSV of ncu or rocprof (repeatable)",
    )
    shared.add_format(parser)


def _above_0(what: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is no {what.removeprefix('a ').removeprefix('an ')}")
        return value

    return number


def _blocks(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and int(text) <= 100):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of blocks from 0 to 100")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Measure and print; exit code 3 when the candidate regressed."""
    if options.plot is not None and options.plot.suffix.lower() not in FORMATS:
        raise UserError(f"--plot {options.plot}: name a file that ends in {' or '.join(FORMATS)}")
    profile = _profile(options)
    done = _measured(options) if options.replay is None else _replayed(options)
    kernels = _kernels(done.result, profile, options) if profile is not None else None
    if options.plot is not None:
        try:
            write_energy_plot(options.plot, done.result, done.windows)
        except OSError as error:
            raise UserError(f"{options.plot}: cannot be written: {error.strerror}", Exit.FAILED) from error
    if options.format == "json":
        more = {} if kernels is None else {"kernels": kernels_json(kernels)}
        shared.print_json({**result_json(done.result), **more, "notes": list(done.notes)})
    else:
        _print(done, kernels, options)
    result = done.result
    regressed = isinstance(result, EnergyComparison) and result.verdict is EnergyVerdict.REGRESSED
    return Exit.REJECTED if regressed else Exit.DONE


@dataclass
class _Done:
    """A measurement with all its windows, and what a reader may want to know."""

    result: Result
    windows: Sequence[Window[Any]]
    notes: Sequence[str] = ()

    plan = Plan(budget_s=options.seconds)
    meter, turn = wiring.meter(), wiring.turn()
    first = await built(options.program, "program")
    if options.against is None:
        return await measure_one(runner, meter, first.job(), plan=plan, turn=turn, progress=report)
    if not options.against.exists():
        raise UserError(f"{options.against}: no such file or folder")
    second = await built(options.against, "candidate")
    return await compare(runner, meter, first.job(), second.job(), plan=plan, turn=turn, progress=report)


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _profile(options: argparse.Namespace) -> Profile | None:
    """The profile that joules are split by, checked before anything is measured."""
    if not options.profile:
        return None
    if options.against is not None:
        raise UserError("--profile is of one program: measure the candidate alone to see its kernels")
    try:
        files = {str(path): decode_profile(str(path), path.read_bytes()) for path in options.profile}
        return read_profile(files, wiring.profilers())
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ProfileError as error:
        raise UserError(str(error)) from error


def _kernels(result: Result, profile: Profile, options: argparse.Namespace) -> KernelJoules:
    names = ", ".join(map(str, options.profile))
    if not isinstance(result, Measurement):
        raise UserError(f"{names}: is a profile of one program, the record is of two")
    if result.meter.origin is not Measured:
        raise UserError(
            f"{names}: joules per kernel need measured joules of a GPU; {result.meter.name} models them"
        )
    gpus = frozenset(
        part.name for sample in result.samples for part in sample.parts if part.name.startswith("GPU")
    )
    if not gpus:
        raise UserError(f"{names}: joules per kernel need a GPU's meter; {result.meter.name} counts none")
    try:
        return joules_by_kernel(result.samples, gpus, profile.launches)
    except ValueError as error:
        raise UserError(f"{names}: {error}") from error
