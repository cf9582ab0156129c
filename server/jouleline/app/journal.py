"""The event log of a run: everything that happened, in order, and what was paid for, to be had again.

A line of JSON an event, only ever appended, so that a run that is killed loses at most the line it was
writing. Results that cost something (a verdict, a measurement) are logged under a key made of all they
follow from; a run that is resumed finds them there in place of paying twice.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jouleline.core.content_key import content_key
from jouleline.core.workload import Workload

from .file_lock import held
from .program import Program

SCHEMA: Final = "jouleline/event/1"
EVENTS_FILE: Final = "events.jsonl"


class JournalError(ValueError):
    """A log that cannot be read; the message names the file and line."""


class Journal:
    """One run's log in its record folder."""

    def __init__(self, path: Path) -> None:
        """Open a log to go on with it; a new one if there is none.

        Raises:
            JournalError: if the file is no log of ours, or a run that is under way writes it.
            OSError: if it cannot be read or written.
        """
        self._path = path
        self._kept: dict[tuple[str, str], Any] = {}
        file = held(path)
        if file is None:
            raise JournalError(f"{path}: a run that is under way writes this log; wait for its end")
        self._file = file
        try:
            whole = _whole_lines(path.read_bytes())
            events = _events(path, whole)
        except (OSError, JournalError):
            self._file.close()
            raise
        for event in events:
            if isinstance(event.get("key"), str) and "result" in event:
                self._kept[event["kind"], event["key"]] = event["result"]
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        self.reused = 0
        """How many results were found in the log."""

    def note(self, kind: str, **data: object) -> None:
        """Append an event. ``data`` is JSON and holds no secret."""
        event = {"schema": SCHEMA, "time": datetime.now(UTC).isoformat(), "kind": kind, **data}
        self._file.write(json.dumps(event).encode() + b"\n")

    async def once(self, kind: str, key: str, produce: Callable[[], Awaitable[Any]]) -> Any:
        """The result that was logged under this kind and key, else a new one, which is logged."""
        if (kind, key) in self._kept:
            self.reused += 1
            return self._kept[kind, key]
        result = await produce()
        self.note(kind, key=key, result=result)
        self._kept[kind, key] = result
        return result

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """All events of a run, in order; a line that was cut off at the end is left out.

    Raises:
        JournalError: if the file is no log of ours.
        OSError: if it cannot be read.
    """
    return _events(path, _whole_lines(path.read_bytes()))


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _events(path: Path, data: bytes) -> list[dict[str, Any]]:
    events = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or event.get("schema") != SCHEMA or "kind" not in event:
            raise JournalError(f"{path}, line {number}: is no event of a run of Jouleline")
        events.append(event)
    return events


def files_key(files: Mapping[str, bytes]) -> str:
    """A key for the contents of some files, whatever their order."""
    parts = [part for name in sorted(files) for part in (name, files[name])]
    return content_key("files/1", *parts)


def identity(program: Program, workload: Workload) -> str:
    """A key for all that a program and its workload are: runs of the same can share what they paid for."""
    return content_key("program/1", files_key(program.files), repr(workload))
