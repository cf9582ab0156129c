"""``jouleline study``: experiments over many programs, each a sub-command."""

from __future__ import annotations

import argparse

from . import study_energy, study_export, study_fine_tune, study_measuring, study_roofline

_STUDIES = {
    "roofline": (study_roofline, "how often bounds agree with a profiler's, by kind of evidence"),
    "measuring": (study_measuring, "how often the measuring protocol is wrong, by simulation"),
    "energy": (study_energy, "how much energy verified candidates save, over a suite of programs"),
    "export": (study_export, "write a labelled corpus as fine-tuning data for a language model"),
    "fine-tune": (study_fine_tune, "fine-tune a language model on exported data, through its endpoint"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which study."""
    studies = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
    for name, (module, summary) in _STUDIES.items():
        module.configure(
            studies.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        )


def run(options: argparse.Namespace) -> int:
    """Run the study."""
    module, _ = _STUDIES[options.study]
    return int(module.run(options))
