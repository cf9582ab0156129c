"""Sectors of a warp and bytes of a footprint, against enumeration and by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.footprint import SECTOR_BYTES, Space, Stream, streams
from jouleline.core.polynomial import ONE, Polynomial
from jouleline.core.values import Access, Derived

FLOAT = 4
THREAD, BLOCK = "threadIdx.x", "blockIdx.x"


def sym(name: str) -> Polynomial:
    return Polynomial.symbol(name)


def space(ranges: Mapping[str, float], derived: Mapping[str, Derived] | None = None) -> Space:
    return Space(ranges, (THREAD, BLOCK), derived or {}, lambda _: 0.0, 32)


def access(index: Polynomial | None, times: float = 1e9, size: float | None = None) -> Access:
    return Access("a", index, FLOAT, FLOAT, Polynomial.constant(times), write=False, size_bytes=size)


def stream(index: Polynomial, where: Space, times: float = 1e9, size: float | None = None) -> Stream:
    (found,) = streams([access(index, times, size)], where)
    return found


WARP = space({THREAD: 256, BLOCK: 1000})


@pytest.mark.parametrize(
    ("index", "sectors"),
    [
        (sym(THREAD), 4),
        (sym(THREAD) * 2, 8),
        (sym(THREAD) * 8, 32),
        (sym(THREAD) * 1000, 32),
        (sym(BLOCK), 1),
        (sym(THREAD) * -1 + 31, 4),
    ],
)
def test_a_warp_moves_the_sectors_it_touches(index: Polynomial, sectors: int) -> None:
    assert stream(index, WARP).sectors == sectors


def test_a_short_block_puts_several_rows_into_a_warp() -> None:
    rows = Space({"x": 8, "y": 32}, ("x", "y"), {}, lambda _: 0.0, 32)
    assert stream(sym("x") + 8 * sym("y"), rows).sectors == 4
    assert stream(sym("x") + 1024 * sym("y"), rows).sectors == 4
    assert stream(32 * sym("x") + sym("y"), rows).sectors == 8


def test_a_remainder_keeps_neighbours_together_and_a_loaded_value_does_not() -> None:
    derived = {
        "i%7": Derived(frozenset({THREAD}), sym(THREAD), Polynomial.constant(7)),
        "i/4": Derived(frozenset({THREAD}), sym(THREAD), divisor=Polynomial.constant(4)),
        "v[i]": Derived(frozenset({THREAD})),
        "v[b]": Derived(frozenset({BLOCK})),
    }
    where = space({THREAD: 256, BLOCK: 1000}, derived)
    assert stream(sym("i%7"), where).sectors == 1
    assert stream(sym("i/4"), where).sectors == 1
    assert stream(sym("v[i]"), where).sectors == 32
    assert stream(sym("v[b]") + sym(THREAD), where).sectors == 4


def test_a_loaded_value_moves_accesses_that_the_index_tells_apart() -> None:
    derived = {"v[i]": Derived(frozenset({THREAD, BLOCK})), "v[j]": Derived(frozenset({THREAD, "j"}))}
    where = space({THREAD: 256, BLOCK: 1000, "j": 8}, derived)
    place = sym(THREAD) + sym(BLOCK) * 256
    moved, scattered = stream(place + sym("v[i]") * 100, where), stream(place + sym("v[j]") * 100, where)
    assert (moved.sectors, scattered.sectors) == (4, 32)
    assert moved.whole == stream(place, where).whole < scattered.whole


def test_a_derived_value_takes_as_many_values_as_it_can() -> None:
    derived = {
        "i%7": Derived(frozenset({THREAD}), sym(THREAD), Polynomial.constant(7)),
        "i/4": Derived(frozenset({THREAD}), sym(THREAD), divisor=Polynomial.constant(4)),
        "v[i]": Derived(frozenset({THREAD}), extent=Polynomial.constant(2)),
    }
    where = space({THREAD: 256, BLOCK: 1000}, derived)
    assert where.count("i%7", where.ranges) == 7
    assert where.count("i/4", where.ranges) == 64
    assert where.count("v[i]", where.ranges) == 2


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 20))
def test_a_dense_footprint_is_every_element_once(width: int, height: int, stride: int, pad: int) -> None:
    where = space({"x": width, "y": height, THREAD: 1, BLOCK: 1})
    row = stride * width + pad
    index = stride * sym("x") + row * sym("y")
    elements = {stride * x + row * y for x, y in product(range(width), range(height))}
    touched = stream(index, where).unique(where.ranges)
    # Between the elements alone and a sector for each.
    assert touched >= len(elements) * FLOAT * 0.99
    assert touched <= len(elements) * SECTOR_BYTES * 1.001


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=3),
    st.lists(st.integers(1, 30), min_size=3, max_size=3),
    st.lists(st.integers(0, 30), min_size=3, max_size=3),
)
def test_a_footprint_never_shrinks_when_indices_run_further(
    coefficients: list[int], near: list[int], further: list[int]
) -> None:
    names = [THREAD, BLOCK, "j@1"]
    index = ONE
    for name, coefficient in zip(names, coefficients, strict=False):
        index = index + coefficient * sym(name)
    small = dict(zip(names, map(float, near), strict=True))
    large = {name: small[name] + more for name, more in zip(names, further, strict=True)}
    found = stream(index, space(large))
    assert found.unique(large) >= found.unique(small) * (1 - 1e-9)


def test_neighbours_that_differ_by_a_constant_are_one_footprint() -> None:
    i = sym(THREAD) + 256 * sym(BLOCK)
    (stencil,) = streams([access(i - 1), access(i), access(i + 1)], WARP)
    assert stencil.unique(WARP.ranges) == pytest.approx((256_000 + 2) * FLOAT)
    (planes,) = streams([access(i), access(i + 1e6), access(i + 2e6)], WARP)
    assert planes.unique(WARP.ranges) == pytest.approx(3 * 256_000 * FLOAT)


def test_no_more_is_touched_than_there_is_or_than_is_executed() -> None:
    i = sym(THREAD) + 256 * sym(BLOCK)
    assert stream(i, WARP, size=1000.0).unique(WARP.ranges) == 1000
    assert stream(i, WARP, times=64).unique(WARP.ranges) == 64 * FLOAT


def test_scattered_accesses_meet_each_other() -> None:
    where = space({THREAD: 256, BLOCK: 1000}, {"v[i]": Derived(frozenset({THREAD, BLOCK}))})
    size = 256_000.0 * FLOAT
    found = stream(sym("v[i]"), where, size=size).unique(where.ranges)
    assert found == pytest.approx(size * (1 - math.exp(-1)))
