"""Everything here happens in virtual time, on doubles that name themselves (tests/support/sensors.py)."""

import math
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.core.meter import Conditions, EnergySample, Measured, MeterError
from jouleline.meters.polling import in_thread
from jouleline.meters.sensor import SensorMeter
from jouleline.meters.trace import joules_under
from tests.support.sensors import NAME, Load, RealWorld, SensorDouble, World, meter_of, run_of

GPU = "Sensor Double 1000"

# A movement is seen within a millisecond.
LOOK_S = 0.0011


def measured(source: SensorDouble, wall_s: float = 6.0) -> EnergySample[Measured]:
    """One window of a program that runs for so long, after the self-test."""
    meter = meter_of(source)
    meter.check()
    meter.start()
    source.world.sleep(wall_s)
    return meter.stop([run_of(wall_s)])


def refusal(source: SensorDouble, wall_s: float = 6.0) -> str:
    """What the self-test, or else the window, says instead of a figure."""
    with pytest.raises(MeterError) as refused:
        measured(source, wall_s)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert NAME in sentence or source.device in sentence
    return sentence


def test_a_steady_load_is_its_watts_times_the_window() -> None:
    sample = measured(SensorDouble(World(), [Load.steady(250.0)]))
    assert sample.energy_j == pytest.approx(250 * sample.wall_s)
    assert 6.0 <= sample.wall_s < 6.05
    assert sample.origin is Measured
    assert sample.warnings == ()
    assert (sample.runs, sample.cpu_s) == (1, 6.0)


def test_the_double_s_name_travels_into_the_result() -> None:
    source = SensorDouble(World(), labels=("it is a double",))
    info = meter_of(source).check()
    assert (info.name, info.device, info.driver) == (NAME, GPU, "double 1.0")
    assert info.labels == ("it is a double",)
    assert not info.modelled


@pytest.mark.parametrize("period_s", [0.001, 0.01, 0.02, 0.05, 0.1, 0.3])
def test_the_window_follows_from_the_counter_s_period(period_s: float) -> None:
    world = World()
    info = meter_of(SensorDouble(world, period_s=period_s)).check()
    assert info.period_s == pytest.approx(period_s, rel=0.11)
    assert info.window_s == pytest.approx(max(5.0, 50 * (info.period_s or 0)))
    assert world.now - 1000 < 5 + 2 * period_s


def test_irregular_movements_have_a_median_period() -> None:
    world = World()
    source = SensorDouble(world, period_s=0.01, has_power=False, has_average=False)
    # Holds still during every seventh period and catches up after it.
    source.counter = lambda t, joules: joules - (1.0 if round(t / 0.01) % 7 == 0 else 0.0)
    assert meter_of(source).check().period_s == pytest.approx(0.01, abs=0.002)


def test_a_meter_tests_itself_before_its_first_window() -> None:
    world = World()
    meter = meter_of(SensorDouble(world, counter=lambda _, __: 5.0))
    with pytest.raises(MeterError, match="stands still"):
        meter.start()


def test_an_idle_window_has_no_runs() -> None:
    world = World()
    meter = meter_of(SensorDouble(world))
    meter.start()
    world.sleep(5.5)
    sample = meter.stop([])
    assert (sample.runs, sample.cpu_s) == (0, 0.0)
    assert sample.energy_j == pytest.approx(100 * sample.wall_s)


def test_the_energy_is_the_sum_of_its_parts() -> None:
    sample = measured(SensorDouble(World(), [Load.steady(100.0), Load.steady(300.0)]))
    assert [part.name for part in sample.parts] == [f"{GPU} 0", f"{GPU} 1"]
    assert sample.energy_j == math.fsum(part.energy_j for part in sample.parts)
    assert sample.energy_j == pytest.approx(400 * sample.wall_s)


def test_the_trace_shows_the_power_of_all_parts_from_end_to_end() -> None:
    source = SensorDouble(World(), [Load(((0.0, 50.0), (5.0, 150.0)))])
    sample = measured(source)
    assert sample.trace[0].time_s == pytest.approx(0, abs=0.01)
    assert sample.trace[-1].time_s == pytest.approx(sample.wall_s, abs=0.01)
    assert {point.watts for point in sample.trace} == {50.0, 150.0}
    assert len(sample.trace) == pytest.approx(10 * sample.wall_s, rel=0.1)


def test_without_power_readings_the_counter_gives_the_trace() -> None:
    source = SensorDouble(World(), [Load(((0.0, 50.0), (5.0, 150.0)))], period_s=0.001)
    source.has_power = source.has_average = False
    sample = measured(source)
    assert joules_under(sample.trace) == pytest.approx(sample.energy_j, rel=0.03)
    assert sample.trace[1].watts == pytest.approx(50.0, rel=0.05)
    assert sample.trace[-2].watts == pytest.approx(150.0, rel=0.05)
    assert "no power reading to check the counter against" in meter_of(source).check().note


