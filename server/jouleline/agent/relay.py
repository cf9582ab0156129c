"""Runs the agent in a scheduler's allocation, from where jobs are submitted, and passes its words on.

    python3 AGENT.pyz relay SCHEDULER OPTIONS LEASE_S JOB PREDECESSOR COMMAND...

Until the agent is heard it tells of the queue. When the connection ends, or nothing has been heard for
LEASE_S seconds, the job is taken back: nothing is left that would begin when nobody waits for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import BinaryIO

from .scheduler import Scheduler
from .slurm import Slurm

_SCHEDULERS: dict[str, Scheduler] = {one.name: one for one in (Slurm(),)}
_CHUNK_BYTES = 64 * 1024
_LOOK_S = 1.0
_END_PATIENCE_S = 10.0
_MOST_SAID = 64 * 1024


def main(arguments: list[str]) -> int:
    """Relay until either side ends; the exit code is the command's, or 1 where the scheduler ended it."""
    name, options, lease_s, job, predecessor, *command = arguments
    relay = Relay(_SCHEDULERS[name], job, float(lease_s))
    if predecessor:
        relay.take_back(predecessor)
    return relay.run([*_SCHEDULERS[name].command(job, json.loads(options)), *command])


class Relay:
    """One job and the two ends between which it stands."""

    def __init__(self, scheduler: Scheduler, job: str, lease_s: float) -> None:
        self._scheduler = scheduler
        self._job = job
        self._lease_s = lease_s
        self._heard_s = time.monotonic()
        self._left = threading.Event()
        self._speaking = threading.Event()
        self._ended = threading.Event()

    def run(self, command: list[str]) -> int:
        """Submit, and pass on what is said."""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: self._left.set())
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    start_new_session=True,
                )
            except OSError as error:
                return _say(
                    f"{command[0]} cannot be started: {error.strerror}; is this where jobs are submitted?"
                )
            assert process.stdin is not None
            assert process.stdout is not None
            for target, pipe in ((self._forth, process.stdin), (self._back, process.stdout)):
                threading.Thread(target=target, args=(pipe,), daemon=True).start()
            threading.Thread(target=self._tell, daemon=True).start()
            code = self._watch(process)
            said.seek(0)
            return self._why(code, said.read(_MOST_SAID).decode(errors="replace"))

    def _watch(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for the job's end, or bring it about when nobody is there any more."""
        while process.poll() is None:
            if self._left.wait(0.05) or time.monotonic() - self._heard_s > self._lease_s:
                if self._speaking.is_set():
                    # The agent has been told by now, or finds out itself as we did.
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_END_PATIENCE_S)
                self.take_back(self._job)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_PATIENCE_S)
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        self._ended.set()
        return process.wait()

    def take_back(self, job: str) -> None:
        """Cancel a job until the scheduler knows of none."""
        deadline = time.monotonic() + _END_PATIENCE_S
        while self._scheduler.waiting(job) and time.monotonic() < deadline:
            self._scheduler.cancel(job)
            time.sleep(0.1)

    def _forth(self, pipe: BinaryIO) -> None:
        with suppress(OSError, ValueError):
            while chunk := os.read(0, _CHUNK_BYTES):
                self._heard_s = time.monotonic()
                pipe.write(chunk)
                pipe.flush()
        with suppress(OSError, ValueError):
            pipe.close()
        self._left.set()

    def _back(self, pipe: BinaryIO) -> None:
        with suppress(OSError):
            while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
                self._speaking.set()
                while chunk:
                    chunk = chunk[os.write(1, chunk) :]

    def _tell(self) -> None:
        """Tell of the queue for as long as the agent is not heard."""
        last = ""
        while not self._speaking.is_set() and not self._ended.is_set():
            text = self._scheduler.waiting(self._job)
            if text and text != last and not self._speaking.is_set():
                os.write(1, json.dumps({"event": "queue", "text": text}).encode() + b"\n")
                last = text
            self._speaking.wait(_LOOK_S)

    def _why(self, code: int, said: str) -> int:
        if self._left.is_set():
            return code
        text = self._scheduler.ended(self._job) or self._scheduler.refused(said)
        if text:
            return _say(text)
        sys.stderr.write(said)
        return code


def _say(text: str) -> int:
    sys.stderr.write(f"jouleline: {text}\n")
    return 1
