"""Runs the agent in a scheduler's allocation, from where jobs are submitted, and passes its words on.

    python3 AGENT.pyz relay SCHEDULER WANTED LEASE_S JOB PREDECESSOR COMMAND...

Until the agent is heard it tells of the queue. When the connection ends, or nothing has been heard for
LEASE_S seconds, or the job has waited as long as it may, it is taken back: nothing is left that would begin
when nobody waits for it.
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

from .scheduler import Scheduler, Wanted, not_started, say, take_back
from .schedulers import SCHEDULERS

_CHUNK_BYTES = 64 * 1024
_LOOK_S = 1.0
_LONGEST_LOOK_S = 15.0
_END_PATIENCE_S = 10.0
_MOST_SAID = 64 * 1024


def main(arguments: list[str]) -> int:
    """Relay until either side ends; the exit code is the command's, or 1 where the scheduler ended it."""
    name, words, lease_s, job, predecessor, *command = arguments
    scheduler, wanted = SCHEDULERS[name], Wanted(**json.loads(words))
    if predecessor:
        take_back(scheduler, predecessor)
    relay = Relay(scheduler, job, float(lease_s), wanted.wait_minutes)
    return relay.run([*scheduler.command(job, wanted), *command])


class Relay:
    """One job and the two ends between which it stands."""

    def __init__(self, scheduler: Scheduler, job: str, lease_s: float, wait_minutes: int | None) -> None:
        self._scheduler = scheduler
        self._job = job
        self._lease_s = lease_s
        self._wait_minutes = wait_minutes
        self._begun_s = time.monotonic()
        self._heard_s = self._begun_s
        self._told = ""
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
                return say(not_started(command[0], error))
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
            if self._left.wait(0.05) or self._is_late():
                if self._speaking.is_set():
                    # The agent has been told by now, or finds out itself as we did.
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_END_PATIENCE_S)
                take_back(self._scheduler, self._job)
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_PATIENCE_S)
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        self._ended.set()
        return process.wait()

    def _is_late(self) -> bool:
        now_s = time.monotonic()
        return now_s - self._heard_s > self._lease_s or self._has_waited_enough(now_s)

    def _has_waited_enough(self, now_s: float) -> bool:
        if self._wait_minutes is None or self._speaking.is_set():
            return False
        return now_s - self._begun_s > 60 * self._wait_minutes

    def _forth(self, pipe: BinaryIO) -> None:
        held = b""
        with suppress(OSError, ValueError):
            while chunk := os.read(0, _CHUNK_BYTES):
                self._heard_s = time.monotonic()
                held += chunk
                if not self._speaking.is_set():
                    # Only signs of life so far, of which a long queue would fill the pipe.
                    held = held[held.rfind(b"\n") + 1 :]
                    continue
                pipe.write(held)
                pipe.flush()
                held = b""
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
        """Tell of the queue for as long as the agent is not heard; schedulers are asked ever less often."""
        pause_s = _LOOK_S
        while not self._speaking.is_set() and not self._ended.is_set():
            text = self._scheduler.waiting(self._job)
            if text and text != self._told and not self._speaking.is_set():
                os.write(1, json.dumps({"event": "queue", "text": text}).encode() + b"\n")
                self._told = text
            self._speaking.wait(pause_s)
            pause_s = min(1.2 * pause_s, _LONGEST_LOOK_S)

    def _why(self, code: int, said: str) -> int:
        if self._left.is_set():
            return code
        if self._has_waited_enough(time.monotonic()):
            return say(
                f"it did not begin within {self._wait_minutes} minutes, which is as long as `wait_minutes` "
                f"lets it wait: {self._told or 'the scheduler said nothing of it'}"
            )
        text = self._scheduler.ended(self._job, said) or self._scheduler.refused(said)
        # One that is run again by itself would speak to nobody.
        self._scheduler.cancel(self._job)
        if text:
            return say(text)
        sys.stderr.write(said)
        return code
