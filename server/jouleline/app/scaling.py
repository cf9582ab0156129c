"""Whether a candidate repeats the work as often as it is told to.

A benchmark's repeats are where published "improvements" most often come from: they are skipped,
collapsed into one, or their results are cached. Such a program takes no longer for more repeats. An
honest one may start from a larger constant share, so its growth is sought at ever more repeats before
it is refused.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from jouleline.core.ports import Limits, Runner
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Tolerance

from .arguments import whole_argument, with_argument
from .build import Built
from .observe import BaselineError, Effort, Observation, Ran, RunError, observe, quoted, run_once

_STEP: Final = 4
_MOST_STEPS: Final = 5
# Clear growth of the baseline, and the share of it (beyond 1) that a candidate must show.
_CLEAR_GROWTH: Final = 1.5
_SHARE_OF_GROWTH: Final = 1 / 3
# From here on the baseline is long enough to be run with fewer repeats instead of more.
_LONG_S: Final = 0.5
_NOISE_S: Final = 0.01
# What is longer than this is no noise; a busy machine adds more to wall time than to a processor's.
_STEADY_S: Final = {"CPU": 0.2, "wall": 1.0}
# A candidate whose time still does not grow when it is this many times as fast does not do the work.
_INCREDIBLE_SPEEDUP: Final = 100.0
_MOST_REPEATS: Final = 2_000_000_000
# How many times as long as in proportion to its repeats a run may take.
_SLACK: Final = 4.0
# Repeats that later take this many times as long were not done before; a square grows four times a step.
_LATE: Final = 6.0
# Of a run's time; the fastest of some runs differs by less.
_NOISE_SHARE: Final = 0.25
# Rounding differences grow with the repeats, in chaotic systems quickly.
_TOLERANCE_FACTOR: Final = 100.0


@dataclass(frozen=True, slots=True)
class Point:
    """What some number of repeats costs the baseline (s), and what it then prints if that is steady."""

    repeats: int
    seconds: float
    wall_s: float
    observation: Observation | None


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the baseline's cost grows with the argument at ``index``.

    ``clock`` is ``CPU`` or ``wall``, whichever shows the work. Without ``low`` and ``high`` there is
    nothing to hold a candidate against, and ``reason`` says why.
    """

    index: int
    low: Point | None = None
    high: Point | None = None
    clock: str = "CPU"
    reason: str = ""


