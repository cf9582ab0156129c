import pytest

from jouleline.core.meter import EnergySample, Measured, MeterError, MeterInfo
from jouleline.core.ports import Completed
from jouleline.meters.replay import ReplayMeter

INFO = MeterInfo("nvml", "NVIDIA H200", Measured, window_s=5.0, note="", labels=("shared",))
RUN = Completed(0, b"", b"", 1.0, 1.0)


def sample(energy_j: float, runs: int) -> EnergySample[Measured]:
    return EnergySample(Measured, energy_j, 1.0, 1.0, runs)


def test_it_gives_the_samples_in_their_order_and_then_no_more() -> None:
    meter = ReplayMeter(INFO, [sample(1, 0), sample(2, 5)], "run.jsonl, nvml on NVIDIA H200, 2026")
    meter.start()
    assert meter.stop([]).energy_j == 1
    assert meter.stop([RUN]).energy_j == 2
    with pytest.raises(MeterError, match="the record ends before the measurement does"):
        meter.stop([RUN])
    meter.close()


def test_its_name_and_labels_tell_that_nothing_is_measured_now() -> None:
    info = ReplayMeter(INFO, [], "run.jsonl, nvml on NVIDIA H200, 2026").check()
    assert info.name == "replay of nvml"
    assert info.device == "NVIDIA H200"
    assert info.labels[0] == "shared"
    assert info.labels[1] == "a replay, nothing was measured now: run.jsonl, nvml on NVIDIA H200, 2026"
    assert not info.modelled


def test_an_idle_window_never_stands_for_a_run() -> None:
    with pytest.raises(MeterError, match="another order"):
        ReplayMeter(INFO, [sample(1, 0)], "run.jsonl").stop([RUN])