# What is refused.


def test_a_frozen_counter_is_refused() -> None:
    assert "stands still" in refusal(SensorDouble(World(), counter=lambda _, __: 123.0))


def test_a_counter_that_freezes_in_a_window_is_refused() -> None:
    source = SensorDouble(World(), counter=lambda _, joules: min(joules, 400.0))
    assert "stands still, for 2" in refusal(source)


def test_one_frozen_counter_of_several_is_refused() -> None:
    loads = [Load.steady(100.0), Load.steady(0.0)]
    assert f"{GPU} 1 stands still" in refusal(SensorDouble(World(), loads))


@pytest.mark.parametrize("at_s", [1.0, 4.0])
def test_a_counter_that_runs_backwards_is_refused(at_s: float) -> None:
    source = SensorDouble(World(), counter=lambda t, joules: joules - (50.0 if t > at_s else 0.0))
    assert "ran backwards by " in refusal(source)


@pytest.mark.parametrize("at_s", [1.0, 4.0])
@pytest.mark.parametrize("by_j", [500.0, math.inf])
def test_a_counter_that_jumps_is_refused(at_s: float, by_j: float) -> None:
    source = SensorDouble(World(), counter=lambda t, joules: joules + (by_j if t > at_s else 0.0))
    assert "jumped" in refusal(source)


def test_a_counter_that_is_no_number_is_refused() -> None:
    source = SensorDouble(World(), counter=lambda t, joules: math.nan if t > 1 else joules)
    assert "jumped" in refusal(source)


def test_more_power_than_can_be_is_refused() -> None:
    source = SensorDouble(World(), [Load.steady(5000.0)], has_power=False, has_average=False)
    assert "1000 W that can be" in refusal(source)


@pytest.mark.parametrize("factor", [-1.0, 20.0, math.nan, math.inf])
@pytest.mark.parametrize("has_counter", [True, False])
def test_a_power_reading_that_cannot_be_is_refused(factor: float, *, has_counter: bool) -> None:
    source = SensorDouble(World(), power_factor=factor, has_counter=has_counter)
    assert "which cannot be (0 to 1000 W)" in refusal(source)


@pytest.mark.parametrize("has_counter", [True, False])
def test_a_device_that_takes_no_power_at_all_is_refused(*, has_counter: bool) -> None:
    assert "0 W" in refusal(SensorDouble(World(), power_factor=0.0, has_counter=has_counter))


@pytest.mark.parametrize("factor", [0.1, 0.59, 0.74, 1.4, 1.7])
def test_a_counter_at_odds_with_power_is_refused(factor: float) -> None:
    sentence = refusal(SensorDouble(World(), counter=lambda _, joules: joules * factor))
    assert f"gives {100 * factor:.1f} W where its power readings give 100.0 W" in sentence


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.05, 1.25])
def test_a_counter_somewhat_beside_power_is_believed(factor: float) -> None:
    sample = measured(SensorDouble(World(), counter=lambda _, joules: joules * factor))
    assert sample.energy_j == pytest.approx(100 * factor * sample.wall_s)


def test_a_counter_that_goes_wrong_later_is_refused_in_its_window() -> None:
    # From the third second on it counts a fifth of what is used.
    source = SensorDouble(World(), counter=lambda _, joules: min(joules, 300 + (joules - 300) / 5))
    assert "so one of them is wrong" in refusal(source)


def test_a_lost_device_is_refused() -> None:
    for lost_s in (0.0, 1.0, 4.0, 8.01):
        assert "fell off the bus" in refusal(SensorDouble(World(), lost_s=lost_s))


def test_a_source_without_any_reading_is_refused() -> None:
    source = SensorDouble(World(), has_counter=False, has_power=False, has_average=False)
    assert "neither an energy counter nor its power" in refusal(source)


def test_a_counter_that_went_unread_for_longer_than_it_can_is_refused() -> None:
    world = World()
    source = SensorDouble(world, longest_gap_s=3.0)
    meter = SensorMeter(source, clock=world.clock, sleep=world.sleep, background=lambda _: lambda: None)
    meter.start()
    world.sleep(6.0)
    with pytest.raises(MeterError, match=r"unread for 6\.0 s and may have passed its range more than once"):
        meter.stop([run_of(6.0)])


def test_a_counter_with_a_small_range_is_read_in_time() -> None:
    assert measured(SensorDouble(World(), longest_gap_s=0.1), 6.0).warnings == ()


