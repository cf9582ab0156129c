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
from jouleline.app.measure_report import agree, figures, kernels_json, result_json
from jouleline.app.measure_settings import MOST_CONTROL, MeasureSettings
from jouleline.app.observe import BaselineError, require_gpu
from jouleline.app.profiles import decode_profile, read_profile
from jouleline.app.program import launches_kernels
from jouleline.core.energy import CONTROL_BLOCKS, EnergyVerdict
from jouleline.core.kernel_joules import KernelJoules, joules_by_kernel
from jouleline.core.meter import Measured, Meter, MeterError, MeterInfo
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
    shared.add_target(parser)
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
    count = int(text) if text.isdecimal() and text.isascii() else -1
    if count and not CONTROL_BLOCKS <= count <= MOST_CONTROL:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of blocks: 0, or from {CONTROL_BLOCKS} to {MOST_CONTROL}"
        )
    return count


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


def _print(done: _Done, kernels: KernelJoules | None, options: argparse.Namespace) -> None:
    console = output()
    if isinstance(done.result, Measurement):
        print_measurement(console, done.result, kernels)
    else:
        print_comparison(console, done.result)
    kept = [f"{what}: {path}" for what, path in (("record", options.record), ("plot", options.plot)) if path]
    print_notes(console, [*done.notes, *kept])


def _replayed(options: argparse.Namespace) -> _Done:
    """What a record holds, worked out anew."""
    for name in (
        "program",
        "record",
        "meter",
        "gpu",
        "accept_mig",
        "seconds",
        "joules",
        "control",
        "workload",
        "target",
    ):
        if getattr(options, name) is not None:
            said = "PROGRAM" if name == "program" else f"--{name.replace('_', '-')}"
            raise UserError(f"--replay takes all from its record, so {said} has no place beside it")
    try:
        record = read_energy_record(options.replay)
        source = replayable(record)
        result = asyncio.run(replay(source, wiring.replay_meter(source)))
    except (EnergyRecordError, MeterError) as error:
        raise UserError(str(error)) from error
    differs = record.result is not None and not agree(figures(record.result), figures(result_json(result)))
    version = record.header.surroundings.versions.get("jouleline", "unknown")
    notes = (
        [f"these figures differ from those in the record, which jouleline {version} wrote"] if differs else []
    )
    return _Done(result, source.windows, notes)


def _measured(options: argparse.Namespace) -> _Done:
    """What a meter gives now."""
    if options.program is None:
        raise UserError("name a PROGRAM to measure, or a record with --replay FILE")
    if options.against is not None and not options.against.exists():
        raise UserError(f"{options.against}: no such file or folder")
    subject = shared.program([options.program])
    workload = shared.workload(subject, options.workload)
    settings = shared.measure_settings(options, subject)
    try:
        with ExitStack() as stack:
            shown = stack.enter_context(
                measuring(
                    quiet=options.format == "json", unit="window" if options.against is None else "block"
                )
            )
            there = shared.place(options, subject.root, stack, shown.say)
            runner, notes = shared.runner(options) if there is None else (there.runner, there.notes)
            meter = _meter(settings, there, uses_gpu=launches_kernels(subject))
            stack.callback(meter.close)
            if options.profile:
                _require_gpu_joules(meter.info, options)
            scratch = tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True)
            bench = _Bench(
                options,
                workload,
                runner,
                meter,
                settings.plan,
                scratch=Path(stack.enter_context(scratch)),
                record=_record(options, stack),
                shown=shown,
                there=there,
            )
            result = asyncio.run(bench.run())
    except (BaselineError, BuildError, EnergyRecordError, MeasurementError, MeterError, RunnerError) as error:
        raise UserError(str(error), Exit.FAILED) from error
    return _Done(result, bench.windows, notes)


def _meter(settings: MeasureSettings, there: wiring.Place | None, *, uses_gpu: bool) -> Meter[Any]:
    try:
        if there is not None:
            return there.meter(settings, uses_gpu=uses_gpu)
        return wiring.meter(settings.meter, settings.gpus, accept_mig=settings.accept_mig, uses_gpu=uses_gpu)
    except wiring.UnavailableError as error:
        raise UserError(str(error), Exit.FAILED) from error


