"""``jouleline show``: one run of the refactoring loop, as it was."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
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
_NOT_SHOWN = ("schema", "time", "kind", "key", "identity")


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
        text = _listed({key: value for key, value in event.items() if key not in _NOT_SHOWN})
        console.print(
            f"[dim]{str(event.get('time', ''))[:19]}[/] {event['kind']}: {escape(text)}", soft_wrap=True
        )
    if document is None:
        console.print(f"It {escape(without_result(found))}.", soft_wrap=True)
        return
    if document.get("patch"):
        console.print(Syntax(document["patch"], "diff", background_color="default"))
    console.print(f"[bold]{escape(str(document.get('headline', '')))}[/]", soft_wrap=True)
    console.print()
    console.print(Markdown(str(document.get("details", "")), hyperlinks=False))


def _listed(what: Mapping[str, object]) -> str:
    """What an event holds, in words; nothing of what it leaves open."""
    return ", ".join(f"{key} {_said(value)[:_SHOWN]}" for key, value in what.items() if value is not None)


def _said(value: object) -> str:
    if isinstance(value, dict):
        return f"({_listed(value)})"
    return " ".join(map(_said, value)) if isinstance(value, list) else str(value)
