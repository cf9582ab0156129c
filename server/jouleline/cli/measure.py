"""``jouleline measure``: the energy of one program, or of two against each other."""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
from pathlib import Path
from typing import Any

from rich.markup import escape

from jouleline import wiring
from jouleline.app.build import BuildError, Built, build
from jouleline.app.measure import (
    EnergyComparison,
    Measurement,
    MeasurementError,
    Plan,
    Progress,
    compare,
    measure_one,
)
from jouleline.app.measure_report import comparison_json, measurement_json
from jouleline.app.report import change, provenance
from jouleline.core.energy import Arm, EnergyVerdict
from jouleline.core.interval import Estimate
from jouleline.core.meter import MeterError, MeterInfo
from jouleline.core.ports import Runner, RunnerError
from jouleline.core.workload import Workload

from . import options as shared
from .console import Tell, output, progress
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what to measure."""
    parser.add_argument("program", type=Path, metavar="PROGRAM", help="a program's folder or file")
    parser.add_argument(
        "against",
        nargs="?",
        type=Path,
        metavar="CANDIDATE",
        help="measure this program against the first, with the first's workload",
    )
    shared.add_workload(parser)
    shared.add_sandbox(parser)
    parser.add_argument("--seconds", type=_seconds, metavar="S", help="stop after about this time (s)")
    shared.add_format(parser)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time to measure for (s)")
    return value


def run(options: argparse.Namespace) -> int:
    """Measure and print; exit code 3 when the candidate regressed."""
    subject = shared.program([options.program])
    workload = shared.workload(subject, options.workload)
    runner, notes = shared.runner(options)
    with (
        progress(quiet=options.format == "json") as tell,
        tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True) as scratch,
    ):
        try:
            result = asyncio.run(_measure(options, workload, runner, Path(scratch), tell))
        except (BuildError, MeasurementError, MeterError, RunnerError) as error:
            raise UserError(str(error), Exit.FAILED) from error
    document = measurement_json(result) if isinstance(result, Measurement) else comparison_json(result)
    if options.format == "json":
        shared.print_json({**document, "notes": list(notes)})
    else:
        _print(result, notes)
    regressed = isinstance(result, EnergyComparison) and result.verdict is EnergyVerdict.REGRESSED
    return Exit.REJECTED if regressed else Exit.DONE


async def _measure(
    options: argparse.Namespace, workload: Workload, runner: Runner, scratch: Path, tell: Tell
) -> Measurement[Any] | EnergyComparison[Any]:
    def report(step: Progress) -> None:
        ratio = step.energy_ratio
        figure = f", energy {change(ratio)}" if ratio is not None else ""
        tell(f"{step.phase} {step.done}/{step.of}{figure}", step.fraction)

    async def built(folder: Path, name: str) -> Built:
        tell(f"building {folder}", None)
        return await build(_folder(folder), {}, workload, runner, scratch / name)

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


def _print(result: Measurement[Any] | EnergyComparison[Any], notes: tuple[str, ...]) -> None:
    console = output()
    if isinstance(result, Measurement):
        summary, meter = result.summary, result.meter
        kind = _kind(meter)
        console.print(f"energy  {_figure(summary.joules)} J a run ({kind}, 95% interval)")
        console.print(f"power   {_figure(summary.watts)} W ({kind})")
        console.print(f"time    {_figure(summary.seconds)} s a run (measured)")
    else:
        comparison, meter = result.comparison, result.comparison.meter
        before, after = comparison.summary(Arm.BASELINE), comparison.summary(Arm.CANDIDATE)
        console.print(
            f"[bold]{result.verdict}[/]: energy {change(comparison.energy_ratio)}, "
            f"{provenance(result)}, 95% interval, {len(comparison.blocks)} blocks",
            soft_wrap=True,
        )
        console.print(f"time    {change(comparison.time_ratio)} (measured)")
        console.print(f"energy  {_figure(before.joules)} J -> {_figure(after.joules)} J ({_kind(meter)})")
    console.print(
        f"[dim]meter: {meter.name} on {escape(meter.device)}; {escape(meter.note)}[/]", soft_wrap=True
    )
    for note in notes:
        console.print(f"[dim]note: {escape(note)}[/]", soft_wrap=True)


def _kind(meter: MeterInfo[Any]) -> str:
    return "modelled" if meter.modelled else "measured"


def _figure(estimate: Estimate) -> str:
    if not math.isfinite(estimate.low):
        return f"{estimate.value:.4g} (one window: interval unknown)"
    return escape(f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]")
