"""IBM Spectrum LSF 10, by its own bsub, bjobs and bkill.

Options, fields and the reasons why jobs end are those of
https://www.ibm.com/docs/en/spectrum-lsf/10.1.0?topic=reference-command.
"""

from __future__ import annotations

import re
from pathlib import Path

from .scheduler import Wanted, asked, batched

_WAITING = ("PEND", "PSUSP", "WAIT")
_STATES = {"RUN": "running", "USUSP": "suspended", "SSUSP": "suspended", "PROV": "starting", "UNKWN": "lost"}
_OVER = ("DONE", "EXIT", "ZOMBI")
_CANCELLED = "it was cancelled"
# https://www.ibm.com/docs/en/spectrum-lsf/10.1.0?topic=statistics-termination-reasons-displayed-by-bacct
_ENDS = {
    "RUNLIMIT": "it ran past its time limit; raise `minutes`, or measure less",
    "DEADLINE": "it ran past its deadline",
    "CPULIMIT": "it used more CPU time than it may",
    "PREEMPT": "it was preempted by a job of higher priority",
    "MEMLIMIT": "it went over its memory; ask for more in `options`, such as -M 16GB",
    "SWAP": "it went over its memory; ask for more in `options`, such as -M 16GB",
    "ZOMBIE": "its node failed",
    "LOAD": "its node had too much to do",
    "WINDOW": "its queue closed",
    "OWNER": _CANCELLED, "FORCE_OWNER": _CANCELLED, "ADMIN": "an administrator ended it",
    "FORCE_ADMIN": "an administrator ended it", "EXTERNAL_SIGNAL": "a signal from elsewhere ended it",
    "PROCESSLIMIT": "it had more processes than it may", "THREADLIMIT": "it had more threads than it may",
}  # fmt: skip


class Lsf:
    """A batch job on one node."""

    name: str = "lsf"

    def command(self, job: str, wanted: Wanted) -> list[str]:
        """A batch job that calls back: many queues take no interactive ones, and those show messages."""
        return batched(self.name, job, wanted)

    def submission(self, job: str, wanted: Wanted, script: Path, log: Path) -> list[str]:
        """Never run again by itself: nobody would be there to be called."""
        return [
            "bsub", "-J", job, "-rn", "-o", str(log),
            *(["-q", wanted.queue] if wanted.queue else []),
            *(["-P", wanted.account] if wanted.account else []),
            *(["-W", str(wanted.minutes)] if wanted.minutes else []),
            *wanted.options, "/bin/sh", str(script),
        ]  # fmt: skip

    def waiting(self, job: str) -> str:
        """Its number, its place among those that wait in its queue, and what it waits for."""
        for number, state, queue, reason in _rows("jobid stat queue pend_reason", "-J", job):
            if state in _OVER:
                continue
            if state not in _WAITING:
                return f"job {number} is {_STATES.get(state, state.lower())}"
            # In the order in which they are considered.
            queued = _rows("jobid stat", "-u", "all", "-q", queue)
            others = [one for one, its_state in queued if its_state in _WAITING]
            place = f"{others.index(number) + 1} of {len(others)}" if number in others else ""
            told = [place, "" if reason == "-" else reason.rstrip(";. ")]
            return f"job {number} waits in the queue {queue} ({', '.join(filter(None, told))})"
        return ""

    def ended(self, job: str, said: str) -> str:
        """By the reason that LSF keeps for about an hour, and notes at the end of a job's output."""
        number, kept = "of ours", ""
        for row in _rows("jobid stat exit_reason", "-a", "-J", job):
            number, _, kept = row
        found = re.search(r"\bTERM_(\w+)", f"{kept}\n{said}")
        return f"lsf ended the job {number}: {_ENDS[found[1]]}" if found and found[1] in _ENDS else ""

    def refused(self, said: str) -> str:
        """What bsub says before `Job not submitted.`."""
        found = re.search(r"(?m)^(.*?)[.: ]*\s*(?:Request aborted by esub\. )?Job not submitted", said)
        return f"lsf refused the job: {found[1].strip() or 'it says no more'}" if found else ""

    def cancel(self, job: str) -> None:
        """All of that name, which is this session's alone: without the 0 it would be the last of any name."""
        asked("bkill", "-J", job, "0")


def _rows(fields: str, *which: str) -> list[list[str]]:
    said = asked("bjobs", *which, "-noheader", "-o", f"{fields} delimiter='|'")
    width = len(fields.split())
    rows = [line.split("|", width - 1) for line in said.splitlines()]
    return [row for row in rows if len(row) == width]
