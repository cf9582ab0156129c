"""``jouleline report``: a program's bounds, or a run of the refactoring loop, as one HTML file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.markup import escape

from jouleline import wiring
from jouleline.app.analyse import analyse, parse_files
from jouleline.app.history import HistoryError, PastRun, named_run, past_runs, result_of
from jouleline.app.program_page import program_page
from jouleline.app.run_page import run_page
from jouleline.app.smells import program_smells

from . import options as shared
from .console import output
from .exit_codes import Exit, UserError
from .history import without_result
from .visible import visible

_STANDARD_OUTPUT = Path("-")


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the report is about and where it goes."""
    parser.add_argument(
        "subject",
        nargs="*",
        metavar="PATH|RUN",
        help="a program's folder or files, or a run of refactor (default: the newest with a result)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("jouleline-report.html"),
        metavar="FILE",
        help="the page, or - for standard output (default: %(default)s)",
    )
    shared.add_gpu(parser)
    shared.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Write the page."""
    paths = [Path(one) for one in options.subject]
    is_run = len(paths) == 1 and not paths[0].exists() and "/" not in options.subject[0]
    if not paths:
        text = _of_newest()
    else:
        text = _of_run(options.subject[0]) if is_run else _of_program(options, paths)
    if options.output == _STANDARD_OUTPUT:
        sys.stdout.write(text)
        return Exit.DONE
    try:
        options.output.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(
            f"{options.output}: cannot be written: {error.strerror or error}; choose another --output",
            Exit.FAILED,
        ) from error
    output().print(f"report: {escape(str(options.output))}", soft_wrap=True)
    return Exit.DONE


def _of_newest() -> str:
    """The page of the newest run with a result."""
    runs = past_runs(wiring.records_folder())
    if not runs:
        raise UserError("no run has been kept yet: `jouleline refactor` keeps one, or name a program")
    newest = runs[0]
    found = next((run for run in runs if run.finished), newest)
    if found is not newest:
        told = f"this is {found.name}; the newer run {newest.name} {without_result(newest)}"
        sys.stderr.write(f"{visible(told)}\n")
    return _page(found)


def _of_run(name: str) -> str:
    try:
        return _page(named_run(wiring.records_folder(), name))
    except HistoryError as error:
        raise UserError(f"{error}; it is no path of a program either") from error


def _page(run: PastRun) -> str:
    try:
        document = result_of(run)
    except HistoryError as error:
        raise UserError(str(error)) from error
    if document is None:
        raise UserError(f"the run {run.name} {without_result(run)}")
    return run_page(document, run.started)


def _of_program(options: argparse.Namespace, paths: list[Path]) -> str:
    device = shared.device(options)
    program = shared.program(paths)
    _, words = shared.run_line(options, program)
    parsed, problems = parse_files(program.files)
    analysis = analyse(parsed, device, words, (*program.problems, *problems), macros=program.macros)
    if problems and not parsed:
        raise UserError(f"{problems[0].file}: {problems[0].message}", Exit.FAILED)
    name = ", ".join(path.resolve().name for path in paths)
    return program_page(name, analysis, list(program_smells(analysis, wiring.rules())))
