"""No base program is fitted on and tested at once, whatever the corpus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.folds import base_program, fold_of, split

NAMES = st.builds(
    "{}-{}".format, st.text("abcxyz-", min_size=1, max_size=6), st.sampled_from(["cuda", "omp", "hip"])
)


@pytest.mark.parametrize(
    ("program", "base"),
    [
        ("bh-cuda", "bh"),
        ("bh-omp", "bh"),
        ("stu-matrix-rotate-hip", "stu-matrix-rotate"),
        ("xsbench", "xsbench"),
        ("all-pairs", "all-pairs"),
        ("-cuda", "-cuda"),
    ],
)
def test_versions_of_a_program_share_a_base(program: str, base: str) -> None:
    assert base_program(program) == base


@given(st.lists(NAMES, max_size=40), st.integers(2, 7), st.integers(0, 3))
def test_every_item_is_tested_once_and_never_beside_a_relative(
    programs: list[str], folds: int, seed: int
) -> None:
    found = split(programs, folds, seed)
    assert sorted(index for fold in found for index in fold.test) == list(range(len(programs)))
    for fold in found:
        assert sorted(fold.train + fold.test) == list(range(len(programs)))
        fitted = {base_program(programs[index]) for index in fold.train}
        assert not fitted & {base_program(programs[index]) for index in fold.test}


@given(st.lists(NAMES, min_size=1, max_size=20), NAMES)
def test_a_corpus_that_grows_moves_no_program(programs: list[str], newcomer: str) -> None:
    before, after = split(programs), split([*programs, newcomer])
    for old, new in zip(before, after, strict=True):
        assert set(old.test) <= set(new.test)


def test_folds_are_of_about_the_same_size_and_another_seed_gives_others() -> None:
    programs = [f"program{number}-cuda" for number in range(400)]
    sizes = [len(fold.test) for fold in split(programs, 5)]
    assert all(50 <= size <= 110 for size in sizes), sizes
    assert split(programs, 5, seed=1) != split(programs, 5)


def test_the_fold_of_a_program_is_the_same_on_every_machine() -> None:
    assert [fold_of(name, 5) for name in ("bh-cuda", "bh-omp", "jacobi-cuda", "xsbench")] == [1, 1, 1, 2]


def test_one_fold_leaves_nothing_to_fit_on() -> None:
    with pytest.raises(ValueError, match="at least two folds, not 1"):
        fold_of("bh-cuda", 1)
