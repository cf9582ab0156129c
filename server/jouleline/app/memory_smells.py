"""Energy smells that only counting shows: sectors that are fetched in vain, and spilled registers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from jouleline.core.counts import ArrayTraffic
from jouleline.core.smell import Smell, line_span
from jouleline.core.syntax import descendants, text_of
from jouleline.core.syntax import field as child

from . import wording
from .analyse import KernelReport

UNCOALESCED: Final = "uncoalesced-access"
SPILLS: Final = "register-spills"
_WASTEFUL: Final = 0.5
"""Coalescing below this is marked: more than half of what is fetched is thrown away."""
_WORTH_MARKING: Final = 0.2
_MOST_OF_IT: Final = 0.5
"""Shares of the kernel's DRAM traffic: arrays with less are not marked, or as minor."""


def memory_smells(report: KernelReport) -> Iterator[Smell]:
    """The smells of one kernel, in its file; none of a region that runs on the host."""
    counts = report.counts
    if wording.runs_on_host(report) or counts.dram_bytes <= 0:
        return
    for array in counts.arrays:
        share = array.dram_bytes / counts.dram_bytes
        if array.coalescing < _WASTEFUL and share >= _WORTH_MARKING:
            name = wording.array_name(array, quote="")  # editors show marks of Markdown as they are
            yield Smell(
                UNCOALESCED,
                *_first_access(report, array),
                f"{share:.0%} of this kernel's DRAM traffic is {name}, with an estimated "
                f"{wording.sector_use(array)}: let neighbouring threads access neighbouring elements.",
                minor=share < _MOST_OF_IT,
            )
    if counts.compiled is not None and counts.compiled.spill_bytes:
        spilled = counts.compiled.spill_bytes
        yield Smell(
            SPILLS,
            *_head(report),
            f"Each thread spills {spilled} B of registers to memory as {counts.compiled.compiler} compiles "
            "this kernel: keep fewer values alive at a time, or give each thread more registers.",
            minor=True,
        )


def _first_access(report: KernelReport, array: ArrayTraffic) -> tuple[int, int]:
    """Where the kernel first accesses an array by index; the kernel's name if that cannot be made out."""
    node = report.kernel.node
    for access in descendants(node, "subscript_expression") if node is not None else ():
        if text_of(child(access, "argument")) == array.name:
            return access.start_byte, access.end_byte
    return _head(report)


def _head(report: KernelReport) -> tuple[int, int]:
    """A kernel's name where it is defined, or its directive."""
    kernel = report.kernel
    if kernel.directive is not None:
        return kernel.directive.start, kernel.directive.end
    text = kernel.source.text
    named = re.compile(rb"\b%s\b" % re.escape(kernel.name.encode())).search(
        text.data, kernel.start, kernel.anchor
    )
    return named.span() if named is not None else line_span(text, kernel.line)
