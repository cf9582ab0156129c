"""Probabilities beside what came true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.calibration import calibration

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


@given(ANSWERS, st.integers(1, 20))
def test_every_answer_lies_in_one_bin_and_the_scores_in_0_to_1(
    answers: list[tuple[float, bool]], bins: int
) -> None:
    found = calibration([chance for chance, _ in answers], [truth for _, truth in answers], bins)
    assert found is not None
    assert sum(one.kernels for one in found.bins) == len(answers) == found.kernels
    assert 0 <= found.brier <= 1
    assert 0 <= found.error <= 1
    for one in found.bins:
        if one.probability is not None:
            assert one.low - 1e-12 <= one.probability <= one.high + 1e-12


def test_a_probability_that_comes_true_as_often_as_it_says_has_no_error() -> None:
    found = calibration([0.75] * 4, [True, True, True, False])
    assert found is not None
    assert found.error == 0
    assert found.brier == pytest.approx(0.75 * 0.25)


def test_one_who_is_sure_and_wrong_scores_worst() -> None:
    found = calibration([1.0, 0.0], [False, True])
    assert found is not None
    assert (found.brier, found.error) == (1, 1)


def test_always_one_half_scores_a_quarter() -> None:
    found = calibration([0.5] * 2, [True, False])
    assert found is not None
    assert (found.brier, found.error) == (0.25, 0)


def test_nothing_answered_has_no_calibration_and_no_probability_is_beyond_1() -> None:
    assert calibration([], []) is None
    with pytest.raises(ValueError, match="outside 0 to 1"):
        calibration([1.5], [True])
