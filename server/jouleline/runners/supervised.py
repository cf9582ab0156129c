"""Running a command under the supervisor: what every runner on this machine shares."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from jouleline.core.ports import Completed, Job, Limits, RunnerError, StopReason

from .memory import allotted_bytes

WATCHED: Final = (
    "it is stopped when it goes over its limits on time, output, memory, processes, disk or number of files"
)
"""What every runner that lets a job out of nobody's sight can guarantee, in words for the user."""

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_CHUNK_BYTES = 64 * 1024
# Longer than the supervisor's own patience with what it kills.
_END_PATIENCE_S = 35.0
_SIGNAL_BASE = 128
_MEMORY_SHARE = 0.75
_REASONS = {
    "time": StopReason.TIME,
    "cpu": StopReason.CPU,
    "memory": StopReason.MEMORY,
    "tasks": StopReason.TASKS,
    "disk": StopReason.DISK,
    "files": StopReason.FILES,
}


async def run_supervised(
    job: Job, prefix: Sequence[str], environment: Mapping[str, str], scratch: str
) -> Completed:
    """Run ``prefix`` and then ``sh -c`` with the job's command, in its own session.

    ``environment`` is the whole environment; ``scratch`` is the job's private folder, which the caller
    makes and removes, unless the caller dies first. When this returns or raises, no process of the job
    is left.

    A job ended by a signal has the exit code that a shell would give it, 128 + the signal's number;
    and because a shell in between reports a crash only by that code, such a code is read as a signal.

    Raises:
        RunnerError: when the command could not be started or its processes could not be ended.
    """
    supervised = _Supervised(job, prefix, environment, scratch)
    attending = asyncio.ensure_future(supervised.attend())
    try:
        cancelled = await _until_done(attending, supervised.abandon)
    finally:
        supervised.abandon()
        attending.cancel()
    if cancelled is not None:
        raise cancelled
    return attending.result()


async def _until_done(
    task: asyncio.Task[Completed], abandon: Callable[[], None]
) -> asyncio.CancelledError | None:
    """Wait for the task even when cancelled, once or more: its job must have ended by then."""
    loop = asyncio.get_running_loop()
    cancelled: asyncio.CancelledError | None = None
    deadline: float | None = None
    while not task.done():
        try:
            done, _ = await asyncio.wait({task}, timeout=deadline and max(deadline - loop.time(), 0.0))
        except asyncio.CancelledError as error:
            cancelled = error
            deadline = deadline or loop.time() + _END_PATIENCE_S
            abandon()
            continue
        if not done:
            break
    return cancelled


class _Supervised:
    """A supervisor process, the pipes to it, and what was read from them.

    Not asyncio's own subprocess: closing its transport kills the supervisor before that can kill the
    job. Here every way out, our own death included, closes the lifeline and leaves the rest to it.
    """

    def __init__(self, job: Job, prefix: Sequence[str], environment: Mapping[str, str], scratch: str) -> None:
        if not Path(job.directory).is_dir():
            raise RunnerError(f"cannot run in {job.directory}: it is not a folder; name the program's folder")
        limits = job.limits
        self._room = limits.output_bytes
        self._full = False
        self._stdout = bytearray()
        self._stderr = bytearray()
        reader, writer = os.pipe()
        self._report = os.fdopen(reader, "rb", buffering=0)
        arguments = [str(writer), _words(limits), job.directory, scratch]
        command = [*prefix, "/bin/sh", "-c", job.command]
        try:
            # Its own session: a Ctrl-C at the terminal reaches us alone, and we end the job in order.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISOR), *arguments, *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                env=dict(environment), pass_fds=(writer,), start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            self._report.close()
            raise RunnerError(f"cannot start a process here: {error}") from error
        finally:
            os.close(writer)

    def abandon(self) -> None:
        """Have the job's whole tree ended; nothing if it has ended already."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def attend(self) -> Completed:
        """Read what the job writes until it and all its processes have ended."""
        report = bytearray()

        def keep(kept: bytearray, chunk: bytes) -> None:
            kept += chunk[: self._room]
            self._full = self._full or len(chunk) > self._room
            self._room -= min(len(chunk), self._room)
            if self._full:
                self.abandon()

        assert self._process.stdout is not None
        assert self._process.stderr is not None
        await asyncio.gather(
            _read(self._process.stdout, lambda chunk: keep(self._stdout, chunk)),
            _read(self._process.stderr, lambda chunk: keep(self._stderr, chunk)),
            _read(self._report, report.extend),
        )
        # The report's end is the supervisor's own: this does not block the loop.
        self._process.wait()
        return self._completed(bytes(report))

    def _completed(self, report: bytes) -> Completed:
        if not report:
            detail = self._stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise RunnerError(f"the process that watches over the job failed: {detail or 'it was killed'}")
        ending: dict[str, Any] = json.loads(report)
        if ending["survivors"]:
            raise RunnerError(
                f"{ending['survivors']} process(es) of the job could not be ended, perhaps because they "
                "run as another user; end them by hand"
            )
        stopped = _REASONS.get(ending["stopped"])
        exit_code = os.waitstatus_to_exitcode(ending["status"])
        if exit_code < 0:
            exit_code = _SIGNAL_BASE - exit_code
        return Completed(
            exit_code=exit_code,
            stdout=bytes(self._stdout),
            stderr=bytes(self._stderr),
            wall_s=ending["wall_s"],
            cpu_s=ending["cpu_s"],
            stopped=StopReason.OUTPUT if self._full else stopped,
            signal=_signal_name(exit_code),
        )


def _words(limits: Limits) -> str:
    """Limits as the supervisor reads them; without one on memory, three quarters of what is ours."""
    values = {
        "wall_s": limits.wall_s,
        "cpu_s": limits.cpu_s,
        "file_bytes": limits.file_bytes,
        "memory_bytes": limits.memory_bytes or int(_MEMORY_SHARE * allotted_bytes()),
        "tasks": limits.tasks,
        "disk_bytes": limits.disk_bytes,
        "files": limits.files,
    }
    return " ".join(f"{name}={value!r}" for name, value in values.items() if value is not None)


async def _read(pipe: IO[bytes], take: Callable[[bytes], None]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            take(chunk)
    finally:
        transport.close()


def _signal_name(exit_code: int) -> str | None:
    try:
        return signal.Signals(exit_code - _SIGNAL_BASE).name
    except ValueError:
        return None
