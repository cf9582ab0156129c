"""What stands around the blocks: the meter's test, idle, the control, budgets, warnings, turns."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.measure import (
    EnergyComparison,
    MeasurementError,
    Phase,
    Plan,
    Progress,
    compare,
    measure_one,
)
from jouleline.app.measure_report import reason
from jouleline.core.energy import Arm, EnergyVerdict
from jouleline.core.meter import EnergySample, Measured, MeterError, MeterInfo
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.meters.turn import FileTurn
from tests.support.metering import FormulaRunner, SensorDouble, program, state

BRIEF = Plan(idle_s=0.01)
WOBBLE = (1.0, 1.002, 0.999, 1.001, 0.998)


def compared(
    meter: SensorDouble, *, plan: Plan = BRIEF, candidate: float = 0.9, **options: Any
) -> EnergyComparison[Measured]:
    runner = FormulaRunner(WOBBLE)
    return asyncio.run(compare(runner, meter, program(1.0), program(candidate), plan=plan, seed=5, **options))


def test_the_meter_is_tested_first_and_idle_stands_at_both_ends() -> None:
    seen: list[Progress] = []
    meter = SensorDouble()
    result = compared(meter, plan=replace(BRIEF, control=3), progress=seen.append)
    phases = list(dict.fromkeys(step.phase for step in seen))
    assert phases == [phase for phase in Phase if phase is not Phase.WAITING]
    assert (meter.checks, meter.idle_windows) == (1, 2)
    assert result.comparison.meter.period_s == 0.0001  # what the self-test found, not what was assumed
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


def test_net_of_idle_stands_beside_gross_and_gross_decides() -> None:
    result = compared(SensorDouble(load_w=200, idle_w=(50,)), candidate=0.9).comparison
    before = result.summary(Arm.BASELINE)
    assert result.verdict is EnergyVerdict.IMPROVED
    assert before.joules.value == pytest.approx(250, rel=0.01)
    assert before.net_joules is not None
    assert before.net_joules.value == pytest.approx(200, rel=0.01)
    assert result.net_energy_ratio is not None
    assert result.net_energy_ratio.value == pytest.approx(0.9, rel=0.01)
    assert result.warnings == ()


def test_idle_that_moved_is_a_warning_and_widens_the_net_interval() -> None:
    steady = compared(SensorDouble(idle_w=(50, 50))).comparison
    moved = compared(SensorDouble(idle_w=(50, 60))).comparison
    assert moved.warnings == (
        "idle power moved from 50.0 W to 60.0 W over the measurement; figures net of idle are that doubtful",
    )
    narrow, wide = steady.summary(Arm.BASELINE).net_joules, moved.summary(Arm.BASELINE).net_joules
    assert narrow is not None
    assert wide is not None
    assert wide.low < 191 < narrow.low < narrow.high <= wide.high
    assert moved.summary(Arm.BASELINE).joules == steady.summary(Arm.BASELINE).joules
    assert compared(SensorDouble(idle_w=(50, 54))).comparison.warnings == ()


def test_no_net_figure_where_nothing_is_left_or_idle_is_not_known() -> None:
    nothing_left = compared(SensorDouble(load_w=10, idle_w=(50, 80))).comparison
    assert nothing_left.net_energy_ratio is None
    assert nothing_left.summary(Arm.BASELINE).net_joules is None
    unknown = compared(SensorDouble(), plan=Plan(idle_s=0)).comparison
    assert unknown.idle is None
    assert unknown.net_energy_ratio is None
    model = CpuTimeMeter(rated_watts=65, cores=4, device="test processor", source="invented for the tests")
    one = asyncio.run(measure_one(FormulaRunner(), model, program(1.0), plan=BRIEF))
    assert one.idle is None
    assert one.summary.net_joules is None


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100))
def test_scaling_all_watts_scales_the_joules_and_leaves_the_ratios(scale: float) -> None:
    plain = compared(SensorDouble(200, (50, 55))).comparison
    scaled = compared(SensorDouble(200 * scale, (50 * scale, 55 * scale))).comparison
    before, after = plain.summary(Arm.CANDIDATE), scaled.summary(Arm.CANDIDATE)
    assert after.joules.value == pytest.approx(scale * before.joules.value)
    assert after.watts.high == pytest.approx(scale * before.watts.high)
    assert before.net_joules is not None
    assert after.net_joules is not None
    assert after.net_joules.low == pytest.approx(scale * before.net_joules.low)
    assert after.seconds == before.seconds
    assert scaled.verdict is plain.verdict
    assert scaled.energy_ratio.value == pytest.approx(plain.energy_ratio.value)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1000))
def test_more_idle_power_changes_gross_and_not_net(extra: float) -> None:
    less = compared(SensorDouble(200, (50,))).comparison
    more = compared(SensorDouble(200, (50 + extra,))).comparison
    gross = more.summary(Arm.BASELINE).joules.value - less.summary(Arm.BASELINE).joules.value
    assert gross == pytest.approx(extra * less.summary(Arm.BASELINE).seconds.value, abs=1e-9)
    net = [one.summary(Arm.BASELINE).net_joules for one in (less, more)]
    assert net[0] is not None
    assert net[1] is not None
    assert net[1].value == pytest.approx(net[0].value)
    assert more.net_energy_ratio is not None
    assert less.net_energy_ratio is not None
    assert more.net_energy_ratio.value == pytest.approx(less.net_energy_ratio.value)


def test_the_control_finds_a_noise_floor_that_takes_the_place_of_delta() -> None:
    def noisy(number: int, sample: EnergySample[Measured]) -> EnergySample[Measured]:
        return replace(sample, energy_j=sample.energy_j * (1.06 if number % 7 in {0, 3} else 1.0))

    result = compared(SensorDouble(dress=noisy), plan=replace(BRIEF, control=6), candidate=0.99)
    comparison = result.comparison
    assert len(comparison.control) == 6
    assert comparison.noise_floor is not None
    assert comparison.noise_floor > 0.01
    assert comparison.delta == comparison.noise_floor
    assert result.verdict is not EnergyVerdict.IMPROVED
    quiet = compared(SensorDouble(), plan=replace(BRIEF, control=3)).comparison
    assert quiet.noise_floor is not None
    assert quiet.noise_floor < 0.01 == quiet.delta


def test_a_control_that_scatters_widely_is_a_warning_and_never_shows_that_nothing_changed() -> None:
    def noisy(number: int, sample: EnergySample[Measured]) -> EnergySample[Measured]:
        return replace(sample, energy_j=sample.energy_j * (1.6 if number % 7 in {0, 3} else 1.0))

    result = compared(SensorDouble(dress=noisy), plan=replace(BRIEF, control=4), candidate=1.0)
    assert result.comparison.delta > 0.1
    assert result.verdict is EnergyVerdict.INCONCLUSIVE
    assert "the baseline differs from itself by up to " in result.warnings[0]
    assert "nor that it is within \N{PLUS-MINUS SIGN}10%" in reason(result)


def test_the_control_runs_the_baseline_alone() -> None:
    runner = FormulaRunner()
    plan = replace(BRIEF, control=3)
    asyncio.run(compare(runner, SensorDouble(), program(1.0), program(0.9), plan=plan))
    taken = "".join("A" if "work 1.0" in job.command else "B" for job in runner.jobs)
    assert taken.startswith("AAABBB" + 3 * "AAAA")
    assert taken.count("B") == 3 + 2 * 5


def test_a_control_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="2 blocks of the baseline against itself give no noise floor"):
        Plan(control=2)


def test_a_budget_that_ends_the_control_says_so() -> None:
    result = compared(SensorDouble(), plan=replace(BRIEF, control=8, budget_j=3500))
    assert result.comparison.noise_floor is None
    assert "the budget ended the control, so the noise floor is not known" in result.warnings


@pytest.mark.parametrize("budget_j", [4000, 6000])
def test_a_budget_in_joules_is_not_exceeded(budget_j: float) -> None:
    meter = SensorDouble()
    result = compared(meter, plan=replace(BRIEF, budget_j=budget_j), candidate=0.999)
    windows = [
        *(one for block in result.comparison.blocks for _, one in block.windows),
        *result.baseline_warm_up,
        *result.candidate_warm_up,
        *(result.comparison.idle.windows if result.comparison.idle else ()),
    ]
    unmetered = 2 * 250  # the first run of each program
    assert budget_j / 2 < sum(one.energy_j for one in windows) + unmetered <= budget_j


def test_one_program_keeps_to_its_budget_too() -> None:
    done = asyncio.run(
        measure_one(FormulaRunner(), SensorDouble(), program(1.0), plan=replace(BRIEF, budget_j=1800))
    )
    assert 1 <= len(done.samples) < 8


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (
            lambda arm: state(throttled=("power cap",) if arm else ()),
            r"only the candidate was throttled \(power",
        ),
        (lambda arm: state(throttled=() if arm else ("heat",)), r"only the baseline was throttled \(heat\)"),
        (lambda arm: state(1.4e9 if arm else 1.5e9), "core clocks differ: 1500 MHz .* 1400 MHz"),
        (lambda arm: state(1.48e9 if arm else 1.5e9), None),
        (lambda _: state(throttled=("power cap",)), None),
        (lambda _: state(), None),
    ],
)
def test_arms_that_ran_under_different_conditions_are_told(
    conditions: Callable[[bool], Any], said: str | None
) -> None:
    def dress(_: int, sample: EnergySample[Measured]) -> EnergySample[Measured]:
        return replace(sample, conditions=(conditions(sample.wall_s < 0.95),))

    warnings = compared(SensorDouble(dress=dress)).warnings
    assert bool(warnings) == (said is not None)
    if said is not None:
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(*warnings)


def test_labels_and_warnings_travel_with_the_result_once_each() -> None:
    def shared(_: int, sample: EnergySample[Measured]) -> EnergySample[Measured]:
        return replace(sample, warnings=("2 other processes used the GPU",))

    meter = SensorDouble(dress=shared, labels=("the sum over 2 GPUs",))
    expected = ("the sum over 2 GPUs", "2 other processes used the GPU")
    assert compared(meter).warnings == expected
    one = asyncio.run(measure_one(FormulaRunner(), meter, program(1.0), plan=BRIEF))
    assert one.warnings == expected


def test_a_window_that_falls_short_is_taken_again_with_more_runs() -> None:
    runner = FormulaRunner(factors=(1.0,) * 7 + (0.5,))
    meter = SensorDouble(info=MeterInfo("sensor test double", "none", Measured, window_s=5.0, note=""))
    done = asyncio.run(measure_one(runner, meter, program(1.0), plan=Plan(idle_s=0)))
    assert all(sample.wall_s >= 5 for sample in done.samples)
    assert [sample.runs for sample in done.samples] == sorted(sample.runs for sample in done.samples)
    assert done.samples[-1].runs > done.samples[0].runs


def test_a_machine_that_gets_faster_while_runs_are_counted_makes_no_program_too_short() -> None:
    runner = FormulaRunner(factors=[1.3**-place for place in range(8)] + [1.3**-8] * 40)
    meter = SensorDouble(info=MeterInfo("sensor test double", "none", Measured, window_s=5.0, note=""))
    done = asyncio.run(measure_one(runner, meter, program(0.01), plan=Plan(idle_s=0)))
    assert all(sample.wall_s >= 5 for sample in done.samples)


def test_a_program_that_no_repetition_makes_long_enough_is_refused_with_the_period() -> None:
    meter = SensorDouble(info=MeterInfo("sensor test double", "none", Measured, window_s=5.0, note=""))
    said = r"the program is too short for sensor test double, which needs windows of 5 s \(its counter moves"
    with pytest.raises(MeasurementError, match=said):
        asyncio.run(measure_one(FormulaRunner(), meter, program(1e-6), plan=BRIEF))


class BrokenSensor(SensorDouble):
    """A test double whose self-test fails."""

    def check(self) -> MeterInfo[Measured]:
        raise MeterError("the energy counter stands still")


def test_a_meter_that_fails_its_test_is_not_used() -> None:
    runner = FormulaRunner()
    with pytest.raises(MeterError, match="stands still"):
        asyncio.run(compare(runner, BrokenSensor(), program(1.0), program(0.9), plan=BRIEF))
    assert runner.jobs == []


def test_whoever_comes_second_waits_and_says_so(tmp_path: Path) -> None:
    first, second = FileTurn(tmp_path), FileTurn(tmp_path)
    seen: list[Progress] = []

    async def both() -> EnergyComparison[Measured]:
        assert first.take()
        waiting = asyncio.create_task(
            compare(
                FormulaRunner(),
                SensorDouble(),
                program(1.0),
                program(0.5),
                plan=BRIEF,
                turn=second,
                progress=seen.append,
            )
        )
        await asyncio.sleep(0.1)
        assert [str(step.phase) for step in seen] == ["waiting for another measurement"]
        first.give_back()
        return await waiting

    assert asyncio.run(both()).verdict is EnergyVerdict.IMPROVED
    assert first.take(), "the turn is given back when the comparison ends"
    first.give_back()


def test_who_waits_can_be_cancelled_and_who_fails_gives_the_turn_back(tmp_path: Path) -> None:
    first, second = FileTurn(tmp_path), FileTurn(tmp_path)

    async def measured(turn: FileTurn, meter: SensorDouble) -> None:
        await measure_one(FormulaRunner(), meter, program(1.0), plan=BRIEF, turn=turn)

    async def cancelled() -> None:
        assert first.take()
        waiting = asyncio.create_task(measured(second, SensorDouble()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.give_back()
        with pytest.raises(MeterError):
            await measured(second, BrokenSensor())

    asyncio.run(cancelled())
    assert first.take()
    first.give_back()
