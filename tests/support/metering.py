"""Doubles for tests of the protocol: a runner by formula, and a meter that calls its figures measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from jouleline.core.meter import Conditions, EnergySample, Measured, MeterInfo
from jouleline.core.ports import Completed, Job


class FormulaRunner:
    """A test double: a program's time is the number that its command names, times a factor per call."""

    def __init__(self, factors: Sequence[float] = (1.0,), failing_call: int | None = None) -> None:
        self.jobs: list[Job] = []
        self._factors = factors
        self._failing_call = failing_call

    @property
    def name(self) -> str:
        return "test double"

    @property
    def guarantees(self) -> tuple[str, ...]:
        return ()

    async def run(self, job: Job) -> Completed:
        call = len(self.jobs)
        self.jobs.append(job)
        repeats = int(job.command.partition(";")[0].partition("=")[2])
        one_run = float(job.command.split("\n")[1].split()[1])
        seconds = one_run * repeats * self._factors[call % len(self._factors)]
        if call == self._failing_call:
            return Completed(139, b"", b"Segmentation fault\n", seconds, seconds, None, "SIGSEGV")
        return Completed(0, b"", b"", seconds, seconds)


def program(seconds: float) -> Job:
    return Job(f"work {seconds}", "/nowhere")


IDLE_SECONDS = 1.0


@dataclass
class SensorDouble:
    """A test double that calls its figures measured: ``load_w`` while a program runs, on top of idle power.

    Of idle power it takes the next of ``idle_w`` with each idle window, and the last from then on. An idle
    window lasts :data:`IDLE_SECONDS` in its figures, however long it was. ``dress`` changes the n-th window.
    """

    load_w: float = 200.0
    idle_w: Sequence[float] = (50.0,)
    dress: Callable[[int, EnergySample[Measured]], EnergySample[Measured]] = lambda _, sample: sample
    info: MeterInfo[Measured] = field(
        default_factory=lambda: MeterInfo("sensor test double", "none", Measured, window_s=0.005, note="")
    )
    labels: tuple[str, ...] = ()
    checks: int = 0
    windows: int = 0
    idle_windows: int = 0

    def check(self) -> MeterInfo[Measured]:
        self.checks += 1
        self.info = replace(self.info, period_s=0.0001, labels=self.labels)
        return self.info

    def start(self) -> None:
        assert self.checks, "a meter is tested before it is believed"

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Measured]:
        idle_w = self.idle_w[min(self.idle_windows, len(self.idle_w) - 1)]
        if not runs:
            self.idle_windows += 1
            return EnergySample(Measured, idle_w * IDLE_SECONDS, IDLE_SECONDS, 0.0, 0)
        wall_s = sum(run.wall_s for run in runs)
        energy_j = (self.load_w + self.idle_w[0]) * wall_s
        self.windows += 1
        sample = EnergySample(Measured, energy_j, wall_s, wall_s, len(runs) * repeats)
        return self.dress(self.windows - 1, sample)

    def close(self) -> None:
        pass


def state(clock_hz: float | None = None, throttled: tuple[str, ...] = ()) -> Conditions:
    """What a GPU would tell of itself in the middle of a window."""
    return Conditions("GPU 0", 0.5, core_clock_hz=clock_hz, throttled=throttled)
