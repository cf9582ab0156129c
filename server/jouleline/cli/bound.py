"""``jouleline bound``: what limits each kernel of a program."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from jouleline import wiring
from jouleline.app.analyse import Analysis, KernelReport, analyse, parse_files
from jouleline.app.bound_report import bound_json, bound_sarif
from jouleline.app.evidence import EvidenceSource, refined
from jouleline.app.model_bound import ModelBounds, ModelScenario
from jouleline.app.program import Program
from jouleline.app.workload import WORKLOAD_FILE, WorkloadError, read_workload
from jouleline.core.counts import CompiledFacts, Evidence, Operation
from jouleline.core.makefile import run_arguments, run_command
from jouleline.core.profile import KernelProfile
from jouleline.core.roofline import BoundKind

from . import options as shared
from . import profiled
from .console import output
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what to analyse and for which device."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a program's folder, or its files"
    )
    shared.add_gpu(parser)
    parser.add_argument(
        "--args", metavar="STRING", help="the run line's arguments (default: as the workload says)"
    )
    parser.add_argument(
        "--evidence",
        choices=[str(kind) for kind in Evidence],
        default=str(Evidence.SOURCE),
        help="the kind of evidence to ask for; source where there is none (default: %(default)s)",
    )
    shared.add_model(parser)
    profiled.configure(parser)
    shared.add_format(parser, "sarif")


def run(options: argparse.Namespace) -> int:
    """Print the bounds."""
    device = shared.device(options)
    program = shared.program(options.paths)
    arguments = options.args
    if arguments is None:
        arguments = _default_arguments(program.root, program.makefile)
    try:
        words = tuple(shlex.split(arguments))
    except ValueError as error:
        raise UserError(f"--args {arguments!r}: cannot be split into arguments: {error}") from None
    parsed, problems = parse_files(program.files)
    analysis = analyse(parsed, device, words, (*program.problems, *problems), macros=program.macros)
    try:
        sources = [*_sources(options, program)]
    except wiring.UnavailableError as error:
        raise UserError(str(error)) from error
    sources += profiled.sources(options, program, arguments)
    for source in sources:
        analysis = refined(analysis, source.refine(analysis, program))
        if isinstance(source, ModelBounds):
            print_usage(source)
    if options.format == "json":
        shared.print_json(bound_json(analysis, arguments))
    elif options.format == "sarif":
        shared.print_json(bound_sarif(analysis))
    else:
        _print(analysis)
    nothing_read = analysis.problems and not parsed
    return Exit.FAILED if nothing_read else Exit.DONE


def _sources(options: argparse.Namespace, program: Program) -> Sequence[EvidenceSource]:
    kind = Evidence(options.evidence)
    if kind is not Evidence.MODEL:
        return wiring.evidence_sources(kind)
    scenario = ModelScenario(options.shots, options.samples)
    return (wiring.model_evidence(scenario, program=program.root, model=options.model),)


def print_usage(source: ModelBounds) -> None:
    """Say on standard error what was asked of a model: it may have cost money."""
    usage = source.usage
    about = "about " if usage.estimated else ""
    answers = "answer" if usage.answers == 1 else "answers"
    sys.stderr.write(
        f"asked {source.model.name}: {usage.answers} {answers} ({usage.cached} from the cache), "
        f"{about}{usage.tokens_in} tokens sent, {about}{usage.tokens_out} received\n"
    )


def _default_arguments(root: Path, makefile: str) -> str:
    """The arguments of the workload file, else of the Makefile's run target, else none."""
    file = root / WORKLOAD_FILE
    if file.exists():
        try:
            return read_workload(file).args
        except WorkloadError as error:
            raise UserError(str(error)) from error
    command = run_command(makefile)
    return " ".join(run_arguments(command)) if command else ""


def _print(analysis: Analysis) -> None:
    console = output()
    for problem in analysis.problems:
        console.print(f"[yellow]{escape(problem.file)}[/]: {escape(problem.message)}", soft_wrap=True)
    if not analysis.kernels:
        console.print("No kernel found.")
        return
    device = analysis.device
    console.print(
        f"[bold]{device.name}[/]"
        + (f", run with {escape(' '.join(analysis.arguments))}" if analysis.arguments else "")
    )
    for report in analysis.kernels:
        _print_kernel(report, analysis)


def _print_kernel(report: KernelReport, analysis: Analysis) -> None:
    console = output()
    counts, bound = report.counts, report.bound
    colour = "magenta" if bound.kind is BoundKind.COMPUTE else "cyan"
    driver = f" ({bound.driver})" if bound.driver else ""
    console.print()
    console.print(
        f"[bold]{escape(report.kernel.name)}[/]  {escape(report.file)}:{report.kernel.line}", soft_wrap=True
    )
    console.print(
        f"  [{colour}]{bound.kind}-bound{driver}[/], {margin_words(report, analysis)}; "
        + (
            _measured(report.profile)
            if report.profile is not None
            else f"{report.evidence} estimate, {bound.probability_compute:.0%} likely compute-bound"
        ),
        soft_wrap=True,
    )
    operations = ", ".join(
        f"{counts.operations[kind]:.3g} {kind}" for kind in Operation if counts.operations.get(kind)
    )
    console.print(
        f"  operations: {operations or 'none'}; DRAM traffic: {counts.dram_bytes:.3g} byte", soft_wrap=True
    )
    if counts.arrays:
        arrays = ", ".join(
            f"{escape(array.name)} {array.dram_bytes:.3g} byte"
            + (f" ({array.coalescing:.0%} coalesced)" if array.coalescing < 0.995 else "")
            for array in counts.arrays
        )
        console.print(f"  arrays: {arrays}", soft_wrap=True)
    if counts.compiled:
        console.print(f"  {escape(_compiled_words(counts.compiled))}", soft_wrap=True)
    for assumption in counts.assumptions:
        console.print(f"  [dim]assumed: {escape(assumption)}[/]", soft_wrap=True)


def _measured(profile: KernelProfile) -> str:
    time = "" if profile.seconds is None else f" in a launch of {profile.seconds * 1e6:.4g} us"
    return f"measured by {profile.profiler}{time}"


def _compiled_words(facts: CompiledFacts) -> str:
    held = "" if facts.occupancy is None else f", occupancy {facts.occupancy:.0%}"
    spills = f", {facts.spill_bytes} byte spilled" if facts.spill_bytes else ""
    return (
        f"{facts.compiler} for {facts.target}: {facts.registers} registers{spills}, "
        f"{facts.shared_bytes} byte shared memory{held}"
    )


def margin_words(report: KernelReport, analysis: Analysis) -> str:
    """How far the decisive intensity is from its ridge point."""
    if report.opinion:
        return "no margin"
    margin = report.bound.margin_log2
    if report.counts.dram_bytes <= 0:
        return "no DRAM traffic"
    side = "above" if margin >= 0 else "below"
    return f"{2 ** abs(margin):.3g}x {side} the ridge point of {analysis.device.id}"
