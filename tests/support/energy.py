"""A meter and a runner that are test doubles: power is scripted, and time is what runs say that they take."""

from __future__ import annotations

import random
from collections.abc import Sequence

from jouleline.core.meter import Conditions, EnergySample, Measured, MeterInfo, Part, PowerPoint
from jouleline.core.ports import Completed, Job


class ScriptedMeter:
    """A test double that calls its figures measured: ``idle_w`` W without runs, ``watts`` W with them."""

    def __init__(self, *, watts: float = 200.0, idle_w: float = 50.0, warnings: Sequence[str] = ()) -> None:
        self.info = MeterInfo(
            "scripted test double",
            "no device",
            Measured,
            window_s=0.01,
            note="measured: nothing, this is a test double",
            period_s=0.02,
            driver="none 1.0",
            labels=("a test double",),
        )
        self._watts, self._idle_w, self._warnings = watts, idle_w, tuple(warnings)

    def check(self) -> MeterInfo[Measured]:
        return self.info

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Measured]:
        watts = self._watts if runs else self._idle_w
        wall_s = sum(run.wall_s for run in runs) or 0.01
        gpu, processor = 0.75 * watts * wall_s, 0.25 * watts * wall_s
        return EnergySample(
            Measured,
            gpu + processor,
            wall_s,
            sum(run.cpu_s for run in runs),
            len(runs) * repeats,
            parts=(Part("GPU 0", gpu), Part("package-0", processor)),
            trace=(PowerPoint(0.0, watts), PowerPoint(wall_s / 2, 1.1 * watts), PowerPoint(wall_s, watts)),
            conditions=(Conditions("GPU 0", 0.0, 1.98e9, 2.6e9, 61.0, ("power cap",), 0),),
            warnings=self._warnings if runs else (),
        )


class NoisyRunner:
    """A test double whose runs take the seconds that their command names, give or take ``noise``."""

    name = "noisy test double"
    guarantees = ("starts nothing",)

    def __init__(self, noise: float = 0.02, seed: int = 1) -> None:
        self._noise, self._chance = noise, random.Random(seed)  # noqa: S311 - repeatable noise

    async def run(self, job: Job) -> Completed:
        repeats = int(job.command.partition(";")[0].partition("=")[2])
        one_run = float(job.command.split("\n")[1].split()[1])
        seconds = one_run * repeats * self._chance.gauss(1, self._noise)
        return Completed(0, b"", b"", seconds, seconds)


def program(seconds: float) -> Job:
    return Job(f"work {seconds}", "/nowhere")