def _record(options: argparse.Namespace, stack: ExitStack) -> Recording | None:
    if options.record is None:
        return None
    try:
        return stack.enter_context(recording(options.record))
    except EnergyRecordError as error:
        raise UserError(str(error)) from error


@dataclass
class _Bench:
    """Builds, and measures what was built; ``windows`` are those that were taken."""

    options: argparse.Namespace
    workload: Workload
    runner: Runner
    meter: Meter[Any]
    plan: Plan
    scratch: Path
    shown: Shown
    record: Recording | None
    there: wiring.Place | None
    windows: list[Window[Any]] = field(default_factory=list)

    async def run(self) -> Result:
        """Measure one program, or two."""
        options = self.options
        first = await self._built(options.program, "program")
        second = None if options.against is None else await self._built(options.against, "candidate")
        seed = secrets.randbits(32)

        def header() -> Header:
            return Header(
                surroundings=(
                    Surroundings.here(wiring.host_device().name)
                    if self.there is None
                    else self.there.surroundings()
                ),
                meter=self.meter.info,
                plan=self.plan,
                seed=None if second is None else seed,
                runner=self.runner.name,
                guarantees=self.runner.guarantees,
                baseline=Subject.of(str(options.program), first),
                candidate=None if second is None else Subject.of(str(options.against), second),
            )

        def observe(window: Window[Any]) -> None:
            self.windows.append(window)
            if self.record is not None:
                self.record.see(window, header)

        common: dict[str, Any] = {
            "plan": self.plan,
            "turn": wiring.turn() if self.there is None else self.there.turn,
            "progress": self.shown.report,
            "observe": observe,
        }
        result: Result
        if second is None:
            result = await measure_one(self.runner, self.meter, first.job(), **common)
        else:
            result = await compare(self.runner, self.meter, first.job(), second.job(), seed=seed, **common)
        if self.record is not None:
            self.record.finish(result_json(result))
        return result

    async def _built(self, path: Path, name: str) -> Built:
        self.shown.say(f"building {path}")
        built = await build(_folder(path), {}, self.workload, self.runner, self.scratch / name)
        await require_gpu(built, wiring.find_gpu() if self.there is None else self.there.gpu)
        return built


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
        profile = read_profile(files, wiring.profilers())
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ProfileError as error:
        raise UserError(str(error)) from error
    untimed = next((launch.kernel for launch in profile.launches if launch.seconds is None), None)
    if untimed is not None:
        raise UserError(f"{_profiles(options)}: does not tell how long {untimed} took; profile with times")
    return profile


def _profiles(options: argparse.Namespace) -> str:
    return ", ".join(map(str, options.profile))


def _require_gpu_joules(meter: MeterInfo[Any], options: argparse.Namespace) -> None:
    """Say before minutes of measuring that there will be no joules to split."""
    if meter.origin is not Measured:
        raise UserError(
            f"{_profiles(options)}: joules per kernel need measured joules of a GPU; {meter.name} models them"
        )
    if not wiring.sees_gpus(meter):
        raise UserError(f"{_profiles(options)}: joules per kernel need a GPU's meter; {meter.name} sees none")


def _kernels(result: Result, profile: Profile, options: argparse.Namespace) -> KernelJoules:
    if not isinstance(result, Measurement):
        raise UserError(f"{_profiles(options)}: is a profile of one program, the record is of two")
    _require_gpu_joules(result.meter, options)
    names = {part.name for sample in result.samples for part in sample.parts}
    # A GPU that is polled is called by its name, and stands beside others' parts in a sum only.
    gpus = frozenset(name for name in names if name.startswith("GPU")) or frozenset(names)
    if len(gpus) > 1 and not all(name.startswith("GPU") for name in gpus):
        raise UserError(
            f"{_profiles(options)}: it is not told which of {', '.join(sorted(gpus))} is a GPU's; "
            "measure with the GPU's meter alone (--meter)"
        )
    try:
        return joules_by_kernel(result.samples, gpus, profile.launches)
    except ValueError as error:
        raise UserError(f"{_profiles(options)}: {error}") from error
