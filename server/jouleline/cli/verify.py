"""``jouleline verify``: check that a candidate computes what its baseline does."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.markup import escape

from jouleline import wiring
from jouleline.app.verify import BaselineError, verify_folders
from jouleline.core.ports import RunnerError
from jouleline.core.verdict import Verdict, verdict_json

from . import options as shared
from .console import output, progress
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which two folders to compare."""
    parser.add_argument("baseline", type=Path, metavar="BASELINE_DIR", help="the program as it was")
    parser.add_argument("candidate", type=Path, metavar="CANDIDATE_DIR", help="the program as it is proposed")
    shared.add_workload(parser)
    shared.add_sandbox(parser)
    shared.add_target(parser)
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Run the gates and explain each; exit code 3 when the candidate is refused."""
    for folder in (options.baseline, options.candidate):
        if not folder.is_dir():
            raise UserError(f"{folder}: is no folder; verify compares two program folders")
    workload = shared.workload(shared.program([options.baseline]), options.workload)
    with ExitStack() as stack:
        tell = stack.enter_context(progress(quiet=options.format == "json"))
        scratch = tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(scratch))
        there = shared.place(options, options.baseline, stack, lambda text: tell(text, None))
        runner, notes = shared.runner(options) if there is None else (there.runner, there.notes)
        try:
            verdict = asyncio.run(
                verify_folders(
                    options.baseline,
                    options.candidate,
                    workload,
                    runner,
                    folder,
                    device=wiring.host_device() if there is None else there.host,
                    gpu=wiring.find_gpu() if there is None else there.gpu,
                    progress=lambda gate: tell(gate, None),
                )
            )
        except (BaselineError, RunnerError, OSError) as error:
            raise UserError(str(error), Exit.FAILED) from error
    if options.format == "json":
        shared.print_json(verdict_json(verdict))
    else:
        _print(verdict, notes)
    return Exit.DONE if verdict.accepted else Exit.REJECTED


def _print(verdict: Verdict, notes: tuple[str, ...]) -> None:
    console = output()
    for gate in verdict.gates:
        mark = "[green]passed[/]" if gate.passed else "[red]failed[/]"
        if gate.warning:
            mark = "[yellow]passed with a warning[/]"
        console.print(
            f"{mark} [bold]{gate.name}[/] ({gate.seconds:.1f} s): {escape(gate.reason)}", soft_wrap=True
        )
        if gate.detail:
            console.print(gate.detail, soft_wrap=True, markup=False)
    console.print("[bold green]accepted[/]" if verdict.accepted else "[bold red]rejected[/]")
    for note in notes:
        console.print(f"[dim]note: {escape(note)}[/]", soft_wrap=True)
