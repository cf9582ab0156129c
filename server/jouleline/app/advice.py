"""What to try on a kernel, in sentences: what its energy smells say, else what follows from its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from jouleline.core.counts import Operation
from jouleline.core.roofline import BoundKind
from jouleline.core.smell import Smell

from .analyse import KernelReport

_MOST: Final = 3
_LOADS_ALONE: Final = frozenset({"restrict-pointers"})
"""Smells that cost loads and nothing else, which do not limit a compute-bound kernel."""
_MOVE_LESS: Final = (
    "Move fewer bytes: keep in registers or shared memory what is used again, and store numbers in no more "
    "bits than their accuracy needs."
)
_COMPUTE_LESS: Final = {
    Operation.DP: "Where accuracy allows, compute in single precision, faster on most GPUs; take out of "
    "loops what does not change in them.",
    Operation.SP: "Do fewer operations: take out of loops what does not change in them, and use fast "
    "functions where accuracy allows.",
    Operation.INT: "Do fewer integer operations, most of which compute addresses and control loops: "
    "32-bit indices, no divisions and remainders by what is not a constant, more work for each thread.",
}


def advice(report: KernelReport, smells: Iterable[Smell]) -> tuple[str, ...]:
    """At most three things to try, what costs most first. ``smells`` are those within the kernel."""
    waits = report.bound.kind is BoundKind.BANDWIDTH
    apply = [smell for smell in smells if waits or smell.code not in _LOADS_ALONE]
    told = dict.fromkeys(smell.message for smell in sorted(apply, key=lambda one: one.minor))
    if told:
        return tuple(told)[:_MOST]
    if waits:
        return (_MOVE_LESS,)
    known = _COMPUTE_LESS.get(report.bound.driver) if report.bound.driver is not None else None
    return () if known is None else (known,)
