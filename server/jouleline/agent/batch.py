"""Runs a command in a batch job with its input and output joined to ours, as srun does in Slurm.

    python3 AGENT.pyz batch SCHEDULER JOB WANTED COMMAND...

For schedulers that do this for nobody without a terminal, or not well. The job calls back (:mod:`.callback`).
Ends when the job does; when our input ends, so does that of the command, or a job that waits is taken back.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jouleline.core.ports import RunnerError
from jouleline.runners.environment import job_environment

from .callback import Host
from .scheduler import BatchScheduler, Wanted, not_started, say, take_back
from .schedulers import BATCH
from .session import session

_CHUNK_BYTES = 64 * 1024
_MOST_SAID = 64 * 1024
_LOOK_S = 1.0
_LONGEST_LOOK_S = 15.0
# A busy scheduler may not know at once of what it took a moment ago; one that is restarted knows nothing.
_MISSED_LOOKS = 3
_MISSED_LOOKS_BEFORE_IT_RAN = 90
_SETTLING_S = 10.0
# What the job's own surroundings say better, and what the agent reads beside what jobs see.
_OF_ANOTHER_MACHINE = ("HOME", "TMPDIR")
_OF_THE_AGENT = ("XDG_STATE_HOME",)


def main(arguments: list[str]) -> int:
    """Serve until the job ends; the exit code is 0 if there was one that called back."""
    name, job, wanted, *command = arguments
    folder = Path(sys.argv[0]).resolve().parent / "jobs"
    try:
        with session(folder, job.rpartition("-")[2]) as place:
            return Batch(BATCH[name], job, place).run(Wanted(**json.loads(wanted)), command)
    except (RunnerError, OSError) as error:
        return say(str(error))


class Batch:
    """One job, with its files in ``place``, which the nodes see too."""

    def __init__(self, scheduler: BatchScheduler, job: str, place: Path) -> None:
        self._scheduler = scheduler
        self._job = job
        self._place = place
        self._left = threading.Event()

    def run(self, wanted: Wanted, command: Sequence[str]) -> int:
        """Submit, wait to be called, and pass on what is said."""
        host = Host()
        signal.signal(signal.SIGTERM, lambda *_: self._leave(host))
        try:
            invitation, script, log = (self._place / one for one in ("call", "script", "log"))
            invitation.write_text(host.invitation(), encoding="ascii")
            script.write_text(_script(self._place / "said", [sys.argv[0], "call", str(invitation), *command]))
            if not self._submitted(self._scheduler.submission(self._job, wanted, script, log)):
                return 1
            threading.Thread(target=self._forth, args=(host,), daemon=True).start()
            self._wait(host)
            invitation.unlink(missing_ok=True)
            if host.caller is not None:
                if self._left.is_set():
                    self._leave(host)
                _back(host.caller)
        finally:
            host.close()
        self._settle()
        return 0 if host.caller is not None else 1

    def _submitted(self, submission: list[str]) -> bool:
        try:
            done = subprocess.run(submission, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        except OSError as error:
            say(not_started(submission[0], error))
            return False
        if done.returncode:
            sys.stderr.write(done.stdout.decode(errors="replace"))
        return done.returncode == 0

    def _wait(self, host: Host) -> None:
        """Until the job calls, has ended without, or nobody is there any more."""
        missed, look_s, next_look_s = 0, _LOOK_S, time.monotonic() + _LOOK_S
        while not host.called.wait(0.05):
            if self._left.is_set():
                take_back(self._scheduler, self._job)
                return
            if time.monotonic() < next_look_s:
                continue
            missed = 0 if self._scheduler.waiting(self._job) else missed + 1
            ran = (self._place / "said").exists()
            if missed >= (_MISSED_LOOKS if ran else _MISSED_LOOKS_BEFORE_IT_RAN):
                return
            look_s = _LOOK_S if missed else min(1.2 * look_s, _LONGEST_LOOK_S)
            next_look_s = time.monotonic() + look_s

    def _forth(self, host: Host) -> None:
        while chunk := os.read(0, _CHUNK_BYTES):
            host.called.wait()
            assert host.caller is not None
            try:
                host.caller.sendall(chunk)
            except OSError:
                return  # who reads the other way finds out
        self._leave(host)

    def _leave(self, host: Host) -> None:
        """Let the other end know that nothing more will come; what it says is still heard."""
        self._left.set()
        if host.caller is not None:
            with suppress(OSError):
                host.caller.shutdown(socket.SHUT_WR)

    def _settle(self) -> None:
        """Wait until the scheduler has noted the job's end, and say what was said there."""
        deadline = time.monotonic() + _SETTLING_S
        while self._scheduler.waiting(self._job) and time.monotonic() < deadline:
            time.sleep(0.1)
        for name in ("said", "log"):
            with suppress(OSError), (self._place / name).open("rb") as file:
                sys.stderr.write(file.read(_MOST_SAID).decode(errors="replace"))
        sys.stderr.flush()


def _script(said: Path, words: Sequence[str]) -> str:
    """What the job runs, in what surrounds us as far as jobs are to see it."""
    surroundings = job_environment(os.environ, "", {})
    surroundings |= {name: os.environ[name] for name in _OF_THE_AGENT if name in os.environ}
    exports = [
        f"export {name}={shlex.quote(value)}"
        for name, value in surroundings.items()
        if name not in _OF_ANOTHER_MACHINE
    ]
    quiet = f"exec >>{shlex.quote(str(said))} 2>&1"
    start = " ".join(map(shlex.quote, [sys.executable, *words]))
    return "\n".join(["#!/bin/sh", quiet, *exports, f"exec {start}", ""])


def _back(caller: socket.socket) -> None:
    with suppress(OSError):
        while chunk := caller.recv(_CHUNK_BYTES):
            while chunk:
                chunk = chunk[os.write(1, chunk) :]
    caller.close()
