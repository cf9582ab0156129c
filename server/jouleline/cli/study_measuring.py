"""``jouleline study measuring``: how often the measuring protocol is wrong, by simulation."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from rich.table import Table

from jouleline import wiring
from jouleline.app.measuring_report import Trials, study_json, study_table, targets
from jouleline.app.measuring_study import Batch, Trial, batches, trials_of
from jouleline.app.study_run import StudyError, results
from jouleline.app.virtual_machine import Setting

from . import options as shared
from .console import Tell, output, progress
from .exit_codes import Exit, UserError

REPORT_JSON = "measuring.json"
REPORT_TABLE = "measuring.md"

_BATCH_TRIALS = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Say how much to simulate."""
    parser.add_argument(
        "--trials",
        type=shared.whole(1, 1_000_000),
        default=400,
        metavar="N",
        help="comparisons simulated of each setting (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=shared.whole(0),
        default=1,
        metavar="N",
        help="repeats the study (default: %(default)s)",
    )
    parser.add_argument(
        "--jobs",
        type=shared.whole(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"write {REPORT_JSON} and {REPORT_TABLE} there"
    )
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Simulate, then write and print what was found."""
    try:
        # Before the minutes that it takes: what cannot be kept need not be found.
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
        with progress(quiet=options.format == "json") as tell:
            found = _found(batches(options.seed, options.trials, _BATCH_TRIALS), options.jobs, tell)
        document = study_json(found, options.seed, options.trials)
        if options.out is not None:
            (options.out / REPORT_JSON).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
            (options.out / REPORT_TABLE).write_text(study_table(document), "utf-8")
    except StudyError as error:
        raise UserError(str(error), Exit.FAILED) from error
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be written: {error.strerror}", Exit.FAILED) from error
    if options.format == "json":
        shared.print_json(document)
    else:
        _print(found, document)
    return Exit.DONE


def _found(todo: list[Batch], jobs: int, tell: Tell) -> dict[Setting, list[Trial]]:
    found: dict[Setting, list[Trial]] = {}
    with closing(results(todo, _work, jobs)) as done:
        for count, (setting, trials) in enumerate(done, start=1):
            found.setdefault(setting, []).extend(trials)
            tell("simulating comparisons", count / len(todo))
    return found


def _work(batch: Batch) -> tuple[Setting, list[Trial]]:
    """Do a batch, in whatever process."""
    return batch.setting, trials_of(batch, wiring.simulated_meter)


def _print(found: Trials, document: Mapping[str, object]) -> None:
    console = output()
    table = Table(box=None, pad_edge=False)
    for title in ("over all settings", "share", "95% interval", "asked", ""):
        table.add_column(title, no_wrap=True)
    for one in targets(found):
        share = one.share
        table.add_row(
            one.name,
            f"{share.value:.2%}",
            f"{share.low:.2%} to {share.high:.2%}",
            f"at {'most' if one.at_most else 'least'} {one.bound:.0%}",
            "met" if one.met else "[bold]missed[/]",
        )
    console.print(table)
    console.print()
    console.print(study_table(document), soft_wrap=True, markup=False)
