"""Growth with the repeats, told from what a busy machine adds to a run's time."""

import asyncio
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from jouleline.app.build import Built
from jouleline.app.observe import Effort, observe
from jouleline.app.scaling import check_scaling, measure_scaling
from jouleline.core.ports import Completed, Job, StopReason
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Workload

WORKLOAD = Workload(build="", run="./main {args}", args="40", repeat_args=(0,))
EFFORT = Effort(scaling_s=1.0)
START_S = 0.004
Noise = Callable[[str], float]


class Machine:
    """Where a program that ``takes`` some seconds for its repeats takes ``noise`` longer, by its clock."""

    name = "machine"
    guarantees = ()

    def __init__(self, takes: Callable[[int], float], noise: Noise, clock: str) -> None:
        self._takes, self._noise, self._clock = takes, noise, clock

    async def run(self, job: Job) -> Completed:
        seconds = self._takes(int(job.command.split()[-1])) + self._noise(job.command)
        assert job.limits.wall_s is not None
        if seconds > job.limits.wall_s:
            return Completed(-9, b"", b"", job.limits.wall_s, START_S, StopReason.TIME)
        return Completed(0, b"1\n", b"", wall_s=seconds, cpu_s=seconds if self._clock == "CPU" else START_S)


def baseline_s(repeats: int) -> float:
    return START_S + 2e-3 * repeats


def gate(
    candidate_s: Callable[[int], float],
    noise: Noise,
    clock: str,
    folder: Path,
    takes: Callable[[int], float] = baseline_s,
) -> GateResult:
    built = Built(folder, WORKLOAD, "", 0.0)
    quiet = Machine(takes, lambda _: 0.0, clock)

    async def run() -> GateResult:
        main = await observe(built, WORKLOAD.args, quiet, EFFORT)
        scaling = await measure_scaling(built, 0, main, quiet, EFFORT)
        assert scaling.clock == clock
        return await check_scaling(built, main, scaling, Machine(candidate_s, noise, clock), EFFORT)

    return asyncio.run(run())


def once(more_s: float, command: str) -> Noise:
    """The first run of a command takes longer."""
    seen: set[str] = set()

    def noise(job: str) -> float:
        first = job.endswith(command) and job not in seen
        seen.add(job)
        return more_s if first else 0.0

    return noise


def from_then_on(more_s: float, runs: int) -> Noise:
    """The machine gets busy after some runs, for as many more, and then is not."""
    count = 0

    def noise(_: str) -> float:
        nonlocal count
        count += 1
        return more_s if runs < count <= 2 * runs else 0.0

    return noise


@pytest.mark.parametrize(
    ("clock", "more_s"),
    [("CPU", 0.011), ("CPU", 0.03), ("CPU", 0.15), ("wall", 0.03), ("wall", 0.09), ("wall", 0.7)],
)
def test_a_run_that_the_machine_held_up_is_no_growth(clock: str, more_s: float, tmp_path: Path) -> None:
    result = gate(lambda _: START_S, once(more_s, " 160"), clock, tmp_path)
    assert not result.passed
    assert "does not repeat the work" in result.reason


@pytest.mark.parametrize("clock", ["CPU", "wall"])
def test_a_machine_that_is_busy_for_a_while_lets_no_cheat_through(clock: str, tmp_path: Path) -> None:
    """Busy just while the candidate runs with more repeats."""
    assert not gate(lambda _: START_S, from_then_on(0.09, 2), clock, tmp_path).passed


@pytest.mark.parametrize("speedup", [0.5, 1.0, 3.0, 30.0, math.inf])
@pytest.mark.parametrize("clock", ["CPU", "wall"])
def test_work_is_told_from_none_on_a_machine_that_is_busy_all_the_time(
    speedup: float, clock: str, tmp_path: Path
) -> None:
    held_up = itertools.cycle([0.011, 0.0, 0.004, 0.025, 0.002, 0.008, 0.031])
    done = gate(lambda repeats: START_S + 2e-3 * repeats / speedup, lambda _: next(held_up), clock, tmp_path)
    assert done.passed == math.isfinite(speedup), done


