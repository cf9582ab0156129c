import pytest

from jouleline.core.meter import MeterError
from jouleline.core.ports import Completed
from jouleline.meters.cpu_time import CpuTimeMeter


def run(cpu_s: float, wall_s: float = 1.0) -> Completed:
    return Completed(0, b"", b"", wall_s, cpu_s)


def meter(watts: float = 65.0, cores: int = 4) -> CpuTimeMeter:
    return CpuTimeMeter(
        rated_watts=watts, cores=cores, device="test processor", source="invented for the test"
    )


def test_joules_are_cpu_seconds_times_a_core_s_share_of_the_rated_power() -> None:
    model = meter()
    model.start()
    sample = model.stop([run(2.0, 1.5), run(4.0, 2.5)])
    assert sample.energy_j == pytest.approx(6.0 * 65 / 4)
    assert (sample.cpu_s, sample.wall_s, sample.runs) == (6.0, 4.0, 2)


def test_repeats_within_a_run_are_counted() -> None:
    assert meter().stop([run(1.0), run(1.0)], repeats=10).runs == 20


def test_it_always_says_that_it_is_a_model_and_of_what() -> None:
    info = meter().info
    assert info.modelled
    assert info.window_s == 0.2
    assert "65 W / 4 cores (invented for the test)" in info.note
    assert "only say that CPU time changed" in info.note


def test_no_run_gives_no_figure() -> None:
    with pytest.raises(MeterError, match="no run"):
        meter().stop([])


@pytest.mark.parametrize("watts", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_power_is_refused(watts: float) -> None:
    with pytest.raises(ValueError, match="rated power"):
        meter(watts=watts)


def test_an_impossible_number_of_cores_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one core"):
        meter(cores=0)
