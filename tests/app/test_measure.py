import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.measure import (
    MeasurementError,
    Plan,
    Progress,
    compare,
    measure_one,
    rank,
)
from jouleline.app.measure_report import comparison_json, measurement_json
from jouleline.core.energy import Arm, EnergyVerdict, MixedMetersError
from jouleline.core.ports import Completed, Job, StopReason
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.runners.local import LocalRunner
from tests.support.metering import FormulaRunner, SensorDouble, program


def cpu_time() -> CpuTimeMeter:
    return CpuTimeMeter(rated_watts=65, cores=4, device="test processor", source="invented for the tests")


def test_a_candidate_that_uses_less_is_improved_at_the_first_look() -> None:
    seen: list[Progress] = []
    runner = FormulaRunner(factors=(1.0, 1.001, 0.999))
    result = asyncio.run(
        compare(runner, cpu_time(), program(1.0), program(0.8), seed=4, progress=seen.append)
    )
    assert result.verdict is EnergyVerdict.IMPROVED
    assert result.reduction.value == pytest.approx(0.2, abs=0.01)
    assert len(result.comparison.blocks) == 5
    assert {block.order for block in result.comparison.blocks} <= {"ABBA", "BAAB"}
    measuring = [progress for progress in seen if progress.phase == "measuring"]
    assert [(progress.done, progress.of) for progress in measuring] == [(done, 20) for done in range(1, 6)]
    last = measuring[-1].energy_ratio
    assert last is not None
    assert last.value == result.comparison.energy_ratio.value


def test_the_windows_are_taken_in_the_recorded_order() -> None:
    runner = FormulaRunner()
    result = asyncio.run(compare(runner, cpu_time(), program(1.0), program(0.5), seed=11))
    taken = "".join("A" if "work 1.0" in job.command else "B" for job in runner.jobs)
    assert taken == "AAABBB" + "".join(block.order for block in result.comparison.blocks)
    again = asyncio.run(compare(FormulaRunner(), cpu_time(), program(1.0), program(0.5), seed=11))
    assert again == result


def test_a_seed_is_drawn_and_recorded() -> None:
    seeds = {
        asyncio.run(compare(FormulaRunner(), cpu_time(), program(1.0), program(0.5))).seed for _ in range(3)
    }
    assert len(seeds) == 3


def test_a_much_worse_candidate_is_given_up_after_three_blocks() -> None:
    runner = FormulaRunner(factors=(1.0, 1.01, 0.99))
    result = asyncio.run(compare(runner, cpu_time(), program(1.0), program(3.0)))
    assert result.verdict is EnergyVerdict.REGRESSED
    assert len(result.comparison.blocks) == 3


def test_a_short_program_is_repeated_until_the_window_is_long_enough() -> None:
    runner = FormulaRunner()
    done = asyncio.run(measure_one(runner, cpu_time(), program(0.0098), plan=Plan(windows=4)))
    assert [sample.runs for sample in done.samples] == [26, 26, 26, 26]
    assert all(sample.wall_s >= 0.2 for sample in done.samples)
    assert done.summary.joules.value == pytest.approx(0.0098 * 65 / 4)
    assert done.summary.seconds.value == pytest.approx(0.0098)
    assert runner.jobs[-1].limits.wall_s == pytest.approx(26 * program(1).limits.wall_s)


def test_warm_up_goes_on_while_energy_falls_and_is_bounded() -> None:
    falling = FormulaRunner(factors=(1.5, 1.3, 1.1, 1.001, 1.0))
    done = asyncio.run(measure_one(falling, cpu_time(), program(1.0), plan=Plan(windows=1)))
    assert len(done.warm_up) == 4
    restless = FormulaRunner(factors=(1.0, 1.5))
    done = asyncio.run(measure_one(restless, cpu_time(), program(1.0), plan=Plan(windows=1)))
    assert len(done.warm_up) == 5


def test_a_spent_budget_ends_without_a_verdict_but_with_figures() -> None:
    result = asyncio.run(
        compare(FormulaRunner(), cpu_time(), program(1.0), program(0.5), plan=Plan(budget_s=0.0))
    )
    assert result.verdict is EnergyVerdict.INCONCLUSIVE
    assert len(result.comparison.blocks) == 1
    assert comparison_json(result)["energy_ratio"]["interval"] is None


