"""Replaying a record: the same protocol on the windows that were taken, to the same figures and verdict.

What follows from the windows (warm-up, looks, the noise floor, the verdict) is worked out anew. What the
clock decided, the end of a budget, is taken from the record, since a replay takes no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from jouleline.core.meter import EnergySample, Meter, MeterInfo
from jouleline.core.ports import Completed, Job

from .budget import Budget
from .energy_record import EnergyRecord, EnergyRecordError
from .measure import compare, measure_one
from .measurement import EnergyComparison, Measurement, MeasurementError, Phase, Report, Window

_IDLE: Final = (Phase.IDLE_BEFORE, Phase.IDLE_AFTER)
_BLOCK: Final = 4


@dataclass(frozen=True, slots=True)
class Replayable:
    """The windows of a record that can be replayed, and what a reader of their figures must know."""

    record: EnergyRecord
    windows: tuple[Window[Any], ...]

    @property
    def samples(self) -> tuple[EnergySample[Any], ...]:
        """What a meter has to give, in this order."""
        return tuple(window.sample for window in self.windows)

    @property
    def recorded(self) -> str:
        """What was recorded, where and when, in words."""
        header = self.record.header
        early = "; the record ended early, so idle power is not known" if self.record.ended_early else ""
        began = header.surroundings.began.replace("T", " ").replace("+00:00", " UTC")
        return f"{self.record.path.name}, {header.meter.name} on {header.meter.device}, {began}{early}"


def replayable(record: EnergyRecord) -> Replayable:
    """What of a record can be replayed: all of it, or the whole blocks of one that ended early.

    Raises:
        EnergyRecordError: if the measurement failed, or ended before its first block.
    """
    if record.failure:
        raise EnergyRecordError(f"{record.path}: holds a measurement that failed: {record.failure}")
    windows = record.windows
    if record.ended_early:
        windows = tuple(one for one in windows if one.phase not in _IDLE)
        if record.header.candidate is not None:
            measured = sum(one.phase is Phase.MEASURING for one in windows)
            windows = windows[: len(windows) - measured % _BLOCK]
    if not any(one.phase is Phase.MEASURING for one in windows):
        what = "window" if record.header.candidate is None else "block"
        raise EnergyRecordError(f"{record.path}: ended before its first {what}, so it holds no figures")
    return Replayable(record, windows)


async def replay(
    source: Replayable, meter: Meter[Any], progress: Report | None = None
) -> Measurement[Any] | EnergyComparison[Any]:
    """Go through the protocol once more; ``meter`` gives the samples of ``source``.

    Raises:
        EnergyRecordError: if the windows are not those that the protocol takes.
    """
    header = source.record.header
    plan = header.plan
    if source.record.ended_early:
        plan = replace(plan, idle_s=0.0)
    runner = _PastRuns(header.runner, header.guarantees, meter.info)
    budget = _PastBudget(source.windows)
    nothing = Job(header.baseline.command, "")
    try:
        if header.candidate is None:
            return await measure_one(runner, meter, nothing, plan=plan, progress=progress, budget=budget)
        return await compare(
            runner,
            meter,
            nothing,
            Job(header.candidate.command, ""),
            plan=plan,
            seed=header.seed,
            progress=progress,
            budget=budget,
        )
    except MeasurementError as error:
        raise EnergyRecordError(f"{source.record.path}: cannot be replayed: {error}") from error


@dataclass(frozen=True, slots=True)
class _PastRuns:
    """A runner that starts nothing: what it would run was run when the record was made."""

    recorded: str
    guarantees: tuple[str, ...]
    meter: MeterInfo[Any]

    @property
    def name(self) -> str:
        return self.recorded

    async def run(self, job: Job) -> Completed:
        del job
        return Completed(0, b"", b"", wall_s=max(self.meter.window_s, 1e-9), cpu_s=0.0)


class _PastBudget(Budget):
    """Ends what the record ends: each phase with its last window."""

    def __init__(self, windows: Sequence[Window[Any]]) -> None:
        super().__init__()
        self._phases = [one.phase for one in windows]
        self._arms = [one.arm for one in windows]
        self._taken = 0

    async def rest(self, seconds: float) -> None:
        """Idle was recorded, too."""

    def spend(self, sample: EnergySample[Any], unseen_s: float = 0.0) -> None:
        """Follow where in the record the measurement is."""
        self._taken += 1

    def is_short_of_another(self) -> bool:
        """Whether the phase has no further window in the record."""
        return self._phases[self._taken :][:1] != self._phases[: self._taken][-1:]

    def is_warm_up_over(self) -> bool:
        """Whether the warm-up of this program has no further window in the record."""
        before, after = self._taken - 1, self._taken
        return self.is_short_of_another() or self._arms[before] is not self._arms[after]
