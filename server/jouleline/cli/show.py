"""``jouleline show``: one run of the refactoring loop, as it was."""

from __future__ import annotations

import argparse
from typing import Any

from rich.markdown import Markdown
from rich.markup import escape
from rich.syntax import Syntax

from jouleline import wiring
from jouleline.app.history import HistoryError, PastRun, named_run, result_of
from jouleline.app.journal import EVENTS_FILE, read_events

from . import options as shared
from .console import output
from .exit_codes import Exit, UserError
from .history import without_result

_SHOWN = 300


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which run."""
    parser.add_argument(
        "run",
        nargs="?",
        default="last",
        metavar="RUN",
        help="its name or how that begins (default: the newest)",
    )
    parser.add_argument(
        "--events", action="store_true", help="show all that happened, answers of models included"
    )
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print what a run found, or all that happened in it."""
    try:
        found = named_run(wiring.records_folder(), options.run)
        document = result_of(found)
    except HistoryError as error:
        raise UserError(str(error)) from error
    events = read_events(found.folder / EVENTS_FILE) if options.events or document is None else []
    if options.format == "json":
        shared.print_json(
            {**(document or {"schema": "jouleline/refactor/1"}), "run": found.name, "events": events}
        )
    else:
        _print(found, document, events)
    return Exit.DONE


def _print(found: PastRun, document: dict[str, Any] | None, events: list[dict[str, Any]]) -> None:
    console = output()
    console.print(f"[bold]{escape(found.name)}[/] {escape(found.program)}", soft_wrap=True)
    for event in events:
        what = {key: value for key, value in event.items() if key not in ("schema", "time", "kind", "key")}
        text = ", ".join(f"{key} {str(value)[:_SHOWN]}" for key, value in what.items())
        console.print(
            f"[dim]{str(event.get('time', ''))[:19]}[/] {event['kind']}: {escape(text)}", soft_wrap=True
        )
    if document is None:
        console.print(f"It {without_result(found)}.")
        return
    if document.get("patch"):
        console.print(Syntax(document["patch"], "diff", background_color="default"))
    console.print(f"[bold]{escape(str(document.get('headline', '')))}[/]", soft_wrap=True)
    console.print()
    console.print(Markdown(str(document.get("details", "")), hyperlinks=False))
