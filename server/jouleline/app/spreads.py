"""The measured spreads of counts that we ship, and the file that a study writes anew."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from jouleline.core.counts import Doubt, Evidence, KernelCounts
from jouleline.core.spreads import Spread, Spreads, uncertainty

_FILE = "spreads.toml"
_HEAD = """\
# How far predicted counts are from measured ones: 68% lie within a factor of 2^log2.
#
# Written by `jouleline study roofline` (spreads.toml in its folder); see docs/bounds.md for the
# recipe. Groups are kinds of evidence and the gravest thing that had to be assumed.
"""


@cache
def shipped() -> Spreads:
    """The spreads that come with this version."""
    return parse_spreads((files("jouleline.app") / _FILE).read_text("utf-8"))


def certain(counts: KernelCounts) -> KernelCounts:
    """Counts with the uncertainty that counts of their kind have had in our study."""
    return replace(counts, uncertainty_log2=_shipped_for(counts.evidence, counts.doubt))


@cache
def _shipped_for(evidence: Evidence, doubt: Doubt) -> Mapping[str, float]:
    return uncertainty(evidence, doubt, shipped())


def parse_spreads(text: str) -> Spreads:
    """Read what :func:`spreads_toml` writes."""
    return {
        Evidence(evidence): {
            Doubt(doubt): {
                name: Spread(float(one["log2"]), int(one["kernels"])) for name, one in classes.items()
            }
            for doubt, classes in doubts.items()
        }
        for evidence, doubts in tomllib.loads(text).items()
    }


def spreads_toml(spreads: Spreads) -> str:
    """Spreads as a file, one line for each class."""
    lines = [_HEAD]
    for evidence, doubts in spreads.items():
        for doubt, classes in doubts.items():
            lines.append(f"[{evidence}.{doubt}]")
            lines += [
                f"{name} = {{ log2 = {spread.log2:.2f}, kernels = {spread.kernels} }}"
                for name, spread in classes.items()
            ]
            lines.append("")
    return "\n".join(lines)
