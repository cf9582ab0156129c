"""A run of the loop in a process of its own, which may outlive whoever asked for it.

All that is known of it lies in its record's folder, so that a server that was started later finds it:

    job.json       what was asked: of which program, where it runs, whether it outlives the editor
    texts.json     the texts that are refactored, which an editor may not have saved
    process.json   the process, which holds a lock on this file for as long as it lives
    step.json      where it is, or why it could not be done
    process.log    what the process wrote to standard error: nothing unless something is wrong with it
    told           somebody has heard what became of it, and it has no result
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, Final

from jouleline.core.workload import Workload

from .file_lock import held, is_held
from .history import HistoryError, PastRun, run_in
from .journal import EVENTS_FILE, identity
from .outcome import Step
from .program import Program
from .record import RESULT_FILE, new_record

SCHEMA: Final = "jouleline/job/1"
LOG_FILE: Final = "process.log"
_JOB_FILE: Final = "job.json"
_TEXTS_FILE: Final = "texts.json"
_PROCESS_FILE: Final = "process.json"
_STEP_FILE: Final = "step.json"
_TOLD_FILE: Final = "told"
_FOLLOWED_FILE: Final = "followed"
_OURS: Final = (
    _JOB_FILE, _TEXTS_FILE, _PROCESS_FILE, _STEP_FILE, _TOLD_FILE, _FOLLOWED_FILE, LOG_FILE
)  # fmt: skip


class DetachedRunError(ValueError):
    """A run that cannot be read, or not be ended from here; the message says which and why."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a run is: the newest step, and ``problem`` if it could not be done."""

    step: Step | None = None
    problem: str = ""


