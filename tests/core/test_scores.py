"""Scores against their textbook definitions, and draws that stay what they claim to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.scores import Confusion, Outcome, balanced_subsets, confusion, intervals, quantile

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)
BOTH = PAIRS.filter(lambda pairs: {truth for truth, _ in pairs} == {True, False})


def outcomes(pairs: Sequence[tuple[bool, bool]], per_program: int = 1) -> list[Outcome]:
    return [
        Outcome(truth, answer, f"p{index // per_program}", f"p{index // per_program}-cuda", "cuda")
        for index, (truth, answer) in enumerate(pairs)
    ]


def f1(pairs: Sequence[tuple[bool, bool]], *, of: bool) -> float:
    """The harmonic mean of precision and recall of one class."""
    hits = sum(truth == answer == of for truth, answer in pairs)
    if not hits:
        return 0.0
    precision = hits / sum(answer == of for _, answer in pairs)
    recall = hits / sum(truth == of for truth, _ in pairs)
    return 2 * precision * recall / (precision + recall)


def pearson(pairs: Sequence[tuple[bool, bool]]) -> float:
    """Matthews' coefficient is the correlation of two indicators."""
    xs, ys = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = math.sqrt(sum((a - x) ** 2 for a in xs) * sum((b - y) ** 2 for b in ys))
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / spread if spread > 1e-9 else 0.0


@given(BOTH)
def test_scores_follow_their_definitions(pairs: list[tuple[bool, bool]]) -> None:
    found = confusion(outcomes(pairs))
    recalls = [
        sum(truth == answer == of for truth, answer in pairs) / sum(truth == of for truth, _ in pairs)
        for of in (True, False)
    ]
    assert found.kernels == len(pairs)
    assert [found.recall_compute, found.recall_bandwidth] == pytest.approx(recalls)
    assert found.balanced_accuracy == pytest.approx(sum(recalls) / 2)
    assert found.accuracy == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    assert found.macro_f1 == pytest.approx((f1(pairs, of=True) + f1(pairs, of=False)) / 2)
    assert found.mcc == pytest.approx(pearson(pairs), abs=1e-9)


@pytest.mark.parametrize(
    ("cells", "balanced", "macro_f1", "mcc"),
    [
        (Confusion(10, 0, 0, 30), 1.0, 1.0, 1.0),
        (Confusion(0, 10, 30, 0), 0.0, 0.0, -1.0),
        # A majority answer has 75% accuracy and knows nothing.
        (Confusion(0, 10, 0, 30), 0.5, 3 / 7, 0.0),
    ],
)
def test_what_flatters_accuracy_does_not_flatter_these(
    cells: Confusion, balanced: float, macro_f1: float, mcc: float
) -> None:
    assert (cells.balanced_accuracy, cells.macro_f1, cells.mcc) == pytest.approx((balanced, macro_f1, mcc))


def test_a_class_that_is_missing_leaves_a_figure_open() -> None:
    found = confusion(outcomes([(True, True), (True, False)]))
    assert (found.recall_compute, found.recall_bandwidth) == (0.5, None)
    assert found.balanced_accuracy is found.macro_f1 is found.mcc is None
    assert confusion([]).accuracy is None


@given(BOTH)
def test_an_interval_is_the_same_on_every_run_and_in_order(pairs: list[tuple[bool, bool]]) -> None:
    found = intervals(outcomes(pairs, 2), draws=30)
    assert found == intervals(outcomes(pairs, 2)[::-1], draws=30)
    for one in found.values():
        if one.low is not None and one.high is not None:
            assert one.low <= one.high


def test_kernels_that_fail_together_widen_the_interval() -> None:
    pairs = [(index % 2 == 0, (index % 2 == 0) == (index < 100)) for index in range(200)]
    alone, together = (intervals(outcomes(pairs, size))["accuracy"] for size in (1, 20))
    assert alone.value == together.value == 0.5
    assert alone.low is not None
    assert together.low is not None
    assert 0.42 < alone.low < 0.45
    assert together.low < 0.3


def test_one_base_program_gives_no_interval() -> None:
    assert intervals(outcomes([(True, True), (False, True)], 2))["accuracy"].low is None


def test_a_subset_takes_one_kernel_of_a_program_and_class_and_as_many_of_each_language() -> None:
    # One program with 50 wrong kernels is one vote; the language with two programs a class limits both.
    many = [Outcome(truth=True, answer=False, base="big", program="big-cuda", language="cuda")] * 50
    right = [
        Outcome(truth, truth, f"{name}{truth}", f"{name}{truth}-{language}", language)
        for truth in (True, False)
        for language in ("cuda", "openmp")
        for name in ("a", "b")
    ]
    found = balanced_subsets([*many, *right], draws=400)
    assert found is not None
    assert found.kernels == 8
    # The big program is drawn as one of two from three: 2/3 of the draws have one of eight wrong.
    assert found.mean == pytest.approx(1 - 2 / 3 / 8, abs=0.01)
    assert found.low == 7 / 8
    assert found.high == 1
    assert found == balanced_subsets([*right, *many], draws=400)


def test_a_subset_is_at_most_as_large_as_the_papers() -> None:
    pairs = [(index % 2 == 0, True) for index in range(400)]
    found = balanced_subsets(outcomes(pairs), draws=10)
    assert found is not None
    assert (found.kernels, found.mean, found.deviation) == (170, 0.5, 0.0)


def test_without_one_class_there_is_no_balanced_subset() -> None:
    assert balanced_subsets(outcomes([(True, True)])) is None
    assert balanced_subsets([]) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_within_its_values(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found is not None
    assert min(values) - 1e-6 <= found <= max(values) + 1e-6


def test_quantiles_interpolate() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile([], 0.5) is None
