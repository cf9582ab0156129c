"""``jouleline doctor``: what is here, and what to do about what is not."""

from __future__ import annotations

import argparse
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jouleline import wiring
from jouleline.core.ports import Availability, Finding

from . import options as shared
from .console import output
from .exit_codes import Exit

_MARKS = {
    Availability.READY: "[green]ready  [/]",
    Availability.LIMITED: "[yellow]limited[/]",
    Availability.MISSING: "[red]missing[/]",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which machine to look at."""
    parser.add_argument(
        "--target", metavar="NAME", help="look at this machine of your own jouleline.toml (default: this one)"
    )
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print every finding, with its remedy where something is missing."""
    findings = wiring.findings() if options.target is None else _there(options.target)
    if options.format == "json":
        shared.print_json(
            {
                "schema": "jouleline/doctor/1",
                "findings": [
                    {
                        "kind": one.kind,
                        "name": one.name,
                        "availability": str(one.availability),
                        "detail": one.detail,
                        "remedy": one.remedy or None,
                    }
                    for one in findings
                ],
            }
        )
        return Exit.DONE
    console = output()
    for kind, group in groupby(findings, key=lambda one: one.kind):
        console.print(f"[bold]{kind}[/]")
        for one in group:
            _print(console, one)
    return Exit.DONE


def _there(target: str) -> list[Finding]:
    try:
        return wiring.target_findings(target)
    except wiring.UnavailableError as error:
        raise shared.unavailable(error) from error


def _print(console: Console, one: Finding) -> None:
    said = f"[bold]{escape(one.name)}[/]: {escape(one.detail)}"
    remedy = f"[dim]-> {escape(one.remedy)}[/]"
    if not console.is_terminal:  # whole lines for what reads a pipe line by line
        console.print(f"  {_MARKS[one.availability]} {said}", soft_wrap=True)
        if one.remedy:
            console.print(f"{'':<10}{remedy}", soft_wrap=True)
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(f"  {_MARKS[one.availability]}", said)
    if one.remedy:
        table.add_row("", remedy)
    console.print(table)
