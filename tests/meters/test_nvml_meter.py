"""Whatever NVML may do, the meter's figure is right, or labelled, or there is none."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jouleline.core.meter import EnergySample, Measured, MeterError
from jouleline.meters.neighbours import Neighbours
from jouleline.meters.nvml import MIG_LABEL, NvmlSource
from jouleline.meters.sensor import SensorMeter
from tests.support import nvml as double
from tests.support.device_time import DeviceTime, meter_in
from tests.support.nvml import COUNTER, NvmlDouble
from tests.support.sensors import run_of

RUN_S = 10.0


@contextmanager
def metering(
    nvml: NvmlDouble, *lines: str, accept_mig: bool = False
) -> Iterator[tuple[SensorMeter, DeviceTime]]:
    nvml.script(*lines)
    time = DeviceTime(nvml)
    meter = meter_in(time, NvmlSource(accept_mig=accept_mig, environment={}))
    try:
        yield meter, time
    finally:
        meter.close()


def window(meter: SensorMeter, time: DeviceTime, seconds: float = RUN_S) -> EnergySample[Measured]:
    meter.start()
    time.sleep(seconds)
    return meter.stop([run_of(seconds)])


@pytest.mark.parametrize("period_ms", [10, 20, 33, 50, 100])
def test_the_period_is_found_and_the_figure_right(nvml: NvmlDouble, period_ms: int) -> None:
    with metering(nvml, f"period {period_ms / 1000}", "power 80", "at 8 power 320") as (meter, time):
        info = meter.check()
        assert info.period_s == pytest.approx(period_ms / 1000, rel=0.05)
        assert info.window_s == pytest.approx(max(5.0, 50 * period_ms / 1000), rel=0.05)
        assert (info.device, info.driver, info.labels) == ("NVIDIA D1 (test double)", "NVIDIA double 0", ())
        time.sleep(10)
        sample = window(meter, time)
    assert sample.energy_j / sample.wall_s == pytest.approx(320, rel=1e-3)
    assert sample.warnings == ()


@given(watts=st.floats(20, 350), factor=st.floats(0.2, 2))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scaling_the_watts_scales_the_joules(nvml: NvmlDouble, watts: float, factor: float) -> None:
    def joules(scale: float) -> float:
        lines = (f"power {watts * scale}", f"at 12 power {watts * scale / 2}", "limit 1000", "period 0.02")
        with metering(nvml, *lines) as (meter, time):
            meter.check()
            return window(meter, time).energy_j

    assert joules(factor) == pytest.approx(factor * joules(1.0), rel=1e-3)


REFUSED = {
    "frozen from the beginning": ("frozen 1", "stands still"),
    "frozen within a window": ("at 9 frozen 1", "stands still"),
    "jumping": ("at 9 jump 50000", "jumped"),
    "running backwards": ("at 9 jump -500", "ran backwards"),
    "reset": ("at 9 reset 1", "ran backwards"),
    "counting 1.7 times the energy": ("factor 1.7", "energy counter of .* gives 170.* where .* 100"),
    "counting half the energy": ("factor 0.5", "energy counter of .* gives 50.* where .* 100"),
    "going wrong within a window": ("at 8 factor 3", "energy counter of .* gives .* where .* 100"),
    "told power that cannot be": ("sensor_factor 50", "power of 5000 W, which cannot be"),
    "told no power": ("sensor_factor 0", "reads a power of 0 W"),
    "lost within a window": (f"at 9 fail * {double.GPU_IS_LOST}", "GPU 0 .* is lost"),
    "to be reset within a window": (f"at 9 fail * {double.RESET_REQUIRED}", "has to be reset"),
    "closed to us within a window": (f"at 9 fail {COUNTER} {double.NO_PERMISSION}", "no permission"),
}


@pytest.mark.parametrize(("line", "said"), REFUSED.values(), ids=REFUSED)
def test_no_figure_comes_of_a_gpu_that_is(nvml: NvmlDouble, line: str, said: str) -> None:
    with (
        metering(nvml, "power 100", line) as (meter, time),
        pytest.raises(MeterError, match=said) as error,
    ):
        window(meter, time)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("code", [double.NO_PERMISSION, double.GPU_IS_LOST])
def test_no_meter_comes_of_a_gpu_that_may_not_be_read(nvml: NvmlDouble, code: int) -> None:
    nvml.script(f"fail * {code}")
    with pytest.raises(MeterError, match=r"no permission|is lost"):
        NvmlSource(environment={})


def test_polling_alone_is_labelled(nvml: NvmlDouble) -> None:
    with metering(nvml, f"fail {COUNTER} {double.NOT_SUPPORTED}", "power 150") as (meter, time):
        assert any(label.startswith("polling only") for label in meter.check().labels)
        sample = window(meter, time)
    assert sample.energy_j / sample.wall_s == pytest.approx(150, rel=1e-3)


def test_a_sum_over_gpus_is_labelled_and_its_parts_are_kept(nvml: NvmlDouble) -> None:
    with metering(nvml, "gpus 2", "gpu 0 power 100", "gpu 1 power 300") as (meter, time):
        assert meter.check().labels == ("sum over 2 GPUs",)
        sample = window(meter, time)
    powers = {part.name: part.energy_j / sample.wall_s for part in sample.parts}
    assert powers == pytest.approx({"GPU 0": 100, "GPU 1": 300}, rel=0.02)
    assert sum(part.energy_j for part in sample.parts) == pytest.approx(sample.energy_j)


def test_accepted_mig_is_labelled(nvml: NvmlDouble) -> None:
    with metering(nvml, "mig 1", accept_mig=True) as (meter, _):
        assert meter.check().labels == (MIG_LABEL,)


def test_throttling_within_a_window_is_labelled(nvml: NvmlDouble) -> None:
    with metering(nvml, "at 8 reasons 64", "at 10 reasons 0") as (meter, time):
        meter.check()
        (warning,) = window(meter, time).warnings
    assert "throttled (heat (hardware))" in warning


def test_clocks_that_moved_are_labelled(nvml: NvmlDouble) -> None:
    with metering(nvml, "at 8 sm_clock 900") as (meter, time):
        meter.check()
        (warning,) = window(meter, time).warnings
    assert "moved between 900 and 1410 MHz" in warning


def test_a_shared_gpu_is_labelled(nvml: NvmlDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Neighbours, "_in_host_namespace", lambda _: True)
    with metering(nvml, "at 8 compute 1") as (meter, time):
        meter.check()
        (warning,) = window(meter, time).warnings
    assert "was shared: 1 other process" in warning


def test_every_label_and_the_doubles_name_are_in_the_result(nvml: NvmlDouble) -> None:
    with metering(nvml, "gpus 2", "period 0.05") as (meter, time):
        meter.check()
        sample = window(meter, time)
        info = meter.info
    assert info.name == "nvml"
    assert "test double" in info.device
    assert all("test double" in state.device for state in sample.conditions)
    assert len(sample.trace) > 50
