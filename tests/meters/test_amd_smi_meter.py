"""Whatever AMD SMI may do, the meter's figure is right, or labelled, or there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jouleline.core.meter import EnergySample, Measured, MeterError
from jouleline.meters.amd_smi import DIVIDED_LABEL, AmdSmiSource
from jouleline.meters.neighbours import Neighbours
from jouleline.meters.sensor import SensorMeter
from tests.support import amd_smi as double
from tests.support.amd_smi import AmdSmiDouble, GpuDouble
from tests.support.device_time import DeviceTime, meter_in
from tests.support.sensors import run_of

RUN_S = 10.0
Energy = Callable[[float], float]


@contextmanager
def metering(
    amd: AmdSmiDouble, kfd: Path, *gpus: GpuDouble, accept_partitions: bool = False
) -> Iterator[tuple[SensorMeter, DeviceTime]]:
    amd.gpus = list(gpus)
    amd.restart()
    time = DeviceTime(amd)
    meter = meter_in(time, AmdSmiSource(accept_partitions=accept_partitions, environment={}, kfd=kfd))
    try:
        yield meter, time
    finally:
        meter.close()


def window(meter: SensorMeter, time: DeviceTime) -> EnergySample[Measured]:
    meter.start()
    time.sleep(RUN_S)
    return meter.stop([run_of(RUN_S)])


@pytest.mark.parametrize("told", ["current_socket_power", "average_socket_power"])
def test_the_figure_is_right(amd: AmdSmiDouble, kfd: Path, told: str) -> None:
    with metering(amd, kfd, GpuDouble(power=[(0, 90), (8, 410)], told=(told,))) as (meter, time):
        info = meter.check()
        assert (info.name, info.device) == ("amd-smi", "AMD D1 (test double)")
        assert "double 0" in info.driver
        assert info.labels == ()
        time.sleep(10)
        sample = window(meter, time)
    assert sample.energy_j / sample.wall_s == pytest.approx(410, rel=1e-3)
    assert sample.warnings == ()


@given(watts=st.integers(50, 300), factor=st.integers(2, 4))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scaling_the_watts_scales_the_joules(amd: AmdSmiDouble, kfd: Path, watts: int, factor: int) -> None:
    def joules(scale: int) -> float:
        gpu = GpuDouble(power=[(0, watts * scale), (12, 2 * watts * scale)], cap={"power_cap": 3000e6})
        with metering(amd, kfd, gpu) as (meter, time):
            return window(meter, time).energy_j

    assert joules(factor) == pytest.approx(factor * joules(1), rel=1e-3)


def from_9_s(otherwise: Callable[[Energy, float], float]) -> Callable[[Energy, float], float]:
    return lambda energy, now: energy(now) if now < 9 else otherwise(energy, now)


REFUSED: dict[str, tuple[GpuDouble, str]] = {
    "frozen": (GpuDouble(counter=lambda *_: 77.0), "stands still"),
    "frozen within a window": (GpuDouble(counter=from_9_s(lambda energy, _: energy(9))), "stands still"),
    "counting far too little": (GpuDouble(counter=lambda energy, now: energy(now) / 4), "gives 25.* where"),
    "counting twice": (GpuDouble(counter=lambda energy, now: 2 * energy(now)), "gives 200.* where .* 100"),
    "jumping": (GpuDouble(counter=from_9_s(lambda energy, now: energy(now) + 1e6)), "jumped"),
    "running backwards": (GpuDouble(counter=from_9_s(lambda energy, now: energy(now - 2))), "ran backwards"),
    "told no power": (GpuDouble(sensor=lambda _: 0), "reads a power of 0 W"),
    "told power that cannot be": (GpuDouble(sensor=lambda watts: 90 * watts), "cannot be"),
}


@pytest.mark.parametrize(("gpu", "said"), REFUSED.values(), ids=REFUSED)
def test_no_figure_comes_of_a_gpu_that_is(amd: AmdSmiDouble, kfd: Path, gpu: GpuDouble, said: str) -> None:
    with metering(amd, kfd, gpu) as (meter, time), pytest.raises(MeterError, match=said) as error:
        window(meter, time)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("code", "said"), [(double.IO, "not answer"), (double.NO_PERMISSION, "permission")])
def test_a_gpu_that_is_lost_or_closed_within_a_window_gives_none(
    amd: AmdSmiDouble, kfd: Path, code: int, said: str
) -> None:
    with metering(amd, kfd, GpuDouble()) as (meter, time):
        meter.start()
        time.sleep(2)
        amd.gpus[0].failing["energy"] = code
        time.sleep(8)
        with pytest.raises(MeterError, match=said):
            meter.stop([run_of(RUN_S)])


def test_a_guest_is_polled_and_labelled(amd: AmdSmiDouble, kfd: Path) -> None:
    guest = GpuDouble(power=[(0, 140)], failing={"energy": double.NOT_SUPPORTED})
    with metering(amd, kfd, guest) as (meter, time):
        assert any(label.startswith("polling only") for label in meter.check().labels)
        sample = window(meter, time)
    assert sample.energy_j / sample.wall_s == pytest.approx(140, rel=1e-3)


def test_sums_and_partitions_are_labelled(amd: AmdSmiDouble, kfd: Path) -> None:
    parts = (GpuDouble(partition="CPX"), GpuDouble(partition="CPX"))
    with metering(amd, kfd, *parts, accept_partitions=True) as (meter, _):
        assert meter.check().labels == ("sum over 2 GPUs", DIVIDED_LABEL)


def test_throttling_and_neighbours_are_labelled(
    amd: AmdSmiDouble, kfd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Neighbours, "_in_host_namespace", lambda _: True)
    gpu = GpuDouble(metrics={"indep_throttle_status": 1 << 36}, processes=[{"pid": 1}])
    with metering(amd, kfd, gpu) as (meter, time):
        throttled, shared = window(meter, time).warnings
    assert "throttled (heat)" in throttled
    assert "shared: 1 other process" in shared
