"""The loop: build and run the baseline, propose, verify, measure, improve the best, and return an edit.

The user's tree is only read. Everything is built and run in copies, and what was found is kept in
a record folder whatever becomes of the edit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from jouleline.core.meter import MeterError
from jouleline.core.ports import Availability, RunnerError
from jouleline.core.workload import Workload

from .build import BuildError
from .energy_record import EnergyRecordError
from .journal import EVENTS_FILE, Journal, JournalError
from .loop import Loop
from .measure import MeasurementError
from .outcome import Attempt, Outcome, Step, Task, Tools
from .program import Program, launches_kernels, needs_gpu
from .record import new_record
from .verify import BaselineError

__all__ = ["Attempt", "Outcome", "RefactorError", "Report", "Step", "Tools", "refactor"]


_FAILURES: Final = (
    BaselineError, EnergyRecordError, JournalError, MeasurementError, MeterError, RunnerError
)  # fmt: skip


class RefactorError(RuntimeError):
    """The loop could not be run; the message says why and what to do."""


Report = Callable[[Step], None]


async def refactor(
    program: Program,
    workload: Workload,
    tools: Tools,
    progress: Report | None = None,
    *,
    record: Path | None = None,
) -> Outcome:
    """Find a verified candidate that uses less energy than the program does now.

    ``record`` is the folder of an earlier run of the same program that did not end: what it paid for
    is not paid for again.

    Raises:
        RefactorError: if the baseline cannot be built, run or measured, or the record is of no use.
    """
    if note := _gpu_note(program, tools):
        tools = replace(tools, notes=(*tools.notes, note))
    try:
        folder = record or new_record(tools.records, program.root.absolute().name)
        journal = Journal(folder / EVENTS_FILE)
    except OSError as error:
        raise RefactorError(f"{tools.records}: records cannot be kept here: {error.strerror}") from error
    except JournalError as error:
        raise RefactorError(str(error)) from error
    try:
        task = Task(program, workload, tools, folder)
        return await _refactored(task, progress or (lambda _: None), journal)
    except OSError as error:  # such as a disk that is full
        raise RefactorError(f"{error.filename or folder}: {error.strerror or error}") from error
    finally:
        journal.close()
        for model in (tools.model, tools.judge):
            if model is not None:
                await model.aclose()
        with suppress(OSError):
            _drop_if_nothing_was_found(folder)


def _drop_if_nothing_was_found(folder: Path) -> None:
    """A run that ended before anything was logged leaves no folder behind."""
    events = folder / EVENTS_FILE
    if events.stat().st_size == 0 and len(list(folder.iterdir())) == 1:
        events.unlink()
        folder.rmdir()


async def _refactored(task: Task, tell: Report, journal: Journal) -> Outcome:
    tools = task.tools
    if tools.scratch is not None:
        tools.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="jouleline-", dir=tools.scratch, ignore_cleanup_errors=True
    ) as scratch:
        try:
            return await Loop(task, tell, Path(scratch), journal).run()
        except BuildError as error:
            raise RefactorError(f"the baseline does not build: {error}") from error
        except _FAILURES as error:
            raise RefactorError(str(error)) from error


def _gpu_note(program: Program, tools: Tools) -> str:
    """What a user has to know of a program for GPUs whose GPU is not seen; empty where there is nothing."""
    if tools.gpu_measured:
        return ""
    gpu_answers = tools.gpu is not None and tools.gpu.availability is not Availability.MISSING
    if needs_gpu(program) and tools.gpu is not None and not gpu_answers:
        return f"the program's sources hold GPU kernels, which did not run: {tools.gpu.detail}"
    if needs_gpu(program) or (gpu_answers and launches_kernels(program)):
        return "the program launches GPU kernels; the GPU's energy is not in these figures"
    return ""
