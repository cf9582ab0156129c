"""Spreads of counts: measured by comparison, written as a file, and given to counts of their kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.spreads import parse_spreads, shipped, spreads_toml
from jouleline.core.counts import Doubt, Evidence, KernelCounts, LaunchShape, Operation
from jouleline.core.spreads import FEWEST, Comparison, Spread, Spreads, measure_spreads, with_spreads


def counts(doubt: Doubt) -> KernelCounts:
    shape = LaunchShape((1, 1, 1), (32, 1, 1), known=True)
    return KernelCounts({Operation.SP: 1.0}, 1.0, (), shape, Evidence.SOURCE, doubt=doubt)


def test_a_spread_holds_two_thirds_of_the_errors() -> None:
    compared = [
        Comparison(Evidence.SOURCE, Doubt.NOTHING, {"sp": 2.0**error}, {"sp": 1.0})
        for error in range(-50, 51)
    ]
    spread = measure_spreads(compared)[Evidence.SOURCE][Doubt.NOTHING]["sp"]
    assert spread.kernels == 101
    assert spread.log2 == pytest.approx(0.68 * 50, abs=1)


def test_a_size_that_was_taken_wrongly_leaves_the_intensity_right() -> None:
    wrong = Comparison(
        Evidence.SOURCE, Doubt.SIZES, {"int": 1024.0, "dram_bytes": 1024.0}, {"int": 1.0, "dram_bytes": 1.0}
    )
    table = measure_spreads([wrong])[Evidence.SOURCE][Doubt.SIZES]
    assert (table["int"].log2, table["dram_bytes"].log2, table["int_per_byte"].log2) == (10, 10, 0)


def test_a_small_group_takes_the_spread_of_a_milder_doubt() -> None:
    table: Spreads = {
        Evidence.SOURCE: {
            Doubt.NOTHING: {"sp": Spread(0.5, FEWEST)},
            Doubt.TRIPS: {"sp": Spread(3.0, FEWEST)},
            Doubt.SIZES: {"sp": Spread(9.0, FEWEST - 1)},
        }
    }
    assert with_spreads(counts(Doubt.NOTHING), table).uncertainty_log2["sp"] == 0.5
    assert with_spreads(counts(Doubt.BRANCHES), table).uncertainty_log2["sp"] == 0.5
    assert with_spreads(counts(Doubt.SIZES), table).uncertainty_log2["sp"] == 3.0
    assert with_spreads(counts(Doubt.SIZES), {}).uncertainty_log2 == {}


@given(
    st.dictionaries(
        st.sampled_from([Evidence.SOURCE, Evidence.COMPILED]),
        st.dictionaries(
            st.sampled_from(list(Doubt)),
            st.dictionaries(
                st.sampled_from(["sp", "dram_bytes"]),
                st.builds(Spread, st.integers(0, 3000).map(lambda value: value / 100), st.integers(1, 999)),
                min_size=1,
            ),
            min_size=1,
        ),
        min_size=1,
    )
)
def test_the_file_holds_what_was_measured(spreads: Spreads) -> None:
    assert parse_spreads(spreads_toml(spreads)) == spreads


def test_what_we_ship_knows_source_and_compiled_counts_and_grows_with_doubt() -> None:
    for evidence in (Evidence.SOURCE, Evidence.COMPILED):
        table = shipped()[evidence]
        assert {"sp", "dp", "int", "dram_bytes"} <= table[Doubt.NOTHING].keys()
        assert table[Doubt.NOTHING]["int"].log2 < table[Doubt.SIZES]["int"].log2
