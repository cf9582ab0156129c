"""``jouleline study export``: a labelled corpus as fine-tuning data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.markup import escape

from jouleline import wiring
from jouleline.app.labels import LabelsError, read_labels
from jouleline.app.training_data import LEAST_FOLDS, Split, collect
from jouleline.app.training_export import Plan, TrainingDataError, export

from . import options as shared
from .console import output, progress
from .exit_codes import Exit, UserError

LABELS_DEVICE = "rtx-3080-paper"
"""The device of the papers' labels; on another one, their counts are labelled anew."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which labels, which corpus, and how to split."""
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="CSV", help="measured counts and labels"
    )
    parser.add_argument(
        "--corpus", type=Path, required=True, metavar="DIR", help="the folder with a folder for each program"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the data go")
    parser.add_argument(
        "--folds",
        type=_folds,
        metavar="K",
        help="write K folds for cross-validation (default: one split of 80, 10 and 10%%)",
    )
    parser.add_argument(
        "--balanced",
        action="store_true",
        help="as in the paper: one kernel of each program and class, as many of each language and class",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another split or draw (default: %(default)s)"
    )
    parser.add_argument(
        "--gpu", metavar="ID", default=LABELS_DEVICE, help="device to judge for (default: %(default)s)"
    )
    shared.add_format(parser)


def _folds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not LEAST_FOLDS <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no number of folds from {LEAST_FOLDS} to 100")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Write the data and say what they hold."""
    device = shared.device(options)
    if not options.corpus.is_dir():
        raise UserError(f"--corpus {options.corpus}: no such folder")
    plan = Plan(options.folds, options.balanced, options.seed)
    try:
        labels = read_labels(options.labels, wiring.catalogue().get(LABELS_DEVICE))
        with progress(quiet=options.format == "json") as tell:
            collected = collect(labels, options.corpus, device, tell)
            tell("writing", None)
            manifest = export(collected, options.labels, device, plan, options.out)
    except (LabelsError, TrainingDataError) as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}", Exit.FAILED) from error
    if options.format == "json":
        shared.print_json(manifest)
    else:
        _print(manifest, options.out)
    return Exit.DONE


def _print(manifest: dict[str, Any], out: Path) -> None:
    console = output()
    console.print(
        f"{manifest['kernels']} labelled kernels on {manifest['device']}, written below {escape(str(out))}",
        soft_wrap=True,
    )
    for entry in manifest["splits"]:
        parts = ", ".join(
            f"{split} {entry[split]['conversations']} ({entry[split]['compute']} compute, "
            f"{len(entry[split]['base_programs'])} base programs)"
            for split in map(str, Split)
        )
        folder = "" if entry["folder"] == "." else f"{entry['folder']}: "
        console.print(f"{folder}{parts}", soft_wrap=True)
    for reason, count in manifest["left_out"].items():
        console.print(f"[yellow]{count} left out[/]: {escape(reason)}", soft_wrap=True)
