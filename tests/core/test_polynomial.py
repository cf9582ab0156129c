"""Polynomials obey the laws of a ring, and substitution and evaluation agree."""

from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.polynomial import ONE, ZERO, Polynomial

NAMES = ("n", "m", "k")
# Whole numbers this small are exact in floating point, so the laws hold without a tolerance.
TERMS = st.lists(st.tuples(st.lists(st.sampled_from(NAMES), max_size=2), st.integers(-9, 9)), max_size=4)
VALUES = st.fixed_dictionaries({name: st.integers(-9, 9) for name in NAMES})


def build(terms: list[tuple[list[str], int]]) -> Polynomial:
    total = ZERO
    for names, factor in terms:
        product = Polynomial.constant(factor)
        for name in names:
            product = product * Polynomial.symbol(name)
        total = total + product
    return total


POLYNOMIALS = TERMS.map(build)


@given(POLYNOMIALS, POLYNOMIALS, POLYNOMIALS)
def test_they_are_a_commutative_ring(a: Polynomial, b: Polynomial, c: Polynomial) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a * b == b * a
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a + ZERO == a
    assert a * ONE == a
    assert a * ZERO == ZERO
    assert a - a == ZERO


@given(POLYNOMIALS, POLYNOMIALS, VALUES)
def test_evaluation_keeps_sums_and_products(a: Polynomial, b: Polynomial, values: dict[str, int]) -> None:
    at = values.__getitem__
    assert (a + b).evaluate(at) == a.evaluate(at) + b.evaluate(at)
    assert (a * b).evaluate(at) == a.evaluate(at) * b.evaluate(at)
    assert (a * 3).evaluate(at) == (3 * a).evaluate(at) == 3 * a.evaluate(at)


@given(POLYNOMIALS, POLYNOMIALS, VALUES)
def test_substituting_and_evaluating_agree(a: Polynomial, inner: Polynomial, values: dict[str, int]) -> None:
    outer = a.substitute({"n": inner})
    assert outer.evaluate(values.__getitem__) == a.evaluate(
        {**values, "n": inner.evaluate(values.__getitem__)}.__getitem__
    )


@given(POLYNOMIALS)
def test_a_number_has_no_symbols(a: Polynomial) -> None:
    assert (a.number is None) == bool(a.symbols)


def test_the_coefficient_of_an_index_may_hold_other_symbols() -> None:
    row, n, column = map(Polynomial.symbol, ("row", "n", "column"))
    index = row * n + column + 3
    assert index.coefficient("row") == n
    assert index.coefficient("column") == ONE
    assert index.coefficient("k") == ZERO


def test_they_read_like_a_formula() -> None:
    n, k = Polynomial.symbol("n"), Polynomial.symbol("k")
    assert str(n * k * 2 + 1 + k) == "1 + k + 2·k·n"
    assert str(ZERO) == "0"
