"""``jouleline refactor``: find a verified candidate that uses less energy."""

from __future__ import annotations

import argparse
import asyncio
import shutil
from contextlib import ExitStack, closing
from pathlib import Path

from rich.markdown import Markdown
from rich.markup import escape
from rich.syntax import Syntax

from jouleline import wiring
from jouleline.app.history import HistoryError, named_run, resumable
from jouleline.app.journal import identity
from jouleline.app.outcome import Outcome
from jouleline.app.program import Program, launches_kernels
from jouleline.app.record import outcome_json
from jouleline.app.refactor import RefactorError, Step, refactor
from jouleline.core.candidate import patch
from jouleline.core.loop_settings import NAMED
from jouleline.core.workload import Workload

from . import options as shared
from .console import output, progress
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which program, and what to do with the edit."""
    parser.add_argument("program", type=Path, metavar="PROGRAM", help="a program's folder or file")
    shared.add_workload(parser)
    shared.add_sandbox(parser)
    shared.add_target(parser)
    parser.add_argument(
        "--use",
        choices=tuple(NAMED),
        metavar="SETTING",
        help=f"the stages to go through: {', '.join(NAMED)} (default: as jouleline.toml says)",
    )
    parser.add_argument("--model", metavar="NAME", help="ask this model (default: as configured)")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="go on with a run that did not end, paying for nothing twice (default: the newest)",
    )
    parser.add_argument("--apply", action="store_true", help="write the candidate into the program's files")
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Run the loop and print what it found; the program is changed only with ``--apply``."""
    program = shared.program([options.program])
    workload = shared.workload(program, options.workload)
    settings = shared.file_settings(options.workload, program)
    with progress(quiet=options.format == "json") as tell, ExitStack() as stack:
        try:
            tools = wiring.refactor_tools(
                confined=not options.no_sandbox,
                uses_gpu=launches_kernels(program),
                settings=settings,
                program=program.root,
                use=options.use,
                model=options.model,
                target=options.target,
                tell=lambda text: tell(text, None),
            )
        except wiring.UnavailableError as error:
            raise shared.unavailable(error) from error
        stack.enter_context(closing(tools))
        earlier = (
            None if options.resume is None else _earlier(options.resume, program, workload, tools.records)
        )

        def report(step: Step) -> None:
            tell(f"{step.stage}: {step.message}", step.fraction)

        try:
            outcome = asyncio.run(refactor(program, workload, tools, report, record=earlier))
        except RefactorError as error:
            left = _what_is_left(program, workload, tools.records)
            raise UserError(f"{error}{left}", Exit.FAILED) from error
    if options.apply:
        _apply(outcome, program)
    if options.format == "json":
        shared.print_json(outcome_json(outcome, program, workload, tools))
    else:
        _print(outcome, applied=options.apply)
    return Exit.DONE


def _earlier(name: str, program: Program, workload: Workload, records: Path) -> Path:
    """The folder of the run to go on with."""
    try:
        known = identity(program, workload)
        past = named_run(records, name) if name else resumable(records, program.root, known)
    except HistoryError as error:
        raise UserError(str(error)) from error
    if past is None:
        raise UserError(
            "--resume: no unfinished run of this program as it is now, unless one is under way "
            "(`jouleline history` tells); run it without --resume"
        )
    if past.identity != identity(program, workload):
        raise UserError(
            f"--resume {past.name}: the program or its workload has changed since; run it without --resume"
        )
    return past.folder


def _what_is_left(program: Program, workload: Workload, records: Path) -> str:
    """That a run can be gone on with, if anything was kept of it."""
    try:
        past = resumable(records, program.root, identity(program, workload))
    except HistoryError:
        return ""
    return f"; what was found so far is kept, and --resume goes on with {past.name}" if past else ""


def _apply(outcome: Outcome, program: Program) -> None:
    """Write the candidate, unless a file of the program is no longer what was measured."""
    kept = f"so nothing was written; the patch is in {outcome.record}"
    written: list[tuple[Path, Path]] = []
    try:
        for name, measured in program.files.items():
            if (program.root / name).read_bytes() != measured:
                raise UserError(
                    f"{program.root / name} changed while the candidate was measured, {kept}", Exit.FAILED
                )
        for name, data in (outcome.candidate.files if outcome.candidate else {}).items():
            written.append((_beside(program.root / name, data), program.root / name))
    except OSError as error:
        for new, _ in written:
            new.unlink(missing_ok=True)
        raise UserError(f"{error.filename}: {error.strerror}, {kept}", Exit.FAILED) from error
    for new, file in written:
        new.replace(file.resolve())


def _beside(file: Path, data: bytes) -> Path:
    """A complete new text next to the old one, with its permissions."""
    new = file.resolve().with_name(f".{file.name}.jouleline")
    new.write_bytes(data)
    shutil.copymode(file, new)
    return new


def _print(outcome: Outcome, *, applied: bool) -> None:
    console = output()
    if outcome.candidate is not None:
        console.print(
            Syntax(patch(outcome.base, outcome.candidate.files), "diff", background_color="default")
        )
    console.print(
        f"[bold {'green' if outcome.improved else 'yellow'}]{escape(outcome.headline)}[/]", soft_wrap=True
    )
    console.print()
    console.print(Markdown(outcome.details, hyperlinks=False))
    console.print()
    if outcome.candidate is not None:
        done = "Written into the program's files." if applied else "Nothing was written; --apply does that."
        console.print(done)
    console.print(f"[dim]record: {escape(str(outcome.record))}[/]", soft_wrap=True)