def test_counters_that_change_their_number_are_refused() -> None:
    world = World()
    source = SensorDouble(world, [Load.steady(100.0), Load.steady(100.0)])
    meter = meter_of(source)
    meter.start()
    source.loads = source.loads[:1]
    world.sleep(6.0)
    with pytest.raises(MeterError, match="a device was lost or added"):
        meter.stop([run_of(6.0)])


def test_a_fault_of_a_source_while_polling_is_not_lost() -> None:
    world = World()
    source = SensorDouble(world)
    meter = meter_of(source)
    meter.start()

    def states(_: float) -> tuple[Conditions, ...]:
        raise ZeroDivisionError

    source.states = states
    world.sleep(6.0)
    with pytest.raises(ZeroDivisionError):
        meter.stop([run_of(6.0)])


@pytest.mark.parametrize("wall_s", [0.0, 0.001, 0.19])
@pytest.mark.parametrize("has_counter", [True, False])
def test_a_window_of_less_than_two_periods_is_refused(wall_s: float, *, has_counter: bool) -> None:
    world = World()
    meter = meter_of(SensorDouble(world, period_s=0.1, has_counter=has_counter))
    meter.start()
    world.sleep(wall_s)
    with pytest.raises(MeterError, match=r"too short for .* it takes 5 s; give the program more work"):
        meter.stop([run_of(wall_s)])


# What is labelled.


@pytest.mark.parametrize("wall_s", [0.21, 2.0, 4.8])
@pytest.mark.parametrize("has_counter", [True, False])
def test_a_window_too_short_for_the_period_says_so(wall_s: float, *, has_counter: bool) -> None:
    sample = measured(SensorDouble(World(), period_s=0.1, has_counter=has_counter), wall_s)
    (warning,) = sample.warnings
    assert "is too short for" in warning
    assert warning.endswith("it takes 5 s")
    assert sample.wall_s >= wall_s - 1e-9
    assert sample.energy_j == pytest.approx(100 * sample.wall_s, abs=100 * LOOK_S)


def test_polling_only_is_a_label_of_every_figure() -> None:
    source = SensorDouble(World(), has_counter=False)
    meter = meter_of(source)
    info = meter.check()
    assert info.period_s is None
    assert info.window_s == 5.0
    assert [label.partition(":")[0] for label in info.labels] == ["polling only"]
    sample = measured(source)
    assert sample.energy_j == pytest.approx(100 * sample.wall_s)
    assert [part.name for part in sample.parts] == [GPU]


def test_averages_that_lag_are_a_label_too() -> None:
    source = SensorDouble(World(), has_counter=False, has_power=False)
    assert any("lag behind the load" in label for label in meter_of(source).check().labels)


def test_throttling_is_a_warning_with_its_reasons() -> None:
    def states(t: float) -> tuple[Conditions, ...]:
        return (Conditions(GPU, 0.0, throttled=("power cap",) if t > 5 else ()),)

    (warning,) = measured(SensorDouble(World(), states=states)).warnings
    assert warning.startswith(f"{GPU} was throttled (power cap) in ")


def test_other_processes_are_a_warning() -> None:
    def states(t: float) -> tuple[Conditions, ...]:
        return (Conditions(GPU, 0.0, others=2 if 4 < t < 5 else 0),)

    (warning,) = measured(SensorDouble(World(), states=states)).warnings
    assert warning == f"{GPU} was shared: 2 other processes on it"


@pytest.mark.parametrize(("lowest", "warned"), [(1.35e9, False), (1.3e9, True)])
def test_clocks_that_moved_are_a_warning(lowest: float, *, warned: bool) -> None:
    def states(t: float) -> tuple[Conditions, ...]:
        return (Conditions(GPU, 0.0, core_clock_hz=lowest if t > 5 else 1.41e9),)

    warnings = measured(SensorDouble(World(), states=states)).warnings
    assert list(warnings) == (
        [f"{GPU}'s core clock moved between 1300 and 1410 MHz under load"] if warned else []
    )


def test_clocks_that_sink_while_nothing_runs_are_no_warning() -> None:
    def states(t: float) -> tuple[Conditions, ...]:
        return (Conditions(GPU, 0.0, core_clock_hz=1.41e9 if t > 5 else 0.2e9),)

    load = Load(((0.0, 50.0), (5.0, 400.0)))
    assert measured(SensorDouble(World(), [load], states=states)).warnings == ()


def test_conditions_have_the_time_within_the_window() -> None:
    def states(_: float) -> tuple[Conditions, ...]:
        return (Conditions(GPU, 0.0, temperature_c=60.0),)

    sample = measured(SensorDouble(World(), states=states))
    times = [state.time_s for state in sample.conditions]
    assert times == sorted(times)
    assert times[0] == pytest.approx(0, abs=0.01)
    assert times[-1] == pytest.approx(sample.wall_s, abs=0.01)
    assert len(times) > 10


