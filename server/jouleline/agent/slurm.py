"""Slurm, by its own srun, squeue, scontrol and scancel; accounting need not be there."""

from __future__ import annotations

import re
import time

from .scheduler import Wanted, asked

_ENDS = {
    "TIMEOUT": "it ran past its time limit; raise `minutes`, or measure less",
    "DEADLINE": "it ran past its deadline",
    "PREEMPTED": "it was preempted by a job of higher priority",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node failed to start",
    "OUT_OF_MEMORY": "it went over its memory; ask for more in `options`, such as --mem=8G",
    "CANCELLED": "it was cancelled",
}
# The job's processes are gone before Slurm says why.
_BEFORE_THE_END = ("RUNNING", "COMPLETING")
_SETTLING_S = 5.0
_LOOK_S = 0.1


class Slurm:
    """One step in one allocation, made by srun."""

    name: str = "slurm"

    def command(self, job: str, wanted: Wanted) -> list[str]:
        """A job of one task; further options are the user's and come last."""
        asks = {"partition": wanted.queue, "account": wanted.account, "time": wanted.minutes}
        return [
            "srun", f"--job-name={job}", "--ntasks=1", "--nodes=1", "--quit-on-interrupt",
            *(f"--{name}={value}" for name, value in asks.items() if value), *wanted.options,
        ]  # fmt: skip

    def waiting(self, job: str) -> str:
        """Its number, its place among those that wait in its partition, and what it waits for."""
        row = asked("squeue", "-h", f"--name={job}", "-o", "%i|%T|%r|%P|%S").splitlines()[:1]
        if not row or row[0].count("|") != 4:
            return ""
        number, state, reason, partition, start = row[0].split("|")
        if state != "PENDING":
            return f"job {number} is {state.lower()}"
        queue = asked(
            "squeue", "-h", "-t", "PENDING", f"--partition={partition}", "--sort=-p,i", "-o", "%i"
        ).split()
        place = f"{queue.index(number) + 1} of {len(queue)}, " if number in queue else ""
        begins = "" if start == "N/A" else f", expected to begin at {start}"
        return f"job {number} waits in the queue {partition} ({place}{reason}{begins})"

    def ended(self, job: str, said: str) -> str:
        """The state in which Slurm keeps it for some minutes after its end.

        Of memory it speaks on standard error alone, unless control groups watch over it.
        """
        number = asked("squeue", "-h", f"--name={job}", "-t", "all", "-o", "%i").split()[:1]
        if not number:
            return ""
        deadline = time.monotonic() + _SETTLING_S
        while (state := self._state(number[0])) in _BEFORE_THE_END and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        if re.search(r"(?i)exceeded (job |step )?memory limit|oom[- _]kill", said):
            state = "OUT_OF_MEMORY"
        return f"slurm ended job {number[0]}: {_ENDS[state]}" if state in _ENDS else ""

    def _state(self, number: str) -> str:
        found = re.search(r"\bJobState=(\w+)", asked("scontrol", "show", "job", "-o", number))
        return found[1] if found else ""

    def refused(self, said: str) -> str:
        """The first error of srun, if it could allocate nothing."""
        errors = re.findall(r"(?m)^srun: error: (.*)$", said)
        if not any("allocate" in error or "invalid" in error.lower() for error in errors):
            return ""
        return f"slurm refused the job: {errors[0]}"

    def cancel(self, job: str) -> None:
        """By its name, which is this session's alone."""
        asked("scancel", f"--name={job}")