@pytest.mark.parametrize("call", [0, 3, 9])
def test_a_run_that_fails_is_named(call: int) -> None:
    runner = FormulaRunner(failing_call=call)
    said = r"(baseline|candidate) failed .* ended by SIGSEGV\nSegmentation"
    with pytest.raises(MeasurementError, match=said):
        asyncio.run(compare(runner, cpu_time(), program(1.0), program(0.5)))


def test_a_program_that_cannot_be_seen_is_refused() -> None:
    with pytest.raises(
        MeasurementError, match=r"too short for cpu-time, which needs windows of 0\.2 s: with 20000"
    ):
        asyncio.run(measure_one(FormulaRunner(), cpu_time(), program(0.0)))


def test_a_program_that_sleeps_uses_no_energy_that_a_model_of_cpu_time_could_see() -> None:
    class Sleeping(FormulaRunner):
        async def run(self, job: Job) -> Completed:
            return replace(await super().run(job), cpu_s=0.0)

    with pytest.raises(MeasurementError, match="no energy that cpu-time could see"):
        asyncio.run(measure_one(Sleeping(), cpu_time(), program(1.0)))


def test_every_window_is_recorded_and_says_that_it_is_modelled() -> None:
    one = measurement_json(asyncio.run(measure_one(FormulaRunner(), cpu_time(), program(1.0))))
    assert one["schema"] == "jouleline/measure/1"
    assert one["energy"]["modelled"] is True
    assert one["energy"]["meter"] == "cpu-time"
    assert one["energy"]["interval_j"][0] <= one["energy"]["value_j"] <= one["energy"]["interval_j"][1]
    assert len(one["samples"]) == 8
    both = asyncio.run(compare(FormulaRunner(), cpu_time(), program(1.0), program(0.5)))
    document = comparison_json(both)
    assert document["verdict"] == "improved"
    assert document["candidate"]["energy"]["value_j"] == pytest.approx(0.5 * 65 / 4)
    assert [len(block["windows"]) for block in document["blocks"]] == [4] * 5
    assert json.loads(json.dumps([one, document], allow_nan=False)) == [one, document]


def test_candidates_are_ranked_by_energy_and_never_across_meters() -> None:
    results = [
        asyncio.run(compare(FormulaRunner(), cpu_time(), program(1.0), program(seconds)))
        for seconds in (0.9, 0.5, 0.7)
    ]
    ranked = rank(results)
    assert [round(one.comparison.energy_ratio.value, 6) for one in ranked] == [0.5, 0.7, 0.9]
    measured = asyncio.run(
        compare(FormulaRunner(), SensorDouble(), program(1.0), program(0.5), plan=Plan(idle_s=0))
    )
    mixed: list[Any] = [*results, measured]  # the type checker refuses the list as it is
    with pytest.raises(MixedMetersError, match="measured joules of sensor test double"):
        rank(mixed)


SPIN = "i=0; while [ $i -lt {} ]; do i=$((i+1)); done"


def test_real_programs_are_told_apart(tmp_path: Path) -> None:
    baseline = Job(SPIN.format(60_000) + "; echo printed", str(tmp_path))
    candidate = Job(SPIN.format(20_000), str(tmp_path))
    result = asyncio.run(compare(LocalRunner(), cpu_time(), baseline, candidate))
    assert result.verdict is EnergyVerdict.IMPROVED
    assert 0.4 < result.reduction.value < 0.8
    assert result.comparison.samples(Arm.CANDIDATE)[0].runs > 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("set -e; false; true", "exit code 1"),
        ("echo why >&2; exit 7", "exit code 7\nwhy"),
        ("kill -ABRT $$ # gone", "SIGABRT"),
        ("[ -e once ] && exit 4; touch once", "exit code 4"),
    ],
)
def test_a_real_failure_says_how(tmp_path: Path, command: str, said: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        asyncio.run(measure_one(LocalRunner(), cpu_time(), Job(command, str(tmp_path))))
    assert said in str(caught.value)


def test_a_run_that_hits_a_limit_says_which() -> None:
    class Stopped(FormulaRunner):
        async def run(self, job: Job) -> Completed:
            return Completed(137, b"", b"", 1.0, 1.0, StopReason.TIME, "SIGKILL")

    with pytest.raises(MeasurementError, match=r"the program failed .* it reached its time limit"):
        asyncio.run(measure_one(Stopped(), cpu_time(), program(1.0)))
