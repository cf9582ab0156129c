"""The protocol on a real device: one program against itself, and against 1.05 times its work."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, stdev
from typing import Final

from jouleline.app.windows import RepeatedProgram
from jouleline.core.energy import (
    Arm,
    Block,
    EnergyVerdict,
    block_orders,
    decide,
    joules,
    noise_floor,
    ratio,
    seconds,
)
from jouleline.core.interval import Estimate, share_interval
from jouleline.core.meter import EnergySample, Measured

from .bench import PLAN, Bench
from .results import COMPUTED, Claim, Figure, Findings, estimated

# As many as make twelve blocks, the third look.
_WINDOWS: Final = 48
_FEWEST_WINDOWS: Final = 24
_ASSIGNMENTS: Final = 2000
_SEED: Final = 20260101
_STEP_BLOCKS: Final = 6
# 20 and 21: the step is 1.05 exactly.
_BASE, _MORE = 20, 21
_TRUE_RATIO: Final = _MORE / _BASE
_CALIBRATION: Final = (200, 600)
# A window that is a little too short would be filled with two runs.
_MARGIN: Final = 1.12

Windows = Sequence[EnergySample[Measured]]


def check_control(bench: Bench) -> Findings:
    """One program against itself: how often the protocol calls it changed."""
    units, _ = _units(bench)
    count = _WINDOWS if bench.scale == 1 else _FEWEST_WINDOWS
    windows = asyncio.run(_control(bench, bench.program("the load", "work", str(units)), count))
    whole = len(windows) - len(windows) % 4
    per_run = [joules(one) for one in windows]
    found = Findings(notes=[f"load: {bench.load_name()}", f"work of {units} units a run"])
    found.figures += [
        Figure("windows", len(windows), "1"),
        Figure("energy of a run", fmean(per_run), "J"),
        Figure("length of a window", fmean(one.wall_s for one in windows), "s"),
        Figure("noise of a window: energy", stdev(per_run) / fmean(per_run), "1", provenance=COMPUTED),
        Figure("noise of a window: time", _relative([seconds(one) for one in windows]), "1"),
        Figure("correlation of neighbours", _memory(per_run), "1", provenance=COMPUTED),
        Figure("last third over first third", _drift(per_run), "1", provenance=COMPUTED),
    ]
    rate = false_positives(windows[:whole], _ASSIGNMENTS, random.Random(_SEED))  # noqa: S311 - repeatable
    found.figures.append(estimated("called changed, of random assignments", rate, "1"))
    floor = noise_floor(assigned(windows[:whole], random.Random(_SEED)))  # noqa: S311 - repeatable
    found.figures.append(Figure("noise floor of the first assignment", floor, "1", provenance=COMPUTED))
    found.claims.append(Claim("an unchanged program is called changed in at most 5%", rate.low <= 0.05))
    found.notes += [
        f"{_ASSIGNMENTS} random assignments of ABBA and BAAB to {whole // 4} blocks of consecutive windows",
        "the interval is for the luck of the assignments, not for that of these windows",
        *sorted({warning for one in windows for warning in one.warnings}),
    ]
    return found


async def _control(bench: Bench, program: RepeatedProgram[Measured], count: int) -> Windows:
    await _warm_up(bench, program)
    windows: list[EnergySample[Measured]] = []
    longest_s = 0.0
    while len(windows) < count:
        before_s = bench.remaining_s
        # What there is by then says more than a stage that was cut off.
        if len(windows) >= _FEWEST_WINDOWS and before_s < 3 * longest_s:
            break
        windows.append(await program.window())
        longest_s = max(longest_s, before_s - bench.remaining_s)
        bench.say(f"window {len(windows)} of {count}")
    return windows


async def _warm_up(bench: Bench, program: RepeatedProgram[Measured]) -> None:
    await program.warm_up(PLAN, lambda done: bench.say(f"{program.label}: warm-up {done}"), lambda _: None)


def assigned(windows: Windows, chance: random.Random) -> list[Block[Measured]]:
    """Consecutive windows of one program as if they were of two, in random orders."""
    orders = block_orders(chance)
    fours = [windows[start : start + 4] for start in range(0, len(windows), 4)]
    return [Block(tuple(zip(next(orders), four, strict=True))) for four in fours]


def false_positives(windows: Windows, assignments: int, chance: random.Random) -> Estimate:
    """The share of assignments in which the protocol calls the program changed, with Wilson's interval."""
    wrong = sum(_verdict(assigned(windows, chance)) in _CHANGED for _ in range(assignments))
    return share_interval(wrong, assignments)


