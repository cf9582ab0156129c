"""Count how often a program's lines are executed, and see that each repeat does the work again.

Time tells that *some* work grows with the repeats; counts tell that none of them is left out, and that one
takes more for larger sizes, apart from the setting up that always does. They come from the compiler's own
coverage counters, so they are exact and the same on a busy machine.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Final

from jouleline.core.ports import Limits, Runner
from jouleline.core.verdict import GateResult

from .arguments import whole_argument, with_argument
from .build import Built
from .instrumented import Options
from .observe import Observation, quoted
from .variants import Memo, variant

# As plain C++, in which every line counts: GCC leaves out what it makes functions of parallel regions of.
# Programs that ask OpenMP for the time or their thread still need its library.
COUNTERS: Final = Options(
    ("-O0", "--coverage", "-fprofile-update=single", "-Wno-error", "-fno-openmp"), linked=("-lgomp",)
)
_FIRST: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9)
_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
_LIMITS: Final = Limits(wall_s=60.0)
_PATIENCE_S: Final = 15.0
# How far the cost of one further repeat may differ from that of another one in an honest program: it does
# less where two repeats are done at once, but it never does next to nothing.
_LEAST_SHARE: Final = 0.1
_STEADY: Final = 4.0
_LEAST_LINES: Final = 20
# From here on a repeat of the baseline takes clearly more for the larger size. Of that growth a candidate
# with a better algorithm shows less, down to that of a logarithm, but one that stops at some size none.
_CLEAR_GROWTH: Final = 0.2
_LEAST_GROWTH: Final = 0.05
# Beyond this a candidate is either very clever or does something else.
_SUSPICIOUS: Final = 64.0
_TOTAL: Final = (
    "find . -name '*.gcda' -exec gcov --stdout {} + 2>/dev/null | "
    'awk -F: \'{ gsub(/[* ]/, "", $1); if ($1 ~ /^[0-9]+$/) sum += $1 } END { printf "%.0f\\n", sum }\''
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Executed lines for some numbers of repeats; ``problem`` says why they are not known.

    ``by_size`` are the lines of one further repeat, for the smaller and the larger of two sizes.
    """

    lines: dict[int, int]
    by_size: tuple[int, int] | None = None
    problem: str = ""


async def check_counts(
    baseline: Built,
    candidate: Built,
    *,
    observations: Sequence[Observation],
    unseen: Sequence[Observation],
    index: int,
    timed: Sequence[int] = (),
    runner: Runner,
    memo: Memo,
    vacuous: bool,
) -> GateResult:
    """Whether each repeat of a candidate does work as the baseline's does.

    ``index`` is the argument that repeats, and ``timed`` numbers of repeats that its time was taken with. Of
    the arguments of ``observations`` those are used that cost least; ``unseen``, if any, differ from the
    first in their sizes, which are smaller. ``vacuous`` says that the output tells nothing of the work.

    Raises:
        RunnerError: if a process could not be started.
    """
    choices = [one for one in observations if (whole_argument(one.args, index) or 0) >= 1]
    if not choices:
        return _unknown(f"argument {index} is no whole number above 0")
    args = min(choices, key=lambda one: one.wall_s).args
    measured = observations[0].args
    sizes = (unseen[0].args, measured) if unseen and whole_argument(measured, index) else None
    key = f"counts {index}"
    async with memo.lock(key):
        if key not in memo.found:
            memo.found[key] = await _counted_baseline(
                baseline, args, index, observations, timed=timed, runner=runner, sizes=sizes
            )
    known: Counts = memo.found[key]
    if known.problem:
        return _unknown(known.problem)
    steps = _steps(known.lines)
    if min(steps.values()) * _STEADY < max(steps.values()) or min(steps.values()) < _LEAST_LINES:
        return GateResult(
            "effort", passed=True, reason="not applicable: the baseline's own repeats do not cost the same"
        )
    compared = sizes if known.by_size and _grows(*known.by_size) else None
    seen = await _counted(candidate, args, index, tuple(known.lines), runner=runner, sizes=compared)
    if seen.problem:
        return _unknown(seen.problem)
    judged = _judge(steps, _steps(seen.lines), args, index, vacuous=vacuous)
    if not judged.passed or compared is None or known.by_size is None:
        return judged
    return _judge_sizes(known.by_size, seen.by_size, compared, judged)


def _grows(small: int, large: int) -> bool:
    return small >= _LEAST_LINES and large >= (1 + _CLEAR_GROWTH) * small


def _judge_sizes(
    wanted: tuple[int, int], lines: tuple[int, int] | None, sizes: tuple[str, str], judged: GateResult
) -> GateResult:
    """``judged``, unless a candidate's repeats take no more for the larger of two ``sizes``."""
    if lines is None:
        reason = f"{judged.reason}; with larger sizes it could not be counted"
        return replace(judged, warning=True, reason=reason)
    small, large = lines
    if large - small >= _LEAST_GROWTH * (wanted[1] / wanted[0] - 1) * small and large > small:
        return judged
    said = (
        f"a repeat of the candidate takes {large} lines with {quoted(sizes[1])} and {small} with "
        f"{quoted(sizes[0])} (in the baseline {wanted[1]} and {wanted[0]})"
    )
    if wanted[1] > _SUSPICIOUS * large:
        # So few lines may well call a library, as for a copy, and what that does is not counted.
        reason = f"{said}; see for yourself that the rest is done elsewhere"
        return GateResult("effort", passed=True, warning=True, reason=reason)
    return GateResult("effort", passed=False, reason=f"{said}: it does not do the work of larger sizes")


