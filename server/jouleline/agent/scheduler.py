"""What a relay asks of a scheduler, and how it calls the scheduler's own commands."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Protocol

_PATIENCE_S = 30.0


class Scheduler(Protocol):
    """Runs one command in an allocation of its own, with its input and output joined to ours."""

    @property
    def name(self) -> str:
        """What users call it."""

    def command(self, job: str, options: Sequence[str]) -> list[str]:
        """The words that run what follows them in an allocation called ``job``."""

    def waiting(self, job: str) -> str:
        """How the job stands in the queue, in words; empty when it is in none."""

    def ended(self, job: str) -> str:
        """Why the scheduler ended the job, in words; empty when it did not."""

    def refused(self, said: str) -> str:
        """Why there was never a job, from what the command said; empty when that is not the reason."""

    def cancel(self, job: str) -> None:
        """End the job, or take it out of the queue."""


def asked(*command: str) -> str:
    """What a scheduler's command prints; empty when it fails, as a busy scheduler's may at any moment."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
