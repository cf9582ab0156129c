import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.kernel_joules import joules_by_kernel
from jouleline.core.meter import EnergySample, Measured, Part
from jouleline.core.profile import KernelProfile

GPU = frozenset({"GPU 0"})


def window(gpu_j: float, wall_s: float = 10.0, runs: int = 10) -> EnergySample[Measured]:
    parts = (Part("GPU 0", gpu_j), Part("package-0", 123.0))
    return EnergySample(Measured, gpu_j + 123, wall_s, wall_s, runs, parts)


def launch(kernel: str, seconds: float | None) -> KernelProfile:
    return KernelProfile(kernel, (1, 1, 1), (32, 1, 1), {}, 0.0, "invented", seconds)


def test_a_kernel_gets_the_share_of_the_gpus_joules_that_it_has_of_the_time() -> None:
    launches = [launch("stencil", 0.3), launch("sum", 0.1), launch("stencil", 0.3)]
    split = joules_by_kernel([window(1990.0), window(2010.0)], GPU, launches)
    assert [(one.kernel, one.launches) for one in split.kernels] == [("stencil", 2), ("sum", 1)]
    assert [one.joules.value for one in split.kernels] == pytest.approx([120, 20])
    assert split.kernels[0].joules.low < 120 < split.kernels[0].joules.high
    assert split.outside_share == pytest.approx(0.3)
    assert split.outside.value == pytest.approx(60)
    assert split.notes == ()
    assert split.provenance.startswith("derived")


def test_kernels_that_fill_more_than_the_run_are_scaled_and_say_so() -> None:
    split = joules_by_kernel([window(2000.0)], GPU, [launch("one", 1.0), launch("two", 3.0)])
    assert [one.joules.value for one in split.kernels] == pytest.approx([150, 50])
    assert (split.outside_share, split.outside.value) == (0, 0)
    assert "overlap, or were slowed down" in split.notes[0]


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=20), st.floats(1.0, 1e5))
def test_the_shares_add_up_to_the_gpus_joules(times: list[float], energy: float) -> None:
    launches = [launch(f"kernel{place % 5}", time) for place, time in enumerate(times)]
    split = joules_by_kernel([window(energy)], GPU, launches)
    whole = math.fsum(one.joules.value for one in split.kernels) + split.outside.value
    assert whole == pytest.approx(energy / 10)


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="windows of a program and a profile"):
        joules_by_kernel([window(1.0)], GPU, [])
    with pytest.raises(ValueError, match="how long stencil took"):
        joules_by_kernel([window(1.0)], GPU, [launch("stencil", None)])
    with pytest.raises(ValueError, match=r"no part of a window is the GPU's \(GPU 1\)"):
        joules_by_kernel([window(1.0)], frozenset({"GPU 1"}), [launch("stencil", 0.1)])
