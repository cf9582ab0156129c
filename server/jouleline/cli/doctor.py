"""``jouleline doctor``: what is here, and what to do about what is not."""

from __future__ import annotations

import argparse

from rich.markup import escape

from jouleline import wiring
from jouleline.core.ports import Availability

from . import options as shared
from .console import output
from .exit_codes import Exit

_MARKS = {
    Availability.READY: "[green]ready  [/]",
    Availability.LIMITED: "[yellow]limited[/]",
    Availability.MISSING: "[red]missing[/]",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Only the format can be chosen."""
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print every finding, with its remedy where something is missing."""
    findings = wiring.findings()
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
    for one in findings:
        console.print(
            f"{_MARKS[one.availability]} {one.kind:<9} [bold]{one.name}[/]: {escape(one.detail)}",
            soft_wrap=True,
        )
        if one.remedy:
            console.print(f"{'':<18}[dim]{escape(one.remedy)}[/]", soft_wrap=True)
    return Exit.DONE
