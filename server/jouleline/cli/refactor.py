"""``jouleline refactor``: find a verified candidate that uses less energy."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from rich.markdown import Markdown
from rich.syntax import Syntax

from jouleline import wiring
from jouleline.app.outcome import Outcome
from jouleline.app.record import outcome_json
from jouleline.app.refactor import RefactorError, Step, refactor
from jouleline.core.candidate import patch

from . import options as shared
from .console import output, progress
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which program, and what to do with the edit."""
    parser.add_argument("program", type=Path, metavar="PROGRAM", help="a program's folder or file")
    shared.add_workload(parser)
    shared.add_sandbox(parser)
    parser.add_argument("--apply", action="store_true", help="write the candidate into the program's files")
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Run the loop and print what it found; the program is changed only with ``--apply``."""
    program = shared.program([options.program])
    workload = shared.workload(program, options.workload)
    tools = wiring.refactor_tools(confined=not options.no_sandbox)
    with progress(quiet=options.format == "json") as tell:

        def report(step: Step) -> None:
            tell(f"{step.stage}: {step.message}", step.fraction)

        try:
            outcome = asyncio.run(refactor(program, workload, tools, report))
        except RefactorError as error:
            raise UserError(str(error), Exit.FAILED) from error
    if options.apply:
        _apply(outcome, program.root)
    if options.format == "json":
        shared.print_json(outcome_json(outcome, program, workload, tools))
    else:
        _print(outcome, applied=options.apply)
    return Exit.DONE


def _apply(outcome: Outcome, root: Path) -> None:
    """Write the candidate, unless a file is no longer what was measured."""
    for name, measured in outcome.base.items():
        if (root / name).read_bytes() != measured:
            raise UserError(
                f"{root / name} changed while the candidate was measured, so nothing was written; "
                f"the patch is in {outcome.record}",
                Exit.FAILED,
            )
    if outcome.candidate is not None:
        for name, data in outcome.candidate.files.items():
            (root / name).write_bytes(data)


def _print(outcome: Outcome, *, applied: bool) -> None:
    console = output()
    if outcome.candidate is not None:
        console.print(
            Syntax(patch(outcome.base, outcome.candidate.files), "diff", background_color="default")
        )
    console.print(f"[bold {'green' if outcome.improved else 'yellow'}]{outcome.headline}[/]", soft_wrap=True)
    console.print()
    console.print(Markdown(outcome.details))
    console.print()
    if outcome.candidate is not None:
        done = "Written into the program's files." if applied else "Nothing was written; --apply does that."
        console.print(done)
    console.print(f"[dim]record: {outcome.record}[/]", soft_wrap=True)
