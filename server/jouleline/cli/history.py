"""``jouleline history``: the runs of the refactoring loop that were kept."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from jouleline import wiring
from jouleline.app.history import PastRun, past_runs

from . import options as shared
from .console import output
from .exit_codes import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """Only the format can be chosen."""
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print a line a run, the newest first."""
    runs = past_runs(wiring.records_folder())
    if options.format == "json":
        shared.print_json({"schema": "jouleline/history/1", "runs": [_json(one) for one in runs]})
        return Exit.DONE
    console = output()
    if not runs:
        console.print("No run has been kept yet: `jouleline refactor` keeps one.")
        return Exit.DONE
    table = Table(box=None, pad_edge=False)
    for heading in ("started (UTC)", "program", "outcome", "run"):
        table.add_column(heading, overflow="fold")
    for one in runs:
        table.add_row(
            one.started[:16].replace("T", " "),
            escape(Path(one.program).name),
            escape(_outcome(one)),
            f"[dim]{escape(one.name)}[/]",
        )
    console.print(table)
    return Exit.DONE


def _outcome(run: PastRun) -> str:
    return run.headline if run.ended else without_result(run)


def without_result(run: PastRun) -> str:
    """Why a run has no result, as the end of a sentence."""
    if run.under_way:
        return "is under way"
    if not Path(run.program).exists():
        return "did not end, and its program is not there any more"
    command = shlex.join(("jouleline", "refactor", run.program, "--resume", run.name))
    return f"did not end; `{command}` goes on with it"


def _json(run: PastRun) -> dict[str, object]:
    return {
        "run": run.name,
        "folder": str(run.folder),
        "program": run.program,
        "started": run.started,
        "ended": run.ended,
        "under_way": run.under_way,
        "improved": run.improved,
        "headline": run.headline,
    }
