"""How often a guard holds agrees with trying every index."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.evaluate import parse_expression
from jouleline.core.polynomial import Polynomial
from jouleline.core.probability import probability


def chance(text: str, **extents: int) -> float | None:
    ranges = {name: Polynomial.constant(extent) for name, extent in extents.items()}

    def lookup(name: str) -> Polynomial | None:
        return None if name == "data" else Polynomial.symbol(name)

    return probability(parse_expression(text), lookup, ranges)


def tried(text: str, **extents: int) -> float:
    python = text.replace("&&", "and").replace("||", "or").replace("!(", "not (")
    cases = [
        bool(eval(python, {}, dict(zip(extents, values, strict=True))))  # noqa: S307  # the test's own text
        for values in product(*(range(extent) for extent in extents.values()))
    ]
    return sum(cases) / len(cases)


@given(
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.sampled_from([-3, -2, -1, 1, 2, 3]),
    st.integers(-20, 60),
    st.integers(1, 20),
)
def test_a_guard_of_one_index_is_exact(operator: str, factor: int, limit: int, extent: int) -> None:
    text = f"{factor} * i {operator} {limit}"
    assert chance(text, i=extent) == pytest.approx(tried(text, i=extent))


@given(st.integers(1, 6), st.integers(1, 8), st.integers(-2, 60))
def test_a_guard_of_block_and_thread_is_exact(blocks: int, threads: int, n: int) -> None:
    text = f"b * {threads} + t < {n}"
    assert chance(text, b=blocks, t=threads) == pytest.approx(tried(text, b=blocks, t=threads))


@given(st.integers(0, 9), st.integers(0, 9))
def test_guards_of_independent_indices_multiply(x: int, y: int) -> None:
    for text in (f"i < {x} && j >= {y}", f"i < {x} || j >= {y}", f"!(i == {x}) && (j != {y})"):
        assert chance(text, i=8, j=8) == pytest.approx(tried(text, i=8, j=8))


@given(st.text(st.sampled_from("ij09<>=!&|()+-* "), max_size=20))
def test_a_share_lies_between_none_and_all(text: str) -> None:
    share = chance(text, i=7, j=3)
    assert share is None or 0 <= share <= 1


@pytest.mark.parametrize("text", ["data > 0", "data", "i < 3 && data", "a[i] < 3", "n < m"])
def test_a_guard_on_data_is_unknown(text: str) -> None:
    assert chance(text, i=10) is None


@pytest.mark.parametrize(
    ("text", "share"),
    [("i < n", 1), ("n > i", 1), ("i >= n", 0), ("n <= i", 0), ("i == n", 0), ("i != n", 1)],
)
def test_a_launch_is_taken_to_cover_a_size_that_is_not_known(text: str, share: float) -> None:
    assert chance(text, i=10) == share


@pytest.mark.parametrize(("text", "share"), [("1", 1), ("0", 0), ("3 < 2", 0), ("(4)", 1), ("true", 1)])
def test_a_guard_of_numbers_always_or_never_holds(text: str, share: float) -> None:
    assert chance(text) == share
