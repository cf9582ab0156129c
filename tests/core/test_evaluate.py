"""C++ expressions evaluate as C++ does, and to polynomials of what is not known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.evaluate import evaluate_text, number, split_arguments
from jouleline.core.polynomial import Polynomial
from tests.core.expressions import NAMES, integer_expressions

VALUES = st.fixed_dictionaries({name: st.integers(-50, 50) for name in NAMES})


def value(text: str, **known: float) -> float | None:
    def lookup(name: str) -> Polynomial | None:
        if "(" in name:
            return None
        return Polynomial.constant(known[name]) if name in known else Polynomial.symbol(name)

    found = evaluate_text(text, lookup)
    return None if found is None else found.number


@given(integer_expressions(), VALUES)
def test_sums_and_products_agree_with_python(text: str, values: dict[str, int]) -> None:
    expected = eval(text, {}, values)  # noqa: S307  # the generator's own text
    assert value(text, **values) == expected
    symbolic = evaluate_text(text, Polynomial.symbol)
    assert symbolic is not None
    assert symbolic.evaluate(values.__getitem__) == expected


@given(st.integers(-200, 200), st.integers(-20, 20).filter(bool))
def test_quotients_and_remainders_round_towards_zero(a: int, b: int) -> None:
    assert value("a / b", a=a, b=b) == math.trunc(a / b)
    assert value("a % b", a=a, b=b) == math.fmod(a, b)


@given(st.integers(0, 2**31), st.integers(0, 2**31), st.integers(0, 31))
def test_bit_operations_agree_with_python(a: int, b: int, shift: int) -> None:
    known = {"a": a, "b": b, "s": shift}
    assert value("a & b", **known) == a & b
    assert value("a | b", **known) == a | b
    assert value("a ^ b", **known) == a ^ b
    assert value("a << s", **known) == a << shift
    assert value("a >> s", **known) == a >> shift
    assert value("~a", **known) == ~a


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_relations_and_logic_are_one_or_zero(a: int, b: int) -> None:
    known = {"a": a, "b": b}
    for operator, expected in {"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b}.items():
        assert value(f"a {operator} b", **known) == expected
    assert value("a && !b", **known) == bool(a and not b)
    assert value("a || b ? 7 : 8", **known) == (7 if a or b else 8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("017", 15),
        ("0x1fULL", 31),
        ("0b1010", 10),
        ("1'000'000", 1_000_000),
        ("2.5e-1f", 0.25),
        (".5", 0.5),
        ("3.", 3),
        ("42ul", 42),
        ("1e999", None),
        ("08", None),
        ("-3", -3),
        ("- 0x10", -16),
        ("", None),
        ("--3", None),
        ("x", None),
    ],
)
def test_literals(text: str, expected: float | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1000 + 255) / 256", 4),
        ("ceil(1000 / 256.0)", 4),
        ("(int)ceilf((float)1000 / 256)", 4),
        ("static_cast<int>(1000 / 256.0f)", 3),
        ("(double)7 / 2", 3.5),
        ("std::max(3, 4) * std::min(5, 6)", 20),
        ("pow(2, 10)", 1024),
        ("sizeof(double) * 3", 24),
        ("1 << 20", 2**20),
        ("n / n", 1),
        ("unknown(3)", None),
        ("n % 3", None),
        ("1 / 0", None),
        ("pow(0, -1)", None),
        ("pow(1000000, 60)", None),
        ("sqrt(-1)", None),
        ("log2(0)", None),
        ("a[3]", None),
    ],
)
def test_what_is_known(text: str, expected: float | None) -> None:
    assert value(text) == expected


def test_a_quotient_of_unknowns_is_a_symbol_by_its_text() -> None:
    found = evaluate_text("n / m * 2", Polynomial.symbol)
    assert str(found) == "2·(n)/(m)"


def test_an_expression_nested_deeper_than_anyone_writes_is_unknown() -> None:
    assert value("(" * 5000 + "1" + ")" * 5000) is None
    assert value(" + ".join(["1"] * 5000)) is None


@given(st.text(max_size=30))
def test_any_text_evaluates_to_something_or_nothing(text: str) -> None:
    value(text)
    split_arguments(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        ("dim3(a, b), f(c, d)[e]", ["dim3(a, b)", "f(c, d)[e]"]),
        ("dim3(a, b), f<c, g<d, e>>(h)", ["dim3(a, b)", "f<c, g<d, e>>(h)"]),
        ("i < n, j > m", ["i < n", "j > m"]),
        ("grid, {1, 2}, 0, stream", ["grid", "{1, 2}", "0", "stream"]),
    ],
)
def test_arguments_are_split_at_the_top_level(text: str, parts: list[str]) -> None:
    assert split_arguments(text) == parts
