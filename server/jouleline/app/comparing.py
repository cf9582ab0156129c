"""Comparing a candidate with its baseline, every window recorded in a file as it ends."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from .build import Built
from .energy_record import EnergyRecordError, Header, Subject, read_energy_record, recording
from .energy_replay import replay, replayable
from .measure import EnergyComparison, Report, compare
from .measure_report import comparison_json
from .outcome import ReplayMeterOf, Tools
from .record import energy_file


async def recorded_comparison(
    tools: Tools, subjects: tuple[str, str], programs: tuple[Built, Built], path: Path, report: Report
) -> EnergyComparison[Any]:
    """Compare two programs, baseline first; ``subjects`` name them in the record at ``path``.

    Raises:
        EnergyRecordError: if the record cannot be written.
        MeasurementError, MeterError, RunnerError: as :func:`compare`.
    """
    seed = secrets.randbits(32)
    baseline, candidate = programs

    def header() -> Header:
        return Header(
            surroundings=tools.surroundings_now,
            meter=tools.meter.info,
            plan=tools.plan,
            seed=seed,
            runner=tools.runner.name,
            guarantees=tools.runner.guarantees,
            baseline=Subject.of(subjects[0], baseline),
            candidate=Subject.of(subjects[1], candidate),
        )

    with recording(path) as record:
        result = await compare(
            tools.runner,
            tools.meter,
            baseline.job(),
            candidate.job(),
            plan=tools.plan,
            seed=seed,
            turn=tools.turn,
            progress=report,
            observe=lambda window: record.see(window, header),
        )
        record.finish(comparison_json(result))
    return result


def unused(folder: Path, name: str) -> Path:
    """The file for a comparison's windows; a run that was killed may have left one that is not whole."""
    names = (name, *(f"{name}-try-{count}" for count in range(2, 1000)))
    return next(path for one in names if not (path := folder / energy_file(one)).exists())


async def replayed(path: Path, replay_meter: ReplayMeterOf) -> EnergyComparison[Any]:
    """The comparison that was recorded, worked out anew from its windows.

    Raises:
        EnergyRecordError: if the record cannot be read, or holds no comparison.
    """
    source = replayable(read_energy_record(path))
    result = await replay(source, replay_meter(source))
    if not isinstance(result, EnergyComparison):
        raise EnergyRecordError(f"{path}: holds no comparison; run without --resume")
    # The same measurement goes on, so its figures are those of its own meter.
    return replace(result, comparison=replace(result.comparison, meter=source.record.header.meter))
