"""DRAM traffic: what is kept between iterations and waves, and what writing costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.footprint import Space
from jouleline.core.polynomial import Polynomial
from jouleline.core.traffic import Cache, traffic
from jouleline.core.values import Access

FLOAT = 4
MEGABYTE = 1e6
THREAD, BLOCK = "threadIdx.x", "blockIdx.x"
INDEX = Polynomial.symbol(THREAD) + 256 * Polynomial.symbol(BLOCK)
LOOP = "j@10"


def moved(
    accesses: list[Access], blocks: float, trips: float = 1, cache: float = 5 * MEGABYTE
) -> dict[str, float]:
    space = Space({THREAD: 256, BLOCK: blocks, LOOP: trips}, (THREAD, BLOCK), {}, lambda _: 0.0, 32)
    found = traffic(accesses, space, Cache(cache, 65536, 96))
    return {array.name: array.dram_bytes for array in found}


def access(
    name: str, index: Polynomial, times: float, *, write: bool = False, loops: tuple[str, ...] = ()
) -> Access:
    return Access(name, index, FLOAT, FLOAT, Polynomial.constant(times), write, loops)


def test_what_is_read_again_in_a_loop_is_kept_if_an_iteration_fits() -> None:
    blocks, trips = 256.0, 10.0
    again = access("a", INDEX, blocks * 256 * trips, loops=(LOOP,))
    assert moved([again], blocks, trips)["a"] == pytest.approx(blocks * 256 * FLOAT)


def test_what_does_not_fit_is_fetched_in_every_iteration() -> None:
    blocks, trips = 256.0, 10.0
    again = access("a", INDEX, blocks * 256 * trips, loops=(LOOP,))
    tiny = moved([again], blocks, trips, cache=1000.0)["a"]
    assert tiny == pytest.approx(blocks * 256 * FLOAT * trips, rel=0.05)


def test_a_table_that_all_blocks_read_is_fetched_once_if_it_fits() -> None:
    blocks, trips = 4096.0, 1000.0
    table = access("table", Polynomial.symbol(LOOP), blocks * 256 * trips, loops=(LOOP,))
    assert moved([table], blocks, trips)["table"] == pytest.approx(trips * FLOAT)


def test_writes_leave_a_small_cache_and_stay_in_a_large_one() -> None:
    blocks = 256.0
    store = access("a", INDEX, blocks * 256, write=True)
    size = blocks * 256 * FLOAT
    assert moved([store], blocks, cache=size / 100)["a"] > 0.97 * size
    assert moved([store], blocks, cache=size * 100)["a"] < 0.1 * size


def test_a_private_array_counts_only_where_it_does_not_fit_the_first_level() -> None:
    def local(size: float) -> Access:
        return Access(
            "t (local)",
            Polynomial.symbol(LOOP),
            FLOAT,
            FLOAT,
            Polynomial.constant(1e9),
            write=False,
            loops=(LOOP,),
            size_bytes=size,
            private=True,
        )

    assert moved([local(64)], 4096, 16) == {}
    assert moved([local(640)], 4096, 160)["t (local)"] > 4096 * 256 * 640 * 0.9


@given(
    st.floats(1, 5000),
    st.floats(1, 300),
    st.floats(1e3, 1e8),
    st.integers(0, 1),
    st.sampled_from([1, 3, 8, 33]),
)
def test_traffic_lies_between_what_is_touched_once_and_what_is_asked_for(
    blocks: float, trips: float, cache: float, moving: int, stride: int
) -> None:
    index = stride * INDEX + moving * Polynomial.symbol(LOOP)
    times = blocks * 256 * trips
    found = moved([access("a", index, times, loops=(LOOP,))], blocks, trips, cache)["a"]
    assert found <= times * 32 * 1.0001
    assert found >= min(times, blocks * 256) * FLOAT * 0.999


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    st.floats(1, 500),
    st.floats(1, 50),
    st.floats(1e3, 1e8),
)
def test_a_larger_cache_never_adds_traffic(
    reads: list[tuple[str, int, int, bool]], blocks: float, trips: float, cache: float
) -> None:
    accesses = [
        access(
            name,
            stride * INDEX + moving * 1000 * Polynomial.symbol(LOOP),
            blocks * 256 * (trips if inside else 1),
            loops=(LOOP,) if inside else (),
        )
        for name, stride, moving, inside in reads
    ]
    small, large = moved(accesses, blocks, trips, cache), moved(accesses, blocks, trips, 3 * cache)
    assert all(large[name] <= small[name] * 1.0001 for name in small)
