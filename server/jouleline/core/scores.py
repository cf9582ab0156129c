"""How well bounds agree with the truth: what a class imbalance or a big program cannot flatter.

Compute-bound is the positive class. All draws are seeded, so the same outcomes give the same figures.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

DRAWS: Final = 1000
SUBSET_CELL: Final = 85
"""Kernels of each language and class in the 340 of arXiv 2505.03988."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kernel: whether it is compute-bound, and whether the answer says so.

    ``base`` names the base program, ``program`` the version of it, ``language`` its programming model.
    """

    truth: bool
    answer: bool
    base: str
    program: str
    language: str


@dataclass(frozen=True, slots=True)
class Confusion:
    """Kernels by truth and answer; the first word is the truth."""

    compute_compute: int = 0
    compute_bandwidth: int = 0
    bandwidth_compute: int = 0
    bandwidth_bandwidth: int = 0

    @property
    def kernels(self) -> int:
        """All kernels."""
        return self.compute + self.bandwidth

    @property
    def compute(self) -> int:
        """Kernels that are compute-bound."""
        return self.compute_compute + self.compute_bandwidth

    @property
    def bandwidth(self) -> int:
        """Kernels that are bandwidth-bound."""
        return self.bandwidth_compute + self.bandwidth_bandwidth

    @property
    def recall_compute(self) -> float | None:
        """The share of compute-bound kernels that were found; None if there are none."""
        return _share(self.compute_compute, self.compute)

    @property
    def recall_bandwidth(self) -> float | None:
        """The share of bandwidth-bound kernels that were found; None if there are none."""
        return _share(self.bandwidth_bandwidth, self.bandwidth)

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; a majority class flatters it."""
        return _share(self.compute_compute + self.bandwidth_bandwidth, self.kernels)

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean recall of the two classes; None unless both are there."""
        if self.recall_compute is None or self.recall_bandwidth is None:
            return None
        return (self.recall_compute + self.recall_bandwidth) / 2

    @property
    def macro_f1(self) -> float | None:
        """The mean F1 of the two classes; None unless both are there."""
        if not (self.compute and self.bandwidth):
            return None
        wrong = self.compute_bandwidth + self.bandwidth_compute
        return math.fsum(2 * right / (2 * right + wrong) if right else 0.0 for right in self._right) / 2

    @property
    def mcc(self) -> float | None:
        """Matthews' correlation of truth and answer, 0 if all answers are one class.

        None unless both classes are there.
        """
        if not (self.compute and self.bandwidth):
            return None
        said_compute = self.compute_compute + self.bandwidth_compute
        said_bandwidth = self.compute_bandwidth + self.bandwidth_bandwidth
        spread = math.sqrt(self.compute * self.bandwidth) * math.sqrt(said_compute * said_bandwidth)
        both = self.compute_compute * self.bandwidth_bandwidth
        return (both - self.compute_bandwidth * self.bandwidth_compute) / spread if spread else 0.0

    @property
    def _right(self) -> tuple[int, int]:
        return self.compute_compute, self.bandwidth_bandwidth


FIGURES: Final[Mapping[str, Callable[[Confusion], float | None]]] = {
    "balanced_accuracy": lambda one: one.balanced_accuracy,
    "macro_f1": lambda one: one.macro_f1,
    "mcc": lambda one: one.mcc,
    "accuracy": lambda one: one.accuracy,
    "recall_compute": lambda one: one.recall_compute,
    "recall_bandwidth": lambda one: one.recall_bandwidth,
}
"""The figures of a confusion matrix by name."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95% interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Subsets:
    """Plain accuracy over many small balanced subsets: mean, standard deviation, central 95%."""

    mean: float
    deviation: float
    low: float
    high: float
    kernels: int
    draws: int


def confusion(outcomes: Iterable[Outcome]) -> Confusion:
    """Count outcomes."""
    counts = Counter((one.truth, one.answer) for one in outcomes)
    return Confusion(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def intervals(outcomes: Sequence[Outcome], draws: int = DRAWS, seed: int = 0) -> dict[str, Interval]:
    """Every figure with a percentile interval from drawing base programs with replacement.

    Kernels of a base program succeed or fail together, so drawing kernels would give intervals that
    are too narrow.
    """
    whole = confusion(outcomes)
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[one.base].append(one)
    parts = [confusion(groups[base]) for base in sorted(groups)]
    cells = [
        (p.compute_compute, p.compute_bandwidth, p.bandwidth_compute, p.bandwidth_bandwidth) for p in parts
    ]
    generator = random.Random(seed)  # noqa: S311 - a bootstrap, not a secret
    drawn: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(draws if len(cells) > 1 else 0):
        sample = Confusion(*(sum(cell) for cell in zip(*generator.choices(cells, k=len(cells)), strict=True)))
        for name, figure in FIGURES.items():
            if (value := figure(sample)) is not None:
                drawn[name].append(value)
    return {
        name: Interval(figure(whole), quantile(drawn[name], 0.025), quantile(drawn[name], 0.975))
        for name, figure in FIGURES.items()
    }


def balanced_subsets(
    outcomes: Iterable[Outcome], draws: int = DRAWS, seed: int = 0, cell: int = SUBSET_CELL
) -> Subsets | None:
    """Plain accuracy on subsets like the paper's 340 kernels.

    Each draw takes one kernel for each program (CUDA and OpenMP versions are two) and class, then equally
    many for each language and class: ``cell``, or what the smallest has. None if a class is missing in a
    language.
    """
    choices: dict[tuple[str, bool], dict[str, list[bool]]] = {}
    for one in outcomes:
        for truth in (True, False):
            choices.setdefault((one.language, truth), {})
        programs = choices[one.language, one.truth]
        programs.setdefault(one.program, []).append(one.answer == one.truth)
    each = min([cell, *(len(programs) for programs in choices.values())])
    if not choices or not each:
        return None
    generator = random.Random(seed)  # noqa: S311 - a bootstrap, not a secret
    cells = [[programs[name] for name in sorted(programs)] for _, programs in sorted(choices.items())]
    accuracies = sorted(
        sum(generator.choice(kernels) for programs in cells for kernels in generator.sample(programs, each))
        / (each * len(cells))
        for _ in range(draws)
    )
    mean = math.fsum(accuracies) / draws
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in accuracies) / draws)
    low, high = quantile(accuracies, 0.025), quantile(accuracies, 0.975)
    assert low is not None
    assert high is not None
    return Subsets(mean, deviation, low, high, each * len(cells), draws)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which a share lies, interpolated between neighbours; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