async def measure_scaling(
    built: Built, index: int, main: Observation, runner: Runner, effort: Effort
) -> Scaling:
    """How the baseline's cost grows with the argument at ``index``.

    Raises:
        RunnerError: if it could not be started.
    """
    repeats = whole_argument(main.args, index)
    if repeats is None or repeats < 1:
        return Scaling(index, reason=f"repeat_args names argument {index}, which is no whole number above 0")
    own = _point(repeats, main)
    high = own

    async def at(repeats: int, tolerance: Tolerance) -> Point:
        args = with_argument(main.args, index, repeats)
        try:
            seen = await observe(built, args, runner, effort, tolerance)
        except BaselineError:
            # What it prints is no use then, but its time is.
            done = (await run_once(built, args, effort.baseline_limits(), runner)).completed
            return Point(repeats, done.cpu_s, done.wall_s, None)
        return _point(repeats, seen)

    try:
        if main.wall_s >= _LONG_S and repeats > 1:
            low = await at(max(repeats // _STEP, 1), built.workload.tolerance)
            if found := _visible(index, low, own, effort):
                return found
        factor = 2 if main.wall_s > effort.scaling_s / _STEP else _STEP
        for step in range(_MOST_STEPS):
            if step and high.wall_s * factor > 2 * effort.scaling_s:
                break
            high = await at(high.repeats * factor, _loosened(built.workload.tolerance))
            if found := _visible(index, own, high, effort):
                return found
    except RunError as error:
        return Scaling(
            index, reason=f"its growth with argument {index} is not known: {error.of('the baseline')}"
        )
    return Scaling(
        index,
        reason=f"the baseline takes no measurably longer as argument {index} grows "
        f"from {own.repeats} to {high.repeats}",
    )


def _point(repeats: int, seen: Observation) -> Point:
    return Point(repeats, seen.cpu_s, seen.wall_s, seen)


def _visible(index: int, low: Point, high: Point, effort: Effort) -> Scaling | None:
    """The scaling between two points if it can be seen, on the clock that shows it."""
    if _grows(low.seconds, high.seconds, effort):
        return Scaling(index, low, high)
    if _grows(low.wall_s, high.wall_s, effort):
        return Scaling(
            index, replace(low, seconds=low.wall_s), replace(high, seconds=high.wall_s), clock="wall"
        )
    return None


def _grows(low_s: float, high_s: float, effort: Effort) -> bool:
    return high_s >= _CLEAR_GROWTH * low_s and high_s - low_s >= effort.visible_s


def _loosened(tolerance: Tolerance) -> Tolerance:
    return Tolerance(tolerance.relative * _TOLERANCE_FACTOR, tolerance.absolute * _TOLERANCE_FACTOR)


async def check_scaling(
    built: Built, main: Observation, scaling: Scaling, runner: Runner, effort: Effort
) -> GateResult:
    """Whether a candidate's cost grows as the baseline's does.

    Raises:
        RunnerError: if it could not be started.
    """
    low, high = scaling.low, scaling.high
    if low is None or high is None:
        return GateResult("scaling", passed=True, warning=True, reason=f"not applicable: {scaling.reason}")
    candidate = _Candidate(built, main.args, scaling, runner, effort)
    try:
        for point in (low, high):
            difference = await candidate.difference(point)
            if difference is not None:
                args = with_argument(main.args, scaling.index, point.repeats)
                reason = f"with {quoted(args)} the candidate differs: {difference}"
                return GateResult("scaling", passed=False, reason=reason)
        return await candidate.follow(low, high)
    except RunError as error:
        return GateResult("scaling", passed=False, reason=error.of("the candidate"), detail=error.detail)


class _Candidate:
    """A candidate that is run with ever more repeats."""

    def __init__(self, built: Built, main: str, scaling: Scaling, runner: Runner, effort: Effort) -> None:
        self._built = built
        self._main = main
        self._scaling = scaling
        self._runner = runner
        self._effort = effort
        self._seconds: dict[int, float] = {}
        self._wall_s: dict[int, float] = {}
        self._limits: dict[int, Limits] = {}

    async def difference(self, point: Point) -> str | None:
        """How the candidate's output differs from the baseline's at a point that the baseline was run at."""
        runs = await self._run(point.repeats, point.wall_s)
        if point.observation is None:
            return None
        return await asyncio.to_thread(point.observation.difference, runs[0])

    async def follow(self, low: Point, high: Point) -> GateResult:
        """Look for growth from ``low`` to ``high`` and, if there is too little, beyond."""
        factor = max(high.repeats // low.repeats, 2)
        wanted = _SHARE_OF_GROWTH * (high.seconds / low.seconds - 1)
        per_repeat = (high.seconds - low.seconds) / (high.repeats - low.repeats)
        tried = [low.repeats, high.repeats]
        if not self._grows(low.repeats, high.repeats, wanted):
            # Perhaps the machine was busy: the fastest of more runs tells.
            await self._run_again(tried)
        while True:
            before, now = tried[-2:]
            done = await self._repeats(tried, wanted)
            if done is not None:
                reason = self._growth(low, high, before, now)
                if not done:
                    reason += ", far more a repeat than before: the candidate works only with more repeats"
                return GateResult("scaling", passed=done, reason=reason)
            baseline_s = high.seconds + per_repeat * (now - high.repeats)
            # Where it does grow a little, a start that takes longer than the work hides the rest.
            grown = self._seconds[now] - self._seconds[before] >= _NOISE_S
            incredible = _INCREDIBLE_SPEEDUP * max(self._seconds[now], self._effort.visible_s)
            enough = not grown and baseline_s >= incredible
            if enough or now * factor > _MOST_REPEATS:
                return GateResult(
                    "scaling",
                    passed=False,
                    reason=f"{self._growth(low, high, before, now)}: the candidate does not repeat the work",
                )
            more = now * factor
            tried.append(more)
            if not await self._takes_too_long(more, self._wall_s[now]):
                continue
            # Repeats take in proportion; what else takes so long is a machine that stood still, or no work.
            limit_s = self._limits[more].wall_s or math.inf
            growth_s = max(self._wall_s[now] - self._wall_s[before], _NOISE_S)
            expected = self._wall_s[now] + _SLACK * factor * growth_s >= limit_s
            if expected or await self._takes_too_long(more, self._wall_s[now]):
                growth = self._growth(low, high, low.repeats, now)
                reason = f"{growth}, and with {more} it takes more than {limit_s:g} s"
                if not expected:
                    reason += f", where {now} took {self._wall_s[now]:.3f} s: that is not the repeats"
                return GateResult("scaling", passed=expected, reason=reason)

    async def _takes_too_long(self, repeats: int, fewer_s: float) -> bool:
        """Whether a run meets its limit, where fewer repeats took ``fewer_s``; if not, its time is kept."""
        try:
            await self._run(repeats, fewer_s)
        except RunError as error:
            if not error.timed_out:
                raise
            return True
        return False

    def _grows(self, before: int, now: int, wanted: float) -> bool:
        short, long = self._seconds[before], self._seconds[now]
        return long - short >= max(wanted * short, self._effort.visible_s)

    async def _repeats(self, tried: list[int], wanted: float) -> bool | None:
        """Whether time grows, and not only in the last step; None if more repeats have to tell."""
        before, now = tried[-2:]
        if not await self._keeps_growing(before, now, wanted):
            return None
        if self._starts_late(tried):
            await self._run_again(tried)
            return False if self._starts_late(tried) else None
        # Growth in the step before may be hidden in noise, but not where this step is the one before.
        late = self._late(tried)
        return None if late and max(late) == tried[-3] else True

    def _starts_late(self, tried: list[int]) -> bool:
        """Whether a step grows far less than the last one does, and by more than noise is."""
        return any(
            growth >= max(_NOISE_SHARE * self._seconds[before], self._effort.visible_s)
            for before, growth in self._late(tried).items()
        )

    def _late(self, tried: list[int]) -> dict[int, float]:
        """Where steps begin that grow far less than at the last one's pace, and that growth (s)."""
        before, now = tried[-2:]
        each = (self._seconds[now] - self._seconds[before]) / (now - before)
        return {
            low: each * (high - low)
            for low, high in pairwise(tried[:-1])
            if _LATE * (self._seconds[high] - self._seconds[low]) < each * (high - low)
        }

    async def _keeps_growing(self, before: int, now: int, wanted: float) -> bool:
        """Whether growth is still there after a second look, where a busy machine may have feigned it."""
        growth = self._seconds[now] - self._seconds[before]
        if self._grows(before, now, wanted) and growth < _STEADY_S[self._scaling.clock]:
            await self._run(before)
            await self._run(now)
        return self._grows(before, now, wanted)

    async def _run_again(self, tried: list[int]) -> None:
        for repeats in tried:
            await self._run(repeats)

    async def _run(self, repeats: int, known_s: float = 0.0) -> list[Ran]:
        """Run, and again unless the candidate's own time, whatever the one known, is longer than noise.

        ``known_s`` is what the baseline took or, beyond its runs, the candidate with fewer repeats.
        """
        args = with_argument(self._main, self._scaling.index, repeats)
        limits = self._limits.setdefault(repeats, self._effort.candidate_limits(known_s))
        runs: list[Ran] = []
        for _ in range(max(self._effort.candidate_runs, 1)):
            runs.append(await run_once(self._built, args, limits, self._runner))
            done = runs[-1].completed
            taken = done.cpu_s if self._scaling.clock == "CPU" else done.wall_s
            self._seconds[repeats] = min(taken, self._seconds.get(repeats, math.inf))
            self._wall_s[repeats] = min(done.wall_s, self._wall_s.get(repeats, math.inf))
            if taken >= _STEADY_S[self._scaling.clock]:
                break
        return runs

    def _growth(self, low: Point, high: Point, before: int, now: int) -> str:
        clock = f"{self._scaling.clock} time"
        return (
            f"as argument {self._scaling.index} grows from {before} to {now} its {clock} goes from "
            f"{self._seconds[before]:.3f} s to {self._seconds[now]:.3f} s (the baseline's from "
            f"{low.seconds:.3f} s to {high.seconds:.3f} s for {low.repeats} to {high.repeats})"
        )
