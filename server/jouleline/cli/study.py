"""``jouleline study``: experiments over many programs, each a sub-command."""

from __future__ import annotations

import argparse

from . import study_roofline


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which study."""
    studies = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
    summary = "how often bounds agree with a profiler's, by kind of evidence"
    study_roofline.configure(
        studies.add_parser("roofline", help=summary, description=summary[0].upper() + summary[1:] + ".")
    )


def run(options: argparse.Namespace) -> int:
    """Run the study."""
    return study_roofline.run(options)
