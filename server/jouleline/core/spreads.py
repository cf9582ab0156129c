"""How far counts are usually from measured ones: by kind of evidence, and by what had to be assumed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from .counts import Doubt, Evidence, KernelCounts
from .scores import quantile

WITHIN: Final = 0.68
"""The share of counts that a spread holds: as one standard deviation would, if errors were normal."""
CLASSES: Final = ("sp", "dp", "int", "dram_bytes")
"""What is counted and measured; special functions take the spread of ``sp``.

Tensor operations, which none of the measured kernels' profiles tell, take the widest of the other classes.
"""
PER_BYTE: Final = {name: f"{name}_per_byte" for name in ("sp", "dp", "int")}
"""Intensities: where a size was taken wrongly, operations and bytes are both off by the same factor."""
FEWEST: Final = 20
"""Groups of fewer kernels take the spread of the next milder doubt."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Half of the range, in powers of two, that holds 68% of counts; ``kernels`` it was measured on."""

    log2: float
    kernels: int


Spreads = Mapping[Evidence, Mapping[Doubt, Mapping[str, Spread]]]
"""By kind of evidence, gravest doubt, and class."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts of one kernel beside the measured ones, by class."""

    evidence: Evidence
    doubt: Doubt
    predicted: Mapping[str, float]
    measured: Mapping[str, float]


def measure_spreads(comparisons: Iterable[Comparison]) -> Spreads:
    """The spreads of counts that are compared with measured ones. Labels play no part.

    Counts that are zero on one side have no logarithm and are left out.
    """
    errors: dict[tuple[Evidence, Doubt, str], list[float]] = defaultdict(list)
    for one in comparisons:
        found = {name: _error(one, name) for name in CLASSES}
        for name, intensity in PER_BYTE.items():
            amount, of_bytes = found[name], found["dram_bytes"]
            found[intensity] = None if amount is None or of_bytes is None else amount - of_bytes
        for name, error in found.items():
            if error is not None:
                errors[one.evidence, one.doubt, name].append(abs(error))
    table: dict[Evidence, dict[Doubt, dict[str, Spread]]] = {}
    for (evidence, doubt, name), sizes in sorted(errors.items()):
        spread = Spread(quantile(sizes, WITHIN) or 0.0, len(sizes))
        table.setdefault(evidence, {}).setdefault(doubt, {})[name] = spread
    return table


def _error(one: Comparison, name: str) -> float | None:
    predicted, measured = one.predicted.get(name, 0.0), one.measured.get(name, 0.0)
    if predicted <= 0 or measured <= 0:
        return None
    return math.log2(predicted) - math.log2(measured)


def with_spreads(counts: KernelCounts, spreads: Spreads) -> KernelCounts:
    """Counts with the uncertainty that counts of their kind have had."""
    return replace(counts, uncertainty_log2=uncertainty(counts.evidence, counts.doubt, spreads))


def uncertainty(evidence: Evidence, doubt: Doubt, spreads: Spreads) -> dict[str, float]:
    """The uncertainty that counts with such evidence and doubt have had."""
    table = spreads.get(evidence, {})
    doubts = list(Doubt)[: list(Doubt).index(doubt) + 1]
    found: dict[str, float] = {}
    for name in (*CLASSES, *PER_BYTE.values()):
        known = [table[one][name] for one in doubts if name in table.get(one, {})]
        enough = [spread for spread in known if spread.kernels >= FEWEST]
        if known:
            found[name] = (enough or known)[-1].log2
    if "sp" in found:
        found["special"] = found["sp"]
        for name in ("", "_per_byte"):
            found[f"tensor{name}"] = max(found.get(f"{one}{name}", 0.0) for one in PER_BYTE)
    return found
