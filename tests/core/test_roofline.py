"""The roofline rule, with counts given by hand and with those a profiler measured."""

import csv
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.counts import Evidence, KernelCounts, LaunchShape, Operation
from jouleline.core.device import Device
from jouleline.core.roofline import MARGIN_LIMIT, BoundKind, classify
from jouleline.devices import load_catalogue

CATALOGUE = load_catalogue()
PAPER = CATALOGUE.get("rtx-3080-paper")
LABELS = Path(__file__).parents[3] / "shared" / "roofline" / "labels_dev.csv"
SHAPE = LaunchShape((1, 1, 1), (1, 1, 1), known=True)
OPERATIONS = (Operation.SP, Operation.DP, Operation.INT, Operation.TENSOR)


def counts(
    dram_bytes: float,
    sp: float = 0,
    dp: float = 0,
    integer: float = 0,
    *,
    tensor: float = 0,
    spread: float = 0,
) -> KernelCounts:
    return KernelCounts(
        dict(zip(OPERATIONS, (sp, dp, integer, tensor), strict=True)),
        dram_bytes,
        (),
        SHAPE,
        Evidence.SOURCE,
        uncertainty_log2=dict.fromkeys([*map(str, OPERATIONS), "dram_bytes"], spread),
    )


@pytest.mark.parametrize(
    ("given", "kind", "driver"),
    [
        (counts(100), "bandwidth", None),
        (counts(100, sp=3200, dp=51, integer=1600), "bandwidth", None),
        (counts(100, sp=3300), "compute", "sp"),
        (counts(100, dp=52), "compute", "dp"),
        (counts(100, integer=1650), "compute", "int"),
        # The class that is furthest above its ridge drives.
        (counts(100, sp=6600, dp=520, integer=1650), "compute", "dp"),
        (counts(0, sp=1), "compute", "sp"),
        (counts(0), "bandwidth", None),
    ],
)
def test_a_kernel_is_compute_bound_when_one_class_lies_above_its_ridge(
    given: KernelCounts, kind: str, driver: str | None
) -> None:
    bound = classify(given, PAPER)
    assert (bound.kind, bound.driver) == (kind, driver)


def test_tensor_work_has_a_ridge_of_its_own_where_the_device_has_tensor_units() -> None:
    many = counts(100, tensor=1e6)
    assert classify(many, CATALOGUE.get("a100-sxm4-40gb")).driver is Operation.TENSOR
    assert classify(counts(100), CATALOGUE.get("a100-sxm4-40gb")).kind is BoundKind.BANDWIDTH


def test_the_margin_is_the_distance_to_the_ridge_in_powers_of_two() -> None:
    ridge = PAPER.ridge("sp")
    assert ridge is not None
    assert classify(counts(100, sp=400 * ridge), PAPER).margin_log2 == pytest.approx(2)
    assert classify(counts(100, sp=25 * ridge), PAPER).margin_log2 == pytest.approx(-2)
    assert classify(counts(0, sp=1), PAPER).margin_log2 == MARGIN_LIMIT
    assert classify(counts(1), PAPER).margin_log2 == -MARGIN_LIMIT


POSITIVE = st.floats(1, 1e15)


@given(st.tuples(POSITIVE, POSITIVE, POSITIVE, POSITIVE), st.floats(0, 4), st.sampled_from(list(CATALOGUE)))
def test_label_margin_and_probability_agree(
    amounts: tuple[float, float, float, float], spread: float, device: Device
) -> None:
    bound = classify(counts(*amounts, spread=spread), device)
    compute = bound.kind is BoundKind.COMPUTE
    assert compute == (bound.margin_log2 >= 0) == (bound.driver is not None)
    assert 0 <= bound.probability_compute <= 1
    assert bound.probability_compute >= 0.5 - 1e-9 if compute else bound.probability_compute <= 0.5
    assert bound.floor_s > 0


def test_doubt_draws_the_probability_towards_one_half() -> None:
    sure, unsure = (classify(counts(100, sp=10_000, spread=spread), PAPER) for spread in (0.1, 3))
    assert sure.probability_compute > 0.99 > unsure.probability_compute > 0.5


def test_the_floor_is_the_time_of_the_slowest_roof() -> None:
    assert classify(counts(760.3e9), PAPER).floor_s == pytest.approx(1)
    peak = PAPER.peak("sp")
    assert peak is not None
    assert classify(counts(1, sp=2 * peak.value), PAPER).floor_s == pytest.approx(2)


def test_no_bytes_leave_the_intensity_open() -> None:
    assert counts(0, sp=1).intensity(Operation.SP) is None
    assert counts(4, sp=1).intensity(Operation.SP) == 0.25
    assert counts(4).intensity(Operation.SPECIAL) == 0


@pytest.mark.skipif(not LABELS.exists(), reason="the corpus of profiled labels is not beside us")
def test_measured_counts_reproduce_every_label_and_driver_of_the_paper() -> None:
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        measured = counts(
            float(row["dram_bytes"]), float(row["sp_flop"]), float(row["dp_flop"]), float(row["intop"])
        )
        bound = classify(measured, PAPER)
        assert str(bound.kind) == row["label"].lower(), row["kernel_display"]
        assert str(bound.driver or "") == row["driver"], row["kernel_display"]
        if not math.isinf(float(row["margin_log2"])) and abs(bound.margin_log2) < MARGIN_LIMIT:
            assert bound.margin_log2 == pytest.approx(float(row["margin_log2"]), abs=0.05)
