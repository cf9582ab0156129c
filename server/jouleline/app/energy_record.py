"""The record of a measurement: one file that says all of it, written while it is made.

It is text, one JSON object a line: a header, a line for each window of the meter, and the figures with
the verdict at the end (docs/measuring.md). A run that is killed leaves all windows that it took.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Final

from jouleline import __version__
from jouleline.core.meter import MeterError, MeterInfo
from jouleline.core.ports import RunnerError

from .build import Built
from .measure_report import without_windows
from .measurement import MeasurementError, Plan, Window
from .record_lines import LineError, fields, line, parts, value

SCHEMA: Final = "jouleline/energy-record/1"

# What parallel runtimes read. An allow-list: the names of secrets cannot be enumerated.
_MATTERS: Final = re.compile(
    r"(OMP|GOMP|KMP)_\w+|(CUDA|HIP|ROCR|NVIDIA)_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|GPU_DEVICE_ORDINAL"
)
_SECRET: Final = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|AUTH|KEY")


class EnergyRecordError(ValueError):
    """A record cannot be written or read; the message says which, where in it, and why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A program that is measured: its folder as the user named it, how it was built, what runs it."""

    program: str
    build: str
    command: str
    args: str

    @classmethod
    def of(cls, program: str, built: Built) -> Subject:
        """The subject that was built from the folder ``program``."""
        workload = built.workload
        return cls(program, workload.build, workload.run_command(), workload.args)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a measurement is made: ``began`` is UTC, ``versions`` are those of jouleline, python, kernel, os.

    ``host`` is the processor, and ``environment`` holds the variables that change how programs run in
    parallel, and no others.
    """

    began: str
    host: str
    versions: Mapping[str, str]
    environment: Mapping[str, str]

    @classmethod
    def here(cls, host: str, environment: Mapping[str, str] | None = None) -> Surroundings:
        """Here and now; ``environment`` is ours unless said otherwise."""
        versions = {
            "python": platform.python_version(),
            "kernel": platform.release(),
            "os": platform.platform(terse=True),
        }
        return cls.now(host, versions, os.environ if environment is None else environment)

    @classmethod
    def now(cls, host: str, versions: Mapping[str, str], ours: Mapping[str, str]) -> Surroundings:
        """Now, on the machine with these ``versions``; of its environment ``ours``, what matters."""
        return cls(
            began=datetime.now(UTC).isoformat(timespec="seconds"),
            host=host,
            versions={"jouleline": __version__, **versions},
            environment={
                name: text
                for name, text in sorted(ours.items())
                if _MATTERS.fullmatch(name) and not _SECRET.search(name)
            },
        )


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: what was measured, how, and where. ``candidate`` is None for a single program."""

    surroundings: Surroundings
    meter: MeterInfo[Any]
    plan: Plan
    seed: int | None
    runner: str
    guarantees: tuple[str, ...]
    baseline: Subject
    candidate: Subject | None = None


@dataclass(frozen=True, slots=True)
class EnergyRecord:
    """A record as it was read.

    ``result`` is the document with the figures and the verdict, None if the measurement did not come
    that far: it failed, as ``failure`` says, or the file ``ended_early``.
    """

    path: Path
    header: Header
    windows: tuple[Window[Any], ...]
    result: Mapping[str, Any] | None = None
    failure: str = ""

    @property
    def ended_early(self) -> bool:
        """Whether the measurement was ended from outside before it had a result."""
        return self.result is None and not self.failure


@dataclass
class Recording:
    """A record that is being written; every line is in the file when its method returns."""

    path: Path
    _file: FileIO
    begun: bool = False

    def see(self, window: Window[Any], header: Callable[[], Header]) -> None:
        """Write a window that was taken, before the first one the header."""
        if not self.begun:
            self._write("header", {"schema": SCHEMA, **fields(header())})
            self.begun = True
        self._write("window", fields(window, Window[Any]))

    def finish(self, document: Mapping[str, Any]) -> None:
        """Write the figures and the verdict; ``document`` is that of the measurement or comparison."""
        self._write("result", {"document": without_windows(document)})

    def fail(self, reason: str) -> None:
        """Write why there will be no figures."""
        if self.begun:
            self._write("failure", {"reason": reason})

    def _write(self, kind: str, content: Mapping[str, Any]) -> None:
        data = line(kind, content)
        try:
            written = self._file.write(data)
        except OSError as error:
            raise EnergyRecordError(f"{self.path}: cannot be written: {error.strerror}") from error
        if written != len(data):
            raise EnergyRecordError(f"{self.path}: cannot be written: no space is left")


@contextmanager
def recording(path: Path) -> Iterator[Recording]:
    """Begin a record in a file that must not be there yet: what was measured is never written over.

    What ends the measurement within is written down. A file into which no window came is taken away again.

    Raises:
        EnergyRecordError: if the file is there, or cannot be made.
    """
    try:
        file = path.open("xb", buffering=0)
    except FileExistsError:
        raise EnergyRecordError(f"{path}: is there already; a record needs a new name") from None
    except OSError as error:
        raise EnergyRecordError(f"{path}: cannot be written: {error.strerror}") from error
    with file:
        record = Recording(path, file)
        try:
            yield record
        except (MeasurementError, MeterError, RunnerError) as error:
            record.fail(str(error))
            raise
        finally:
            if not record.begun:
                path.unlink(missing_ok=True)


def read_energy_record(path: Path) -> EnergyRecord:
    """Read a record; of one that ended early, all whole lines.

    Raises:
        EnergyRecordError: if it cannot be read or is damaged; the message names the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EnergyRecordError(f"{path}: cannot be read: {error.strerror}") from error
    # A killed run may leave half a line, which never ends with a line's end.
    whole, _, _ = data.rpartition(b"\n")
    reader = _Reader(path)
    for number, text in enumerate(whole.split(b"\n"), start=1):
        try:
            reader.take(text)
        except LineError as error:
            raise EnergyRecordError(f"{path}:{number}: {error}") from error
    return reader.record()


@dataclass
class _Reader:
    path: Path
    header: Header | None = None
    windows: list[Window[Any]] = field(default_factory=list)
    result: Mapping[str, Any] | None = None
    failure: str = ""

    def take(self, text: bytes) -> None:
        kind, content = parts(text) if text or self.header else ("", {})
        if self.header is None:
            self.header = _header(kind, content)
            return
        if self.result is not None or self.failure:
            raise LineError("follows the line that ends a record")
        match kind:
            case "window":
                self.windows.append(self._window(content))
            case "result":
                self.result = value(content, _Result).document
            case "failure":
                self.failure = value(content, _Failure).reason or "it failed"
            case _:
                raise LineError(f'a line of the kind "{kind}" has no place here')

    def _window(self, content: Mapping[str, Any]) -> Window[Any]:
        assert self.header is not None
        window: Window[Any] = value(content, Window[Any])
        meter = self.header.meter
        if window.sample.origin is not meter.origin:
            word = window.sample.origin.word
            raise LineError(f"its joules are {word}, those of the meter {meter.origin.word}")
        return window

    def record(self) -> EnergyRecord:
        assert self.header is not None
        return EnergyRecord(self.path, self.header, tuple(self.windows), self.result, self.failure)


@dataclass(frozen=True, slots=True)
class _Result:
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str


def _header(kind: str, content: dict[str, Any]) -> Header:
    schema = content.pop("schema", None)
    if kind != "header" or schema != SCHEMA:
        found = f"its schema is {schema!r}" if schema else "its first line is no header"
        raise LineError(f"is no energy record that this version reads ({SCHEMA}): {found}")
    return value(content, Header)