# What is not a fault.


def test_an_average_that_still_settles_gets_a_second_look() -> None:
    world = World()
    source = SensorDouble(world, [Load(((0.0, 700.0), (5.0, 70.0)))], has_power=False)
    world.sleep(5.0)
    assert meter_of(source).check().period_s == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("load_period_s", [0.05, 0.1, 0.2, 0.7])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_load_that_comes_and_goes_with_the_polls_is_no_contradiction(
    load_period_s: float, share: float
) -> None:
    load = Load.pulsed(70.0, 700.0, load_period_s, until_s=12.0, share=share)
    source = SensorDouble(World(), [load], period_s=0.1)
    sample = measured(source)
    assert sample.energy_j == pytest.approx(sample.wall_s * (70 + 630 * share), rel=0.06)


def test_the_trace_of_a_window_of_hours_stays_small_and_the_figure_right() -> None:
    source = SensorDouble(World(), [Load.steady(250.0)], has_counter=False)
    sample = measured(source, wall_s=10_000.0)
    assert sample.energy_j == pytest.approx(2.5e6, rel=1e-4)
    assert len(sample.trace) < 35_000  # ten a second would be 100,000


def test_a_window_that_was_abandoned_is_forgotten() -> None:
    world = World()
    meter = meter_of(SensorDouble(world))
    meter.start()
    world.sleep(50.0)
    meter.start()
    world.sleep(5.5)
    assert meter.stop([run_of(5.5)]).wall_s < 6
    with pytest.raises(MeterError, match="no window was begun"):
        meter.stop([run_of(5.5)])


def test_closing_ends_the_polling_and_the_source() -> None:
    world = World()
    source = SensorDouble(world)
    meter = meter_of(source)
    meter.start()
    meter.close()
    reads = source.reads
    world.sleep(5.0)
    assert (source.reads, source.closed) == (reads, 1)


# Properties.

watts = st.floats(1, 300)
periods = st.floats(0.001, 0.1)
loads = st.lists(st.tuples(st.floats(0, 14), watts), min_size=1, max_size=5).map(
    lambda steps: Load(tuple(sorted({0.0: 20.0, **dict(steps)}.items())))
)
few = settings(max_examples=12, deadline=None)


@few
@given(loads, periods, st.floats(5.0, 8.0))
def test_the_energy_is_within_one_period_s_worth_of_the_truth(
    load: Load, period_s: float, wall_s: float
) -> None:
    world = World()
    source = SensorDouble(world, [load], period_s=period_s, has_power=False, has_average=False)
    meter = meter_of(source)
    meter.start()
    began = source.now
    world.sleep(wall_s)
    ended = source.now
    sample = meter.stop([run_of(wall_s)])
    # The window holds the run, and ends with the first movement after it.
    most_s = period_s + LOOK_S
    truth = load.joules(ended) - load.joules(began)
    most_watts = max(watts for _, watts in load.steps)
    assert -most_s * most_watts <= sample.energy_j - truth <= 2 * most_s * most_watts
    assert sample.wall_s == pytest.approx(ended - began, abs=2 * most_s)


@few
@given(loads, periods, st.floats(0.1, 3.0))
def test_scaling_the_watts_scales_the_energy(load: Load, period_s: float, factor: float) -> None:
    once = measured(SensorDouble(World(), [load], period_s=period_s))
    scaled = measured(SensorDouble(World(), [load * factor], period_s=period_s))
    assert scaled.energy_j == pytest.approx(factor * once.energy_j)
    assert scaled.wall_s == once.wall_s


@few
@given(loads, periods, st.floats(0, 500))
def test_adding_idle_power_adds_idle_times_wall(load: Load, period_s: float, idle: float) -> None:
    once = measured(SensorDouble(World(), [load], period_s=period_s))
    more = measured(SensorDouble(World(), [load + idle], period_s=period_s))
    assert more.energy_j - once.energy_j == pytest.approx(idle * once.wall_s, abs=idle * LOOK_S + 1e-6)


# In real time, once.


def test_in_real_time_the_polling_lives_in_a_thread_that_ends() -> None:
    before = threading.active_count()
    polled = threading.Event()

    def step() -> float:
        polled.set()
        return 0.001

    end = in_thread(step)
    assert polled.wait(5.0)
    end()
    assert threading.active_count() == before


def test_it_measures_in_real_time() -> None:
    meter = SensorMeter(SensorDouble(RealWorld(), period_s=0.01))
    meter.check()
    meter.start()
    time.sleep(0.3)
    sample = meter.stop([run_of(0.3)])
    meter.close()
    assert sample.energy_j == pytest.approx(100 * sample.wall_s, rel=0.1)
    assert len(sample.trace) >= 3
