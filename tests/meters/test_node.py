"""Sums of doubles that name themselves, in one virtual time."""

import pytest

from jouleline.core.meter import Conditions, Measured, Meter, MeterError
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.meters.node import NodeMeter
from tests.support.sensors import Load, SensorDouble, World, meter_of, run_of


def gpu(world: World, watts: float = 300.0) -> SensorDouble:
    return SensorDouble(
        world, [Load.steady(watts)], period_s=0.1, name="gpu double", device="GPU Double", labels=("a label",)
    )


def cpu(world: World, watts: float = 50.0) -> SensorDouble:
    return SensorDouble(
        world, [Load.steady(watts)], period_s=0.001, name="cpu double", device="CPU Double", has_power=False,
        has_average=False,
    )  # fmt: skip


def node(*sources: SensorDouble) -> NodeMeter:
    return NodeMeter([meter_of(source) for source in sources], sources[0].world.clock)


def test_joules_and_parts_are_those_of_all() -> None:
    world = World()
    meter = node(gpu(world), cpu(world))
    meter.start()
    world.sleep(6.0)
    sample = meter.stop([run_of(6.0, 3.0)], repeats=4)
    assert [part.name for part in sample.parts] == ["GPU Double 0", "CPU Double 0"]
    # The windows differ by a period of the slower counter at each end.
    assert sample.energy_j == pytest.approx(350 * sample.wall_s, abs=2 * 0.1 * 300)
    assert sample.energy_j == sum(part.energy_j for part in sample.parts)
    assert (sample.cpu_s, sample.runs, sample.origin) == (3.0, 4, Measured)


def test_it_says_that_it_is_a_sum_and_of_what() -> None:
    world = World()
    info = node(gpu(world), cpu(world)).check()
    assert info.name == "gpu double+cpu double"
    assert info.device == "GPU Double; CPU Double"
    assert info.labels == (
        "sum of gpu double and cpu double: nothing else in the machine is in it",
        "gpu double: a label",
    )
    assert info.period_s == pytest.approx(0.1, rel=0.02)
    assert info.window_s == pytest.approx(50 * 0.1, rel=0.02)
    assert not info.modelled


def test_the_trace_is_the_power_of_all_together() -> None:
    world = World()
    meter = node(gpu(world), cpu(world))
    meter.start()
    world.sleep(6.0)
    sample = meter.stop([run_of(6.0)])
    assert [point.watts for point in sample.trace] == pytest.approx([350.0] * len(sample.trace), rel=0.02)
    assert -0.01 < sample.trace[0].time_s < sample.trace[-1].time_s < sample.wall_s + 0.01


def test_conditions_and_warnings_of_all_travel() -> None:
    world = World()
    one, other = gpu(world), cpu(world)
    one.states = lambda _: (Conditions("GPU Double", 0.0, throttled=("power cap",)),)
    other.states = lambda _: (Conditions("CPU Double", 0.0, others=1),)
    meter = node(one, other)
    meter.start()
    world.sleep(6.0)
    sample = meter.stop([run_of(6.0)])
    assert {state.device for state in sample.conditions} == {"GPU Double", "CPU Double"}
    assert len(sample.warnings) == 2


@pytest.mark.parametrize("faulty", [0, 1])
def test_a_sum_with_one_doubtful_figure_is_refused(faulty: int) -> None:
    world = World()
    sources = (gpu(world), cpu(world))
    sources[faulty].counter = lambda _, __: 1.0
    meter = node(*sources)
    with pytest.raises(MeterError, match="stands still"):
        meter.check()
    with pytest.raises(MeterError, match="stands still"):
        meter.start()


def test_a_window_is_begun_before_it_ends_and_ends_once() -> None:
    world = World()
    meter = node(gpu(world), cpu(world))
    with pytest.raises(MeterError, match="no window was begun"):
        meter.stop([])
    meter.start()
    world.sleep(6.0)
    meter.stop([])
    with pytest.raises(MeterError, match="no window was begun"):
        meter.stop([])


def test_all_are_closed_even_when_one_does_not_let_go() -> None:
    world = World()
    sources = (gpu(world), cpu(world))
    meters = [meter_of(source) for source in sources]

    def fail() -> None:
        raise MeterError("does not let go")

    meters[1].close = fail  # type: ignore[method-assign]
    with pytest.raises(MeterError, match="does not let go"):
        NodeMeter(meters).close()
    assert sources[0].closed == 1


def test_modelled_joules_are_never_in_a_sum() -> None:
    model = CpuTimeMeter(rated_watts=65, cores=4, device="test processor", source="invented for the test")
    meters: list[Meter[Measured]] = [meter_of(gpu(World())), model]  # type: ignore[list-item]
    with pytest.raises(ValueError, match="cpu-time models energy"):
        NodeMeter(meters)


def test_one_meter_is_no_sum() -> None:
    with pytest.raises(ValueError, match="two meters or more"):
        NodeMeter([meter_of(gpu(World()))])
