"""The runs that were kept: which there are, how they ended, and which could be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .file_lock import is_held
from .journal import EVENTS_FILE, JournalError, read_events
from .record import RESULT_FILE


class HistoryError(ValueError):
    """A run that cannot be found or read; the message says which and what to do."""


@dataclass(frozen=True)
class PastRun:
    """One run of the loop, as its log tells it.

    ``identity`` is a key for all that the program and its workload were, and ``started`` is UTC in ISO 8601.
    ``headline`` is empty for a run that did not end.
    """

    folder: Path
    program: str
    identity: str
    started: str
    ended: bool
    improved: bool = False
    headline: str = ""

    @property
    def name(self) -> str:
        """The folder's name, by which a run is shown or resumed."""
        return self.folder.name

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return (self.folder / RESULT_FILE).exists()

    @property
    def under_way(self) -> bool:
        """Whether a process works on it now."""
        return not self.ended and is_held(self.folder / EVENTS_FILE)


def past_runs(records: Path) -> list[PastRun]:
    """All runs below a folder, the newest first; what is no run is passed over."""
    found = list(_found(records)) if records.is_dir() else []
    return sorted(found, key=lambda run: run.started, reverse=True)


def _found(records: Path) -> Iterator[PastRun]:
    for folder in records.iterdir():
        if run := run_in(folder):
            yield run


def run_in(folder: Path) -> PastRun | None:
    """The run whose record a folder is; None if it is none, or nothing has been logged of it yet."""
    try:
        return _run(folder, read_events(folder / EVENTS_FILE))
    except (OSError, JournalError):
        return None


def _run(folder: Path, events: list[dict[str, Any]]) -> PastRun | None:
    starts = [event for event in events if event["kind"] == "start"]
    ends = [event for event in events if event["kind"] == "end"]
    if not starts:
        return None
    start = starts[-1]
    return PastRun(
        folder=folder,
        program=str(start.get("program", "")),
        identity=str(start.get("identity", "")),
        started=str(starts[0].get("time", "")),
        ended=bool(ends),
        improved=bool(ends and ends[-1].get("improved")),
        headline=str(ends[-1].get("headline", "")) if ends else "",
    )


def named_run(records: Path, name: str) -> PastRun:
    """The run of this name, or of the only one that begins so; ``last`` is the newest.

    Raises:
        HistoryError: if there is none, or several.
    """
    runs = past_runs(records)
    meant = runs[:1] if name == "last" else [run for run in runs if run.name.startswith(name)]
    if len(meant) == 1:
        return meant[0]
    how_many = "no run" if not meant else f"{len(meant)} runs"
    raise HistoryError(f"{how_many} called {name!r} in {records}: `jouleline history` lists all")


def resumable(records: Path, program: Path, identity: str) -> PastRun | None:
    """The newest run left unfinished, of the program in a folder as it is now; None if there is none.

    One that a process works on is not left, and a copy of the program elsewhere is another program, whose
    run may be somebody's who wants it left alone.
    """
    place = str(program.absolute())
    runs = (run for run in past_runs(records) if run.identity == identity and run.program == place)
    return next((run for run in runs if not run.ended and not run.under_way), None)


def result_of(run: PastRun) -> dict[str, Any] | None:
    """The document ``jouleline/refactor/1`` of a run; None if it did not end.

    Raises:
        HistoryError: if it cannot be read.
    """
    return read_result(run.folder)


def read_result(folder: Path) -> dict[str, Any] | None:
    """The same for the run whose record a folder is.

    Raises:
        HistoryError: if it cannot be read.
    """
    path = folder / RESULT_FILE
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise HistoryError(f"{path}: cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise HistoryError(f"{path}: is no result of a run")
    return document
