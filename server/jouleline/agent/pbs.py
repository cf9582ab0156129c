"""OpenPBS and PBS Professional, by their own qsub, qselect, qstat and qdel.

The options and attributes are those of the manual pages in
https://github.com/openpbs/openpbs/tree/master/doc/man1, the numbers of ``Exit_status`` those of
``src/include/job.h`` there. Job history (``qstat -x``) need not be kept.
"""

from __future__ import annotations

import re
from pathlib import Path

from .scheduler import Wanted, asked, batched

_STATES = {
    "R": "running", "E": "exiting", "S": "suspended", "T": "being moved", "B": "running", "M": "moved",
}  # fmt: skip
_WAITING = {"Q": "", "H": "held", "W": "waits for its time"}
_TOO_LONG = "it ran past its time limit; raise `minutes`, or measure less"
_TOO_LARGE = "it went over its memory; ask for more in `options`, such as -l select=1:ncpus=8:mem=16gb"
_NODE_FAILED = "its node failed"
_ENDED = "it was ended by qdel, or for a job of higher priority"
_STATUSES = {
    -29: _TOO_LONG, -28: "it used more CPU time than it may", -27: _TOO_LARGE, -26: _TOO_LARGE,
    -25: "it used more processors than it may", -24: "it used more processors than it may",
    -20: _NODE_FAILED, -14: _NODE_FAILED,
    256 + 15: _ENDED, 256 + 9: _ENDED,
}  # fmt: skip
# What the daemon on a node adds to a job's standard error.
_KILLED = {"walltime": -29, "cput": -28, "mem": -27, "vmem": -26, "ncpus": -25}


class Pbs:
    """A batch job on one node."""

    name: str = "pbs"

    def command(self, job: str, wanted: Wanted) -> list[str]:
        """A batch job that calls back: qsub -I takes a terminal, and this has none."""
        return batched(self.name, job, wanted)

    def submission(self, job: str, wanted: Wanted, script: Path, log: Path) -> list[str]:
        """Never run again by itself: nobody would be there to be called."""
        hours, minutes = divmod(wanted.minutes or 0, 60)
        return [
            "qsub", "-N", job, "-r", "n", "-S", "/bin/sh", "-j", "oe", "-o", str(log),
            *(["-q", wanted.queue] if wanted.queue else []),
            *(["-A", wanted.account] if wanted.account else []),
            *(["-l", f"walltime={hours:02}:{minutes:02}:00"] if wanted.minutes else []),
            *wanted.options, str(script),
        ]  # fmt: skip

    def waiting(self, job: str) -> str:
        """Its number, its place among those that wait in its queue, and what it waits for."""
        for number in asked("qselect", "-N", job).split()[:1]:
            known = attributes(asked("qstat", "-f", number))
            state = known.get("job_state", "F")
            if state not in _WAITING:
                return f"job {number} is {_STATES[state]}" if state in _STATES else ""
            queue = known.get("queue", "")
            others = asked("qselect", "-s", "Q", "-q", queue).split()
            # PBS tells nobody in which order it will begin them.
            place = f"{others.index(number) + 1} of {len(others)} as submitted" if number in others else ""
            reason = known.get("comment", "").replace("Not Running: ", "")
            start = known.get("estimated.start_time", "")
            told = [place, _WAITING[state], reason, start and f"expected to begin at {start}"]
            return f"job {number} waits in the queue {queue} ({', '.join(filter(None, told))})"
        return ""

    def ended(self, job: str, said: str) -> str:
        """By its exit status where history is kept, or else by what the node's daemon noted."""
        status = None
        number = "of ours"
        for number in asked("qselect", "-x", "-N", job).split()[:1]:
            text = attributes(asked("qstat", "-x", "-f", number)).get("Exit_status", "")
            status = int(text) if re.fullmatch(r"-?\d+", text) else None
        noted = re.search(r"PBS: job killed: (\w+) ", said)
        if noted:
            status = _KILLED.get(noted[1], status)
        return f"pbs ended the job {number}: {_STATUSES[status]}" if status in _STATUSES else ""

    def refused(self, said: str) -> str:
        """What qsub says."""
        errors = re.findall(r"(?m)^qsub: (.*)$", said)
        return f"pbs refused the job: {errors[0]}" if errors else ""

    def cancel(self, job: str) -> None:
        """By the numbers of its name, which is this session's alone."""
        numbers = asked("qselect", "-N", job).split()
        if numbers:
            asked("qdel", *numbers)


def attributes(said: str) -> dict[str, str]:
    """The attributes of a job as ``qstat -f`` prints them: a line each, long ones folded before a tab."""
    unfolded = said.replace("\n\t", "")
    return dict(re.findall(r"(?m)^ +([\w.]+) = (.*)$", unfolded))
