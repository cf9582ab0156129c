from itertools import combinations, pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.at_k import energy_reduction_at_k, pass_at_k

REDUCTIONS = st.lists(st.floats(-1, 1), min_size=1, max_size=7)


@given(REDUCTIONS, st.data())
def test_energy_reduction_at_k_is_the_mean_of_the_best_over_all_draws(
    reductions: list[float], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(reductions)))
    expected = fmean(max(draw) for draw in combinations(reductions, k))
    assert energy_reduction_at_k(reductions, k) == pytest.approx(expected, abs=1e-12)


@given(st.integers(1, 8), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_success(tried: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, tried))
    k = data.draw(st.integers(1, tried))
    outcomes = [place < passed for place in range(tried)]
    expected = fmean(any(draw) for draw in combinations(outcomes, k))
    assert pass_at_k(tried, passed, k) == pytest.approx(expected, abs=1e-12)


@given(REDUCTIONS)
def test_more_draws_never_expect_less(reductions: list[float]) -> None:
    expected = [energy_reduction_at_k(reductions, k) for k in range(1, len(reductions) + 1)]
    assert all(later >= sooner - 1e-12 for sooner, later in pairwise(expected))
    assert expected[-1] == pytest.approx(max(reductions))


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_that_cannot_be_drawn_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="k must be between 1 and the 3 candidates"):
        energy_reduction_at_k([0.1, 0.2, 0.0], k)
    with pytest.raises(ValueError, match="k must be between 1 and the 3 candidates"):
        pass_at_k(3, 1, k)


def test_more_passes_than_tries_are_refused() -> None:
    with pytest.raises(ValueError, match="4 of 3"):
        pass_at_k(3, 4, 1)