@pytest.mark.parametrize(("start_s", "per_repeat_s", "passed"), [(6.0, 1e-5, True), (0.004, 0.0, False)])
def test_a_run_beyond_the_time_limit_shows_growth_only_if_it_may_take_so_long(
    start_s: float, per_repeat_s: float, tmp_path: Path, *, passed: bool
) -> None:
    """One that does nothing hangs where there are more repeats than the baseline was run with."""

    def takes(repeats: int) -> float:
        return start_s + per_repeat_s * repeats if repeats < 2_000 or per_repeat_s else 1e3

    assert gate(takes, lambda _: 0.0, "CPU", tmp_path).passed == passed


def test_work_that_grows_faster_than_the_repeats_may_meet_the_time_limit(tmp_path: Path) -> None:
    def baseline(repeats: int) -> float:
        return START_S + 1e-4 * repeats**2

    done = gate(lambda repeats: 1 + (repeats / 80) ** 2, lambda _: 0.0, "CPU", tmp_path, baseline)
    assert done.passed, done
    assert "it takes more than 50 s" in done.reason


def test_a_machine_that_stood_still_for_a_while_shows_no_growth(tmp_path: Path) -> None:
    assert not gate(lambda _: START_S, once(1e3, " 640"), "CPU", tmp_path).passed


def test_growth_is_seen_behind_a_start_that_takes_longer(tmp_path: Path) -> None:
    assert gate(lambda repeats: 0.4 + 2e-4 * repeats, lambda _: 0.0, "CPU", tmp_path).passed


def test_long_runs_that_grow_clearly_are_made_once(tmp_path: Path) -> None:
    runs: list[str] = []

    def count(job: str) -> float:
        runs.append(job)
        return 0.0

    assert gate(lambda repeats: 0.3 + 0.01 * repeats, count, "CPU", tmp_path).passed
    assert len(runs) == len(set(runs)), runs
    assert len(runs) == 2


@pytest.mark.parametrize("start_s", [0.004, 0.1, 0.65])
@pytest.mark.parametrize("least", [161, 200, 500, 635, 3_000])
def test_repeats_that_are_done_only_beyond_those_measured_are_refused(
    least: int, start_s: float, tmp_path: Path
) -> None:
    def takes(repeats: int) -> float:
        return start_s + 2e-3 * max(repeats - least, 0)

    def takes_at_once(repeats: int) -> float:
        return start_s + 2e-3 * repeats * (repeats >= least)

    for candidate in (takes, takes_at_once):
        assert not gate(candidate, lambda _: 0.0, "CPU", tmp_path).passed


def test_one_is_told_that_it_works_only_with_more_repeats(tmp_path: Path) -> None:
    done = gate(lambda repeats: 2e-3 * repeats * (repeats >= 500), lambda _: 0.0, "CPU", tmp_path)
    assert "from 160 to 640" in done.reason
    assert done.reason.endswith("the candidate works only with more repeats")


@pytest.mark.parametrize("clock", ["CPU", "wall"])
def test_a_machine_that_stood_still_makes_no_honest_repeats_start_late(clock: str, tmp_path: Path) -> None:
    done = gate(lambda repeats: START_S + 1e-4 * repeats, once(3.0, " 640"), clock, tmp_path)
    assert done.passed, done


def test_repeats_that_cost_more_the_more_there_are_do_not_start_late(tmp_path: Path) -> None:
    assert gate(lambda repeats: START_S + 1e-6 * repeats**2, lambda _: 0.0, "CPU", tmp_path).passed


@pytest.mark.parametrize(("start_s", "hangs_from"), [(12.0, math.inf), (0.65, 640), (0.65, math.inf)])
def test_a_long_start_passes_for_no_repeats(start_s: float, hangs_from: float, tmp_path: Path) -> None:
    def takes(repeats: int) -> float:
        return start_s if repeats < hangs_from else 1e3

    def baseline(repeats: int) -> float:
        return start_s + 0.5 * repeats

    assert not gate(takes, lambda _: 0.0, "CPU", tmp_path, baseline).passed
