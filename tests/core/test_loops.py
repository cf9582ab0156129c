"""Trip counts agree with running the loop."""

from itertools import product
from operator import ge, gt, le, lt, ne

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.loops import Loop, read_loop
from jouleline.core.polynomial import Polynomial
from jouleline.core.syntax import descendants, parse

# Updates, with S for a step, and what they make of i in Python.
UPDATES = {
    "i++": "i + 1",
    "++i": "i + 1",
    "i += S": "i + s",
    "i = i + S": "i + s",
    "j++, i += S": "i + s",
    "i--": "i - 1",
    "i -= S": "i - s",
    "i *= S": "i * s",
    "i <<= 1": "i * 2",
    "i /= S": "i // s",
    "i >>= 1": "i >> 1",
}
RELATIONS = {"<": lt, "<=": le, ">": gt, ">=": ge, "!=": ne}


def read(text: str, ranges: dict[str, int] | None = None, **known: Polynomial) -> Loop:
    (node,) = descendants(parse(f"void f() {{ {text} }}".encode()).root, "for_statement")
    means = {name: Polynomial.constant((count - 1) / 2) for name, count in (ranges or {}).items()}

    def lookup(name: str) -> Polynomial | None:
        return known.get(name, Polynomial.symbol(name) if name.isidentifier() else None)

    return read_loop(node, lookup, means.get)


@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(2, 5),
    st.sampled_from(list(UPDATES)),
    st.sampled_from(list(RELATIONS)),
)
def test_trips_agree_with_running_the_loop(
    start: int, limit: int, step: int, update: str, relation: str
) -> None:
    loop = read(f"for (int i = {start}; i {relation} {limit}; {update.replace('S', str(step))}) g();")
    trips, i = 0, start
    while trips < 500 and RELATIONS[relation](i, limit):
        trips += 1
        i = eval(UPDATES[update], {"i": i, "s": step})  # noqa: S307  # from the table above
    known = loop.trips.number if loop.trips is not None else None
    # A loop that does not end (or steps over what it waits for) is no loop of known length.
    assert trips == 500 or known is None or known == trips
    downwards = update.startswith(("i--", "i -", "i /", "i >"))
    if relation in ((">", ">=") if downwards else ("<", "<=")) and trips < 500 and start > 0:
        assert known == trips


@pytest.mark.parametrize(
    ("text", "variable", "trips"),
    [
        ("for (int i = 0; i < n; i++);", "i", "n"),
        ("for (i = 2; n > i; i += 1);", "i", "-2 + n"),
        ("for (size_t k = n; k > 0; k -= 4);", "k", "0.25·n"),
        ("for (int i = 0; i < n && !found; i++);", "i", "n"),
        ("for (int i = 0; !found && i < n; i++);", "i", "n"),
    ],
)
def test_sizes_stay_symbols(text: str, variable: str, trips: str) -> None:
    loop = read(text)
    assert (loop.variable, str(loop.trips), loop.affine) == (variable, trips, True)


def test_a_triangular_loop_counts_with_the_mean_of_its_outer_index() -> None:
    loop = read("for (int j = i + 1; j < 10; j++);", {"i": 10})
    assert loop.trips == Polynomial.constant(sum(9 - i for i in range(10)) / 10)


@pytest.mark.parametrize(
    ("text", "trips"),
    [
        ("for (int i = first; i < last; i++);", "last"),
        ("for (int i = first + 2; i <= last; i++);", "-1 + last"),
        ("for (int i = last; i >= first; i--);", "1 + last"),
        ("for (int i = n / 2; i < n; i++);", "0.5·n"),
        ("for (int i = first; i < 100; i++);", "100"),
    ],
)
def test_between_two_unknowns_a_loop_runs_as_far_as_the_second(text: str, trips: str) -> None:
    """Equal sizes assumed for both would leave nothing of it."""
    assert str(read(text).trips) == trips


@given(st.integers(1, 64), st.integers(0, 500))
def test_a_strided_loop_counts_with_the_mean_over_its_threads(threads: int, n: int) -> None:
    loop = read(f"for (int i = t; i < {n}; i += {threads});", {"t": threads})
    each = [len(range(t, n, threads)) for t in range(threads)]
    assert loop.trips is not None
    assert loop.trips.number == pytest.approx(sum(each) / threads)


@pytest.mark.parametrize(
    "text",
    [
        "for (;;);",
        "for (int i = 0; ; i++);",
        "for (int i = 0; i < n; );",
        "for (int i = 0; i < n; j++);",
        "for (auto p = list; p; p = p->next);",
        "for (int i = 0; i < 9; i = next(i));",
        "for (int i = 0; i < n; i *= 2);",
        "for (int i = 5; i > 0; i++);",
        "for (int i; i < n; i++);",
    ],
)
def test_what_the_source_does_not_tell_is_unknown(text: str) -> None:
    assert read(text).trips is None


def test_the_variable_is_affine_in_its_iteration() -> None:
    loop = read("for (int i = n; i > 0; i -= 3);", n=Polynomial.constant(12))
    assert (loop.start, loop.step, loop.trips) == tuple(map(Polynomial.constant, (12, -3, 4)))


def test_loops_over_every_pair_of_bounds() -> None:
    for start, limit in product(range(-3, 4), repeat=2):
        loop = read(f"for (int i = {start}; i < {limit}; i += 2);")
        assert loop.trips == Polynomial.constant(len(range(start, limit, 2)))
