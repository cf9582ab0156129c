"""``jouleline study energy``: what candidates save over a suite of programs, by setting."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from jouleline import wiring
from jouleline.app.energy_study import Draw, ToolsFor, draws, run_trials, scores_of, study_csv, study_json
from jouleline.app.energy_study_page import percent, study_page
from jouleline.app.energy_suite import SuiteError, read_suite
from jouleline.app.journal import EVENTS_FILE, Journal, JournalError, read_events
from jouleline.app.outcome import Tools
from jouleline.app.program import Program, ProgramError, launches_kernels, read_program
from jouleline.core.energy_study import Trial
from jouleline.core.loop_settings import NAMED

from . import options as shared
from .console import output, progress
from .exit_codes import Exit, UserError

REPORT_JSON = "energy-study.json"
REPORT_CSV = "energy-study.csv"
REPORT_PAGE = "energy-study.html"


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which suite, which settings and how many candidates."""
    parser.add_argument("--suite", type=Path, required=True, metavar="FILE", help="the programs, as TOML")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="where trials and report go; a stopped study goes on",
    )
    parser.add_argument(
        "--setting",
        action="append",
        choices=tuple(NAMED),
        metavar="NAME",
        help=f"may be repeated: {', '.join(NAMED)} (default: rules; with a model vanilla and full, too)",
    )
    parser.add_argument(
        "--candidates",
        type=_count,
        default=3,
        metavar="N",
        help="draws of each program (default: %(default)s)",
    )
    parser.add_argument("--model", metavar="NAME", help="ask this model (default: as configured)")
    shared.add_sandbox(parser)
    shared.add_target(parser)
    shared.add_format(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of candidates from 1 to 100")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Make the trials that are not made yet, then write and print the report."""
    try:
        members = read_suite(options.suite)
    except SuiteError as error:
        raise UserError(str(error)) from error
    model = _model_name(options.model)
    settings = list(dict.fromkeys(options.setting or ())) or (
        ["rules", "vanilla", "full"] if model else ["rules"]
    )
    if model is None and (asking := [name for name in settings if NAMED[name].model and name != "full"]):
        raise UserError(f"--setting {asking[0]} needs a model: see docs/models.md")

    try:
        options.out.mkdir(parents=True, exist_ok=True)
        journal = Journal(options.out / EVENTS_FILE)
    except (OSError, JournalError) as error:
        raise UserError(str(error)) from error
    with progress(quiet=options.format == "json") as tell:
        try:
            trials = _trials(options, draws(members, settings, options.candidates), journal, tell)
        except wiring.UnavailableError as error:
            raise shared.unavailable(error) from error
        except JournalError as error:
            raise UserError(str(error)) from error
        finally:
            journal.close()
        missing = sum(not trial.done for trial in trials)
        if missing == len(trials):
            raise UserError(
                f"no trial could be run; {options.out / EVENTS_FILE} says why: {_problem(options.out)}",
                Exit.FAILED,
            )
        tell("writing the report", None)
        document = study_json(trials, model)
        try:
            (options.out / REPORT_JSON).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
            (options.out / REPORT_CSV).write_text(study_csv(trials), "utf-8")
            (options.out / REPORT_PAGE).write_text(study_page(trials, model), "utf-8")
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}; the trials are kept") from error
    if options.format == "json":
        shared.print_json(document)
    else:
        _print(trials, options.out)
    return Exit.DONE


def _trials(
    options: argparse.Namespace, asked: list[Draw], journal: Journal, tell: Callable[[str, float], None]
) -> list[Trial]:
    with wiring.fleet_of(options.target) as fleet:

        def tools_for(draw: Draw, program: Program) -> Tools:
            return wiring.refactor_tools(
                confined=not options.no_sandbox,
                uses_gpu=launches_kernels(program),
                settings=shared.file_settings(draw.member.workload, program),
                program=program.root,
                use=draw.setting,
                model=options.model,
                target=options.target,
                fleet=fleet,
            )

        at_once = fleet.places if fleet is not None else 1
        if fleet is not None:
            _ask_for_workers(asked, tools_for)
        return asyncio.run(run_trials(asked, tools_for, journal, tell, at_once))


def _ask_for_workers(asked: list[Draw], tools_for: ToolsFor) -> None:
    """Wait for workers now, when Ctrl-C is heard at once and no trial has to wait with us."""
    for draw in asked:
        with suppress(ProgramError), closing(tools_for(draw, read_program([draw.member.folder]))):
            pass  # what is wrong with a program, its trial tells


def _model_name(name: str | None) -> str | None:
    try:
        found = wiring.model_settings(None, name)
    except wiring.UnavailableError as error:
        raise UserError(str(error)) from error
    return found.model if found is not None else None


def _problem(out: Path) -> str:
    """Why the last trial was not run, as the log tells it."""
    problems = [event for event in read_events(out / EVENTS_FILE) if event["kind"] == "problem"]
    return str(problems[-1].get("problem", "")) if problems else "nothing"


def _print(trials: list[Trial], out: Path) -> None:
    console = output()
    table = Table(box=None, pad_edge=False)
    table.add_column("setting")
    for title in ("pass@1", "pass@n", "reduction@1", "reduction@n", "conditional"):
        table.add_column(title, justify="right")
    for score in scores_of(trials):
        table.add_row(
            score.setting,
            *(escape(percent(at[k])) for at in (score.pass_at, score.reduction_at) for k in (0, -1)),
            escape(percent(score.conditional)) if score.conditional else "-",
        )
    console.print(table)
    if missing := sum(not trial.done for trial in trials):
        console.print(
            f"{missing} of {len(trials)} trials were not run and count in no figure; run this again "
            f"({_problem(out)})",
            soft_wrap=True,
            markup=False,
        )
    console.print(f"[dim]report: {escape(str(out / REPORT_PAGE))}[/]", soft_wrap=True)
