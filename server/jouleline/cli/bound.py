"""``jouleline bound``: what limits each kernel of a program."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from jouleline import wiring
from jouleline.app import assumed, wording
from jouleline.app.analyse import Analysis, KernelReport, analyse, parse_files
from jouleline.app.bound_changes import BoundChange, ComparisonError, bound_changes, changes_json
from jouleline.app.bound_report import bound_json
from jouleline.app.evidence import EvidenceSource, refined
from jouleline.app.program import Program
from jouleline.core.counts import Evidence
from jouleline.core.roofline import BoundKind

from . import options as shared
from . import profiled
from .console import detail, output
from .exit_codes import Exit, UserError

# What few runs need is imported by these: the start is half of what a small program takes.
if TYPE_CHECKING:
    from jouleline.app.model_bound import ModelBounds


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what to analyse and for which device."""
    shared.add_paths(parser)
    shared.add_gpu(parser)
    shared.add_arguments(parser)
    parser.add_argument(
        "--evidence",
        choices=[str(kind) for kind in Evidence if kind is not Evidence.EMULATED],  # nothing emulates so far
        default=str(Evidence.SOURCE),
        help="the kind of evidence to ask for; source where there is none (default: %(default)s)",
    )
    shared.add_model(parser)
    profiled.configure(parser)
    parser.add_argument(
        "--since",
        type=Path,
        metavar="FILE",
        help="compare with this earlier --format json; exit code 3 where a kernel's bound changed",
    )
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
    if Evidence(options.evidence) is Evidence.MODEL:
        _print_usages(sources)
    # It rounds every figure of every kernel: text and SARIF do without.
    document = bound_json(analysis, arguments) if options.since or options.format == "json" else {}
    changes = _changes(options.since, document)
    if options.format == "json":
        shared.print_json({**document, **({} if changes is None else {"changes": changes_json(changes)})})
    elif options.format == "sarif":
        from jouleline.app.sarif import bound_sarif
        from jouleline.app.smells import program_smells

        smells = list(program_smells(analysis, wiring.rules()))
        shared.print_json(bound_sarif(analysis, smells, changes or ()))
    else:
        _print(analysis)
        _print_changes(changes)
    if analysis.problems and not parsed:
        return Exit.FAILED
    return Exit.REJECTED if changes else Exit.DONE


def _changes(since: Path | None, document: Mapping[str, Any]) -> list[BoundChange] | None:
    """The kernels whose bound is another than in the file of ``--since``; None if it was not given."""
    if since is None:
        return None
    try:
        earlier = json.loads(since.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"--since {since}: cannot be read: {error.strerror or error}") from error
    except ValueError:  # which no JSON and no UTF-8 are
        earlier = None
    if not isinstance(earlier, dict):
        raise UserError(f"--since {since}: it is no JSON of `jouleline bound --format json`")
    try:
        return bound_changes(earlier, document)
    except ComparisonError as error:
        raise UserError(f"--since {since}: {error}") from error


def _print_changes(changes: Sequence[BoundChange] | None) -> None:
    if changes is None:
        return
    console = output()
    console.print()
    if not changes:
        console.print("No kernel changed its bound.")
    for one in changes:
        console.print(
            f"[red]changed[/] {escape(one.file)}:{one.line}: {escape(one.sentence)}", soft_wrap=True
        )


def _sources(options: argparse.Namespace, program: Program) -> Sequence[EvidenceSource]:
    kind = Evidence(options.evidence)
    if kind is not Evidence.MODEL:
        return wiring.evidence_sources(kind, confined=not options.no_sandbox)
    from jouleline.app.model_bound import ModelScenario

    scenario = ModelScenario(options.shots, options.samples)
    return (wiring.model_evidence(scenario, program=program.root, model=options.model),)


def _print_usages(sources: Sequence[EvidenceSource]) -> None:
    from jouleline.app.model_bound import ModelBounds

    for source in sources:
        if isinstance(source, ModelBounds):
            print_usage(source)


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
    if shape := wording.shape(report):
        detail(console, f"launch: {shape}")
    traffic = f"{wording.scaled(counts.dram_bytes)}B"
    detail(console, f"operations: {wording.operations(counts)}; DRAM traffic: {traffic}")
    if counts.arrays:
        detail(console, f"arrays: {escape(wording.arrays(counts))}")
    if resources := wording.resources(report):
        detail(console, resources)
    for assumption in assumed.grouped(assumed.assumptions(report, analysis.device)):
        detail(console, f"[dim]assumed: {escape(assumption)}[/]")
