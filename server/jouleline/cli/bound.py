"""``jouleline bound``: what limits each kernel of a program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.markup import escape

from jouleline import wiring
from jouleline.app import wording
from jouleline.app.analyse import Analysis, KernelReport, analyse, parse_files
from jouleline.app.bound_report import bound_json, bound_sarif
from jouleline.app.evidence import EvidenceSource, refined
from jouleline.app.model_bound import ModelBounds, ModelScenario
from jouleline.app.program import Program
from jouleline.core.counts import Evidence
from jouleline.core.roofline import BoundKind

from . import options as shared
from . import profiled
from .console import detail, output
from .exit_codes import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what to analyse and for which device."""
    shared.add_paths(parser)
    shared.add_gpu(parser)
    shared.add_arguments(parser)
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
    arguments, words = shared.run_line(options, program)
    parsed, problems = parse_files(program.files)
    analysis = analyse(parsed, device, words, (*program.problems, *problems), macros=program.macros)
    try:
        sources = [*_sources(options, program)]
    except wiring.UnavailableError as error:
        raise shared.unavailable(error) from error
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
        return wiring.evidence_sources(kind, confined=not options.no_sandbox)
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
    console.print()
    console.print(
        f"[bold]{escape(wording.instance(report))}[/]  {escape(report.file)}:{report.kernel.line}",
        soft_wrap=True,
    )
    if not report.opinion and not wording.counted(counts):
        detail(console, wording.NOTHING)
        return
    chance = "" if report.profile else f", {wording.chance_of_compute(report)} likely compute-bound"
    detail(
        console,
        f"[{colour}]{wording.bound_words(report)}[/], {wording.margin_sentence(report, analysis.device)}; "
        f"{escape(wording.evidence_words(report))}{chance}",
    )
    detail(console, f"launch: {wording.shape(report)}")
    traffic = f"{wording.scaled(counts.dram_bytes)}B"
    detail(console, f"operations: {wording.operations(counts)}; DRAM traffic: {traffic}")
    if counts.arrays:
        detail(console, f"arrays: {escape(wording.arrays(counts))}")
    if resources := wording.resources(report):
        detail(console, resources)
    for assumption in wording.grouped(counts.assumptions):
        detail(console, f"[dim]assumed: {escape(assumption)}[/]")