@dataclass(frozen=True)
class DetachedRun:
    """One such run. ``name`` is what its user calls it, ``root`` is the program's folder.

    ``target`` is the machine where programs run, empty for this one. It ``outlives`` the editor, or else
    ends with it.
    """

    folder: Path
    name: str
    root: Path
    target: str = ""
    outlives: bool = False

    @property
    def title(self) -> str:
        """What is being done, in words."""
        return f"Refactoring {self.name} for energy" + (f" on {self.target}" if self.target else "")

    @property
    def alive(self) -> bool:
        """Whether its process lives; another that got its number is never taken for it."""
        return is_held(self.folder / _PROCESS_FILE)

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return (self.folder / RESULT_FILE).exists()

    @property
    def past(self) -> PastRun | None:
        """What its log tells; None before the baseline was run."""
        return run_in(self.folder)

    @property
    def state(self) -> State:
        """Where it is."""
        try:
            raw = json.loads((self.folder / _STEP_FILE).read_text("utf-8"))
            step = Step(**raw["step"]) if raw["step"] is not None else None
            return State(step, str(raw["problem"]))
        except (OSError, ValueError, LookupError, TypeError):
            return State()

    @property
    def last_words(self) -> str:
        """The last line that its process wrote to standard error."""
        try:
            text = (self.folder / LOG_FILE).read_text("utf-8", "replace")
        except OSError:
            return ""
        return text.strip().rpartition("\n")[2]

    def program(self) -> Program:
        """The program as it was when the run was asked for.

        Raises:
            DetachedRunError: if its texts cannot be read.
        """
        try:
            raw = json.loads((self.folder / _TEXTS_FILE).read_text("utf-8"))
            files = {str(name): _bytes(text) for name, text in raw["files"].items()}
            return Program(self.root, files, makefile=str(raw["makefile"]))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise DetachedRunError(f"{self.folder / _TEXTS_FILE}: cannot be read: {error}") from error

    # What its own process writes

    def begin(self) -> FileIO:
        """A file that marks a process as the run's for as long as it lives, once :meth:`mark` told which.

        Raises:
            DetachedRunError: if the run has a process.
        """
        file = None if self.alive else held(_new(self.folder / _PROCESS_FILE))
        if file is None:
            raise DetachedRunError(f"{self.folder.name}: is under way already")
        return file

    def mark(self, file: FileIO) -> None:
        """Tell which process it is. Whoever sees the mark sees it locked: it has its name only now."""
        path = self.folder / _PROCESS_FILE
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        _new(path).replace(path)

    def tell(self, step: Step | None, problem: str = "") -> None:
        """Say where it is, or why it cannot be done."""
        _write(
            self.folder / _STEP_FILE, {"step": asdict(step) if step is not None else None, "problem": problem}
        )

    # What those do who follow it

    def follow(self) -> FileIO | None:
        """Be the one who follows it, until the file is closed; None if somebody does."""
        try:
            return held(self.folder / _FOLLOWED_FILE)
        except OSError:
            return None

    @property
    def told(self) -> bool:
        """Whether somebody has heard what became of it."""
        return (self.folder / _TOLD_FILE).exists()

    def mark_told(self) -> None:
        """Somebody has heard what became of it. A result leaves an ordinary record behind."""
        with suppress(OSError):
            if not self.finished:
                (self.folder / _TOLD_FILE).touch()
                return
            for name in _OURS:
                (self.folder / name).unlink(missing_ok=True)

    def mark_untold(self) -> None:
        """It goes on."""
        (self.folder / _TOLD_FILE).unlink(missing_ok=True)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Have it end, with all that it started.

        Raises:
            DetachedRunError: if it runs on another host, which shares this home.
        """
        try:
            process = json.loads((self.folder / _PROCESS_FILE).read_text("utf-8"))
            pid, host = int(process["pid"]), str(process["host"])
        except (OSError, ValueError, LookupError, TypeError):
            return  # it has no process yet, or none of ours
        if not self.alive:
            return
        if host != socket.gethostname():
            raise DetachedRunError(f"{self.title}: its process runs on {host}, and can be ended there only")
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def drop_if_nothing_was_found(self) -> None:
        """A run that ended before anything was logged leaves no folder behind."""
        events = self.folder / EVENTS_FILE
        if not events.exists() or events.stat().st_size == 0:
            shutil.rmtree(self.folder, ignore_errors=True)


def detach(records: Path, program: Program, name: str, target: str, *, outlives: bool) -> DetachedRun:
    """A run that has a folder, and no process yet.

    Raises:
        OSError: if nothing can be kept there.
    """
    root = program.root.absolute()
    return _kept(DetachedRun(new_record(records, root.name), name, root, target, outlives), program)


def adopt(past: PastRun, program: Program, target: str, *, outlives: bool) -> DetachedRun:
    """The same for a run that a command line began and did not end.

    Raises:
        OSError: if nothing can be kept there.
    """
    root = Path(past.program)
    return _kept(DetachedRun(past.folder, root.name, root, target, outlives), program)


def lasting(run: DetachedRun, *, outlives: bool) -> DetachedRun:
    """The same run, for an editor that it outlives or not."""
    if run.outlives == outlives:
        return run
    run = replace(run, outlives=outlives)
    _describe(run)
    return run


def _kept(run: DetachedRun, program: Program) -> DetachedRun:
    files = {name: data.decode("utf-8", "surrogateescape") for name, data in program.files.items()}
    _write(run.folder / _TEXTS_FILE, {"files": files, "makefile": program.makefile})
    _describe(run)
    return run


def _describe(run: DetachedRun) -> None:
    fields = {**asdict(run), "root": str(run.root)}
    del fields["folder"]
    _write(run.folder / _JOB_FILE, {"schema": SCHEMA, **fields})


def detached_run(folder: Path) -> DetachedRun | None:
    """The run that lies in a folder; None if there is none, as of a command line's runs."""
    try:
        raw = json.loads((folder / _JOB_FILE).read_text("utf-8"))
        if raw["schema"] != SCHEMA:
            return None
        return DetachedRun(
            folder, str(raw["name"]), Path(raw["root"]), str(raw["target"]), raw["outlives"] is True
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def detached_runs(records: Path) -> Iterator[DetachedRun]:
    """All that lie below a folder, the oldest first."""
    folders = sorted(records.iterdir()) if records.is_dir() else []
    return (run for folder in folders if (run := detached_run(folder)) is not None)


def see_that_it_is_the_same(past: PastRun | None, program: Program, workload: Workload) -> None:
    """See that a run that goes on is still of the same program and workload.

    Raises:
        HistoryError: if it is not.
    """
    if past is not None and past.identity != identity(program, workload):
        raise HistoryError("the program or its workload changed since the run began")


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _write(path: Path, document: dict[str, Any]) -> None:
    """As a whole or not at all: others read it at any time."""
    new = _new(path)
    new.write_text(json.dumps(document), "utf-8")
    new.replace(path)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
