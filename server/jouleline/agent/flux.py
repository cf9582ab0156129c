"""Flux, by its own `flux submit`, `flux jobs` and `flux cancel`.

Options, fields and results are those of
https://flux-framework.readthedocs.io/projects/flux-core/en/latest/man1/index.html.
"""

from __future__ import annotations

import re
from pathlib import Path

from .scheduler import Wanted, asked, batched

_WAITING = ("DEPEND", "PRIORITY", "SCHED")
_RESULTS = {
    "TIMEOUT": "it ran past its time limit; raise `minutes`, or measure less",
    "CANCELED": "it was cancelled",
}
_EXCEPTIONS = {
    "node-failure": "its node failed",
    "exec": "it could not go on",
    "alloc": "it got no allocation",
    "timeout": _RESULTS["TIMEOUT"],
    "cancel": _RESULTS["CANCELED"],
}


class Flux:
    """A batch job on one node."""

    name: str = "flux"

    def command(self, job: str, wanted: Wanted) -> list[str]:
        """A batch job that calls back: what `flux run` passes on is kept, and cut after 10 MB."""
        return batched(self.name, job, wanted)

    def submission(self, job: str, wanted: Wanted, script: Path, log: Path) -> list[str]:
        """One task; further options are the user's and come last."""
        del log  # what is noted of a job, `flux jobs` tells
        return [
            "flux", "submit", f"--job-name={job}", "--ntasks=1",
            *([f"--queue={wanted.queue}"] if wanted.queue else []),
            *([f"--bank={wanted.account}"] if wanted.account else []),
            *([f"--time-limit={wanted.minutes}m"] if wanted.minutes else []),
            *wanted.options, "/bin/sh", str(script),
        ]  # fmt: skip

    def waiting(self, job: str) -> str:
        """Its number, its place among those that wait in its queue, and what it waits for."""
        fields = "{id.f58}|{status}|{queue}|{sched.reason_pending}|{contextual_info}"
        for number, state, queue, reason, more in _rows(fields, 5, f"--name={job}"):
            if state not in _WAITING:
                return f"job {number} is {'running' if state == 'RUN' else 'ending'}"
            of_queue = [f"--queue={queue}"] if queue else []
            others = [one for (one,) in _rows("{id.f58}", 1, "-A", "--filter=pending", *of_queue)]
            place = f"{others.index(number) + 1} of {len(others)}" if number in others else ""
            told = ", ".join(filter(None, [place, reason or more]))
            return f"job {number} waits in the queue{' ' if queue else ''}{queue} ({told})"
        return ""

    def ended(self, job: str, said: str) -> str:
        """Its result, and the exception that led to it."""
        del said
        for number, result, kind, note in _rows(
            "{id.f58}|{result}|{exception.type}|{exception.note}", 4, "-a", f"--name={job}"
        ):
            why = _EXCEPTIONS.get(kind, "") or _RESULTS.get(result, "")
            noted = f" ({note})" if why and note else ""
            return f"flux ended the job {number}: {why}{noted}" if why else ""
        return ""

    def refused(self, said: str) -> str:
        """What `flux submit` says."""
        errors = re.findall(r"(?m)^flux-submit: (?:ERROR: )?(.*)$", said)
        return f"flux refused the job: {errors[0]}" if errors else ""

    def cancel(self, job: str) -> None:
        """By its number."""
        numbers = [one for (one,) in _rows("{id.f58}", 1, f"--name={job}")]
        if numbers:
            asked("flux", "cancel", *numbers)


def _rows(fields: str, width: int, *which: str) -> list[list[str]]:
    said = asked("flux", "jobs", "--no-header", *which, f"--format={fields}")
    rows = [line.strip().split("|", width - 1) for line in said.splitlines()]
    return [row for row in rows if len(row) == width]