_CHANGED: Final = (EnergyVerdict.IMPROVED, EnergyVerdict.REGRESSED)


def _verdict(blocks: Sequence[Block[Measured]]) -> EnergyVerdict:
    for taken in range(1, len(blocks) + 1):
        verdict = decide(blocks[:taken], final=taken == len(blocks))
        if verdict is not None:
            return verdict
    return EnergyVerdict.INCONCLUSIVE


def _relative(values: Sequence[float]) -> float:
    return stdev(values) / fmean(values)


def _memory(values: Sequence[float]) -> float:
    mean = fmean(values)
    off = [value - mean for value in values]
    whole = math.fsum(one * one for one in off)
    return math.fsum(a * b for a, b in pairwise(off)) / whole if whole else 0.0


def _drift(values: Sequence[float]) -> float:
    third = len(values) // 3
    return fmean(values[-third:]) / fmean(values[:third])


def check_step(bench: Bench) -> Findings:
    """A known step: 21 against 20 times the same work."""
    units, start_s = _units(bench)
    each = math.ceil(units / _BASE)
    baseline = bench.program("20 parts", "work", str(_BASE * each))
    candidate = bench.program("21 parts", "work", str(_MORE * each))
    blocks = asyncio.run(_step(bench, baseline, candidate))
    windows = [sample for block in blocks for _, sample in block.windows]
    found = Findings(notes=[f"load: {bench.load_name()}"])
    energy = ratio(blocks)
    # Without its start, which is the same in both, a run's energy is in proportion to its work.
    share = start_s / fmean(seconds(one) for one in windows)
    found.figures += [
        estimated("energy ratio", energy, "1"),
        estimated("time ratio", ratio(blocks, seconds), "1"),
        Figure("expected ratio", _TRUE_RATIO, "1", provenance="what was asked for: 21 parts over 20"),
        Figure("blocks", len(blocks), "1"),
        Figure("start of the program, share of a window", share, "1"),
    ]
    lowest = 1 + (_TRUE_RATIO - 1) * (1 - share)
    found.claims.append(
        Claim(
            f"the interval holds a ratio between {lowest:.4f} (the start takes as much power as the work) "
            f"and {_TRUE_RATIO:g} (it takes none)",
            energy.low <= _TRUE_RATIO and energy.high >= lowest,
        )
    )
    verdict = _verdict(blocks)
    found.claims.append(Claim("the protocol calls it regressed", verdict is EnergyVerdict.REGRESSED))
    found.notes.append(f"verdict: {verdict}")
    found.notes += sorted({warning for one in windows for warning in one.warnings})
    return found


async def _step(
    bench: Bench, baseline: RepeatedProgram[Measured], candidate: RepeatedProgram[Measured]
) -> list[Block[Measured]]:
    programs = {Arm.BASELINE: baseline, Arm.CANDIDATE: candidate}
    for program in programs.values():
        await _warm_up(bench, program)
    orders = block_orders(random.Random(_SEED))  # noqa: S311 - repeatable
    blocks: list[Block[Measured]] = []
    for number in range(_STEP_BLOCKS):
        bench.say(f"block {number + 1} of {_STEP_BLOCKS}")
        blocks.append(Block(tuple([(arm, await programs[arm].window()) for arm in next(orders)])))
    return blocks


def _units(bench: Bench) -> tuple[int, float]:
    """How many units of work fill a window, and how long a program without any takes, s."""
    few, many = (max(1, round(count * bench.scale)) for count in _CALIBRATION)
    bench.run("work", str(few))
    few_s, many_s = (min(bench.run("work", str(n)).wall_s for _ in range(2)) for n in (few, many))
    unit_s = max((many_s - few_s) / (many - few), 1e-6)
    start_s = max(few_s - few * unit_s, 0.0)
    wanted_s = _MARGIN * bench.meter.info.window_s
    return max(1, math.ceil((wanted_s - start_s) / unit_s)), start_s
