"""Which of many launches stands for a kernel, and how the runs of several passes become one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from jouleline.core.counts import NO_OPERATIONS, Evidence, LaunchShape, Operation
from jouleline.core.profile import KernelProfile, LaunchRecord, representatives, united
from jouleline.devices import load_catalogue

DEVICE = load_catalogue().get("a100-sxm4-40gb")


def launched(
    kernel: str = "scale", grid: int = 8, seconds: float | None = 1e-6, **more: float
) -> KernelProfile:
    operations = {Operation.SP: more.get("sp", 1.0)}
    return KernelProfile(kernel, (grid, 1, 1), (256, 1, 1), operations, 4096.0, "ncu", seconds)


def test_the_faster_of_the_first_two_launches_of_a_shape_counts() -> None:
    cold, warm, later = (launched(seconds=s, sp=sp) for s, sp in ((3e-6, 1), (2e-6, 2), (1e-6, 3)))
    assert representatives([cold, warm, later]) == (warm,)
    assert representatives([warm, cold, later]) == (warm,)
    assert representatives([cold]) == (cold,)


def test_each_kernel_and_shape_is_represented_in_the_order_of_its_first_launch() -> None:
    launches = [launched("b"), launched("a"), launched("a", grid=16), launched("b", seconds=5e-7)]
    chosen = representatives(launches)
    assert [(one.kernel, one.grid[0]) for one in chosen] == [("b", 8), ("a", 8), ("a", 16)]
    assert chosen[0].seconds == 5e-7


def test_without_durations_the_first_launch_counts() -> None:
    first, second = launched(seconds=None, sp=1), launched(seconds=None, sp=2)
    assert representatives([first, second]) == (first,)


def test_counters_of_several_runs_come_together_launch_by_launch() -> None:
    def record(grid: int, **counters: int) -> LaunchRecord:
        values = {name: Decimal(value) for name, value in counters.items()}
        return LaunchRecord("scale", (grid, 1, 1), (64, 1, 1), values)

    first = [record(8, add=1), record(8, add=2), record(16, add=3)]
    second = [record(8, add=9, mul=10), record(8, mul=20), record(16, mul=30)]
    assert [dict(one.counters) for one in united([first, second])] == [
        {"add": 1, "mul": 10},
        {"add": 2, "mul": 20},
        {"add": 3, "mul": 30},
    ]
    assert united([first]) == tuple(first)


def test_a_profiler_that_tells_totals_only_fits_any_shape_with_them() -> None:
    flat = replace(launched(grid=64), flat=True)
    shape = LaunchShape((8, 8, 1), (16, 16, 1), known=True)
    assert flat.fits(shape)
    assert not launched(grid=64).fits(shape)
    assert not flat.fits(LaunchShape((8, 8, 1), (16, 8, 1), known=True))


def test_counts_from_a_profile_are_profile_evidence_and_carry_its_notes() -> None:
    counts = replace(launched(), notes=("rounded",)).counts(DEVICE, ("elsewhere",))
    assert (counts.evidence, counts.assumptions) == (Evidence.PROFILE, ("rounded", "elsewhere"))
    assert counts.shape.known


def test_half_precision_weighs_what_the_device_takes_for_it() -> None:
    # An A100 executes fp16 four times as fast as fp32.
    measured = replace(launched(), operations={Operation.SP: 100.0, Operation.HALF: 40.0})
    expected = NO_OPERATIONS | {Operation.SP: pytest.approx(110, rel=1e-3)}
    assert measured.counts(DEVICE).operations == expected
