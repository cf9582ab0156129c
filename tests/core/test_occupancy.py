"""Occupancy agrees with the vendor's calculator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.occupancy import LIMITS, occupancy


@pytest.mark.parametrize(
    ("target", "threads", "registers", "shared", "expected"),
    [
        ("sm_86", 256, 40, 0, 1.0),
        ("sm_86", 256, 64, 0, 4 * 256 / 1536),  # 64 registers: four blocks of 256
        ("sm_80", 1024, 65, 0, 0.0),  # 72 x 1024 registers are more than there are
        ("sm_80", 32, 16, 0, 32 * 32 / 2048),  # no more than 32 blocks
        ("sm_86", 128, 16, 48 * 1024, 2 * 128 / 1536),  # 49 KiB of 100 a block
        ("sm_75", 1024, 32, 0, 1.0),
        ("gfx90a", 256, 64, 0, 1.0),  # 64 of 512 registers: all 8 waves of a SIMD
        ("gfx90a", 256, 65, 0, 7 / 8),  # 72 of 512
        ("gfx942", 64, 128, 0, 4 / 8),
        ("gfx942", 128, 16, 16 * 1024, 4 * 128 / 2048),
        ("gfx90a", 64, 16, 0, 1.0),  # a block of one wave needs no barrier, of which there are 16
    ],
)
def test_what_runs_out_first_decides(
    target: str, threads: int, registers: int, shared: int, expected: float
) -> None:
    size = {"sm_80": 164, "sm_86": 100}.get(target, 64) * 1024
    assert occupancy(target, threads, registers, shared, size) == pytest.approx(expected)


@given(st.sampled_from(sorted(LIMITS)), st.integers(1, 1024), st.integers(0, 255), st.integers(0, 200_000))
def test_more_of_anything_never_raises_it(target: str, threads: int, registers: int, shared: int) -> None:
    held = occupancy(target, threads, registers, shared, 100 * 1024)
    more = occupancy(target, threads, registers + 8, shared + 1024, 100 * 1024)
    assert held is not None
    assert more is not None
    assert 0 <= more <= held <= 1


def test_unknown_hardware_has_no_figure() -> None:
    assert occupancy("gfx1100", 256, 32, 0, 65536) is None
