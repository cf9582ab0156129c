"""Count errors in powers of two, zeros apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.count_errors import count_errors

AMOUNT = st.one_of(st.just(0.0), st.floats(1e-3, 1e18))


def test_a_factor_of_four_is_two_either_way() -> None:
    found = count_errors([(4, 1), (1, 4), (8, 8)])
    assert (found.kernels, found.median, found.bias) == (3, 2, 0)
    assert found.p90 == pytest.approx(2)


def test_zeros_are_counted_and_not_averaged() -> None:
    found = count_errors([(0, 5), (5, 0), (3, 0), (0, 0)])
    assert (found.kernels, found.median, found.bias) == (0, None, None)
    assert (found.missed, found.invented, found.both_zero) == (1, 2, 1)


@given(st.lists(st.tuples(AMOUNT, AMOUNT)))
def test_every_pair_is_in_one_place_and_swapping_turns_the_bias(pairs: list[tuple[float, float]]) -> None:
    found, swapped = count_errors(pairs), count_errors((b, a) for a, b in pairs)
    assert found.kernels + found.missed + found.invented + found.both_zero == len(pairs)
    assert (found.missed, found.invented) == (swapped.invented, swapped.missed)
    if found.median is not None and found.p90 is not None and found.bias is not None:
        assert 0 <= found.median <= found.p90
        assert swapped.bias == pytest.approx(-found.bias)
        assert swapped.median == pytest.approx(found.median)
