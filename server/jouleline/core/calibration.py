"""Whether a probability means what it says: of kernels called 80% likely, 80% should be compute-bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose probability lies in [low, high): their mean probability, and how often it came true.

    Both are None where no answer lies.
    """

    low: float
    high: float
    kernels: int
    probability: float | None
    frequency: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Reliability by bins, the Brier score, and the expected calibration error (all in 0..1, less is better).

    The Brier score is the mean squared distance of probability and truth; always saying 0.5 gives 0.25.
    The calibration error is the mean distance of probability and frequency over the bins, by kernels.
    """

    bins: tuple[Bin, ...]
    brier: float
    error: float
    kernels: int


def calibration(
    probabilities: Sequence[float], truths: Sequence[bool], bins: int = BINS
) -> Calibration | None:
    """Calibration over equally wide bins; None without answers.

    Raises:
        ValueError: if the lengths differ, or a probability is outside [0, 1].
    """
    if any(not 0 <= probability <= 1 for probability in probabilities):
        raise ValueError("a probability lies outside 0 to 1")
    pairs = list(zip(probabilities, truths, strict=True))
    if not pairs:
        return None
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for probability, truth in pairs:
        members[min(bins - 1, math.floor(probability * bins))].append((probability, truth))
    found = tuple(_bin(index / bins, (index + 1) / bins, inside) for index, inside in enumerate(members))
    brier = math.fsum((probability - truth) ** 2 for probability, truth in pairs) / len(pairs)
    error = math.fsum(
        one.kernels * abs(one.probability - one.frequency)
        for one in found
        if one.probability is not None and one.frequency is not None
    )
    return Calibration(found, brier, error / len(pairs), len(pairs))


def _bin(low: float, high: float, inside: Sequence[tuple[float, bool]]) -> Bin:
    if not inside:
        return Bin(low, high, 0, None, None)
    mean = math.fsum(probability for probability, _ in inside) / len(inside)
    return Bin(low, high, len(inside), mean, sum(truth for _, truth in inside) / len(inside))
