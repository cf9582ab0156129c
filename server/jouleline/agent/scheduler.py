"""What a relay asks of a scheduler, and how it calls the scheduler's own commands."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PATIENCE_S = 30.0
_TAKING_BACK_S = 10.0


@dataclass(frozen=True)
class Wanted:
    """What a user asks a scheduler for.

    ``minutes`` is wall time. ``options`` are the scheduler's own words, which come last and win.
    ``wait_minutes`` is how long a job may stay in the queue.
    """

    queue: str = ""
    account: str = ""
    minutes: int | None = None
    options: Sequence[str] = ()
    wait_minutes: int | None = None

    def json(self) -> str:
        """As one word for a command line."""
        return json.dumps(dataclasses.asdict(self))


class Scheduler(Protocol):
    """Runs one command in an allocation of its own, with its input and output joined to ours."""

    @property
    def name(self) -> str:
        """What users call it."""

    def command(self, job: str, wanted: Wanted) -> list[str]:
        """The words that run what follows them in an allocation called ``job``."""

    def waiting(self, job: str) -> str:
        """How the job stands in the queue, in words; empty when it is in none."""

    def ended(self, job: str, said: str) -> str:
        """Why the scheduler ended the job, in words; empty when it did not.

        ``said`` is what was said on standard error, the job's own included.
        """

    def refused(self, said: str) -> str:
        """Why there was never a job, from what the command said; empty when that is not the reason."""

    def cancel(self, job: str) -> None:
        """End the job, or take it out of the queue."""


class BatchScheduler(Scheduler, Protocol):
    """One that takes scripts and joins nothing to our input and output: :mod:`.batch` does so."""

    def submission(self, job: str, wanted: Wanted, script: Path, log: Path) -> list[str]:
        """The command that submits a shell ``script``; what the scheduler notes of it goes to ``log``."""


def batched(scheduler: str, job: str, wanted: Wanted) -> list[str]:
    """The words that run what follows them in a batch job, joined to our input and output."""
    return [sys.executable, sys.argv[0], "batch", scheduler, job, wanted.json()]


def asked(*command: str) -> str:
    """What a scheduler's command prints; empty when it fails, as a busy scheduler's may at any moment."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def take_back(scheduler: Scheduler, job: str) -> None:
    """Cancel a job until its scheduler knows of none."""
    deadline = time.monotonic() + _TAKING_BACK_S
    while scheduler.waiting(job) and time.monotonic() < deadline:
        scheduler.cancel(job)
        time.sleep(0.1)


def say(text: str) -> int:
    """Tell the user on standard error; the exit code for what could not be done."""
    sys.stderr.write(f"jouleline: {text}\n")
    sys.stderr.flush()
    return 1


def not_started(command: str, error: OSError) -> str:
    """That a scheduler's command is not there."""
    return f"{command} cannot be started: {error.strerror}; is this where jobs are submitted?"