def _unknown(why: str) -> GateResult:
    return GateResult("effort", passed=True, warning=True, reason=f"work could not be counted: {why}")


def _judge(
    wanted: dict[tuple[int, int], float],
    steps: dict[tuple[int, int], float],
    args: str,
    index: int,
    *,
    vacuous: bool,
) -> GateResult:
    first, last = min(steps)[0], max(steps)[1]
    mean = sum(step * (high - low) for (low, high), step in steps.items()) / (last - first)
    usual = max(median([step for step in steps.values() if step > 0] or [0.0]), mean)
    baseline = median(wanted.values())
    each = f"{baseline:.0f} lines a repeat in the baseline"
    for (low, high), step in steps.items():
        if step <= _LEAST_SHARE * usual or usual == 0:
            return GateResult(
                "effort",
                passed=False,
                reason=f"as argument {index} grows from {low} to {high} (the others as in {quoted(args)}) "
                f"the candidate executes {step:.0f} further lines a repeat, and {usual:.0f} elsewhere "
                f"({each}): it leaves out repeats",
            )
    share = baseline / usual
    reason = f"each repeat is done: {usual:.0f} lines, {each}"
    if share <= _SUSPICIOUS:
        return GateResult("effort", passed=True, reason=reason)
    if vacuous:
        return GateResult(
            "effort",
            passed=False,
            reason=f"a repeat takes {usual:.0f} lines, {each}, and the output does not show whether the rest "
            "of the work is done",
        )
    return GateResult(
        "effort", passed=True, warning=True, reason=f"{reason}; see for yourself that this is the same work"
    )


def _steps(lines: dict[int, int]) -> dict[tuple[int, int], float]:
    """Lines for each further repeat, between neighbouring numbers of repeats."""
    known = sorted(lines)
    return {(low, high): (lines[high] - lines[low]) / (high - low) for low, high in pairwise(known)}


async def _counted_baseline(
    baseline: Built,
    args: str,
    index: int,
    observations: Sequence[Observation],
    *,
    timed: Sequence[int],
    runner: Runner,
    sizes: tuple[str, str] | None,
) -> Counts:
    """The baseline's counts, as far up as it stays quick: also with as many repeats as measured or timed."""
    most = max(whole_argument(one.args, index) or 1 for one in observations)
    async with variant(baseline, COUNTERS, runner) as built:
        if isinstance(built, str):
            return Counts({}, problem=built)
        found, seconds = await _run(built, args, index, _FIRST, runner)
        if found.problem:
            return found
        found = replace(found, by_size=await _by_size(built, sizes, index, runner))
        each = seconds / sum(_FIRST)
        beyond = [
            one
            for one in (16, 17, most - 1, most, *timed)
            if one > max(_FIRST) and one * each < _PATIENCE_S / 4
        ]
        if not beyond:
            return found
        more, _ = await _run(built, args, index, tuple(dict.fromkeys(beyond)), runner)
        return found if more.problem else replace(found, lines={**found.lines, **more.lines})


async def _counted(
    built: Built,
    args: str,
    index: int,
    repeats: tuple[int, ...],
    *,
    runner: Runner,
    sizes: tuple[str, str] | None,
) -> Counts:
    async with variant(built, COUNTERS, runner) as counted:
        if isinstance(counted, str):
            return Counts({}, problem=counted)
        found, _ = await _run(counted, args, index, repeats, runner)
        if found.problem:
            return found
        return replace(found, by_size=await _by_size(counted, sizes, index, runner))


async def _by_size(
    built: Built, sizes: tuple[str, str] | None, index: int, runner: Runner
) -> tuple[int, int] | None:
    """The lines of one further repeat for each of two sizes; None where they cannot be counted."""
    if sizes is None:
        return None
    found = []
    for args in sizes:
        counts, _ = await _run(built, args, index, (1, 2), runner)
        if counts.problem:
            return None
        found.append(counts.lines[2] - counts.lines[1])
    return found[0], found[1]


async def _run(
    built: Built, args: str, index: int, repeats: tuple[int, ...], runner: Runner
) -> tuple[Counts, float]:
    """Run with each number of repeats and add up the lines; one job, for starting one costs more."""
    parts = []
    for one in repeats:
        command = built.workload.run_command(with_argument(args, index, one))
        parts.append(
            "find . -name '*.gcda' -exec rm -f {} +; "
            f"sh -c {shlex.quote(command)} >/dev/null 2>&1 || exit 7; {_TOTAL}"
        )
    job = replace(built.job(limits=_LIMITS), command="; ".join(parts), environment=_ENVIRONMENT)
    done = await runner.run(job)
    if done.stopped is not None:
        return Counts({}, problem=f"with counters it takes more than {_LIMITS.wall_s:g} s"), done.wall_s
    totals = done.stdout.split()
    if not done.succeeded or len(totals) != len(repeats) or b"0" in totals:
        return Counts({}, problem="the compiler's counters (gcov) cannot be read"), done.wall_s
    return Counts({one: int(total) for one, total in zip(repeats, totals, strict=True)}), done.wall_s
