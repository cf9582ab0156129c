"""pass@k and energy-reduction@k over programs, against enumeration of every choice of k."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.energy_study import NOT_RUN, Trial, score_program, score_setting


def trial(program: str, number: int, reduction: float | None, failure: str = "build") -> Trial:
    """A trial that saved something, or failed."""
    passed = reduction is not None
    return Trial(program, "full", number, passed, reduction or 0.0, "" if passed else failure)


@given(st.lists(st.one_of(st.none(), st.floats(0, 0.9)), min_size=1, max_size=7))
def test_a_programs_figures_are_those_of_every_choice_of_k_candidates(outcomes: list[float | None]) -> None:
    score = score_program([trial("p", number, one) for number, one in enumerate(outcomes)])
    assert score.passed == sum(one is not None for one in outcomes)
    for k in range(1, len(outcomes) + 1):
        chosen = list(combinations(outcomes, k))
        passing = fmean(any(one is not None for one in group) for group in chosen)
        best = fmean(max(one or 0.0 for one in group) for group in chosen)
        assert score.pass_at[k - 1] == pytest.approx(passing)
        assert score.reduction_at[k - 1] == pytest.approx(best)


def test_a_setting_is_the_mean_over_programs_with_what_went_wrong_counted() -> None:
    score = score_setting(
        [
            trial("a", 0, 0.5),
            trial("a", 1, None),
            trial("b", 0, None, "output"),
            trial("b", 1, None),
            trial("c", 0, 0.1),
            trial("c", 1, 0.3),
        ]
    )
    assert score.pass_at[0].value == pytest.approx((0.5 + 0 + 1) / 3)
    assert score.pass_at[1].value == pytest.approx((1 + 0 + 1) / 3)
    assert score.reduction_at[1].value == pytest.approx((0.5 + 0 + 0.3) / 3)
    assert score.reduction_at[1].low < score.reduction_at[1].value < score.reduction_at[1].high
    assert score.conditional is not None
    assert score.conditional.value == pytest.approx((0.5 + 0.2) / 2)
    assert score.failures == {"build": 2, "output": 1}


def test_programs_with_fewer_trials_count_for_the_k_they_have() -> None:
    score = score_setting([trial("a", 0, 0.4), trial("b", 0, 0.2), trial("b", 1, 0.6)])
    assert [one.value for one in score.reduction_at] == pytest.approx([0.4, 0.6])


def test_what_was_not_run_counts_in_no_figure() -> None:
    done = [trial("a", 0, 0.4), trial("a", 1, None)]
    score = score_setting([*done, trial("a", 2, None, NOT_RUN), trial("b", 0, None, NOT_RUN)])
    alone = score_setting(done)
    assert (score.pass_at, score.reduction_at, score.programs) == (
        alone.pass_at, alone.reduction_at, alone.programs
    )  # fmt: skip
    assert score.failures == {"build": 1, NOT_RUN: 2}
    with pytest.raises(ValueError, match="at least one trial"):
        score_setting([trial("b", 0, None, NOT_RUN)])
