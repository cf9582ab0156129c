"""A double of the commands of PBS, LSF and Flux: a queue on this machine that says what theirs say.

It is no scheduler: a job begins at once, or never in the queue `closed`. Options, fields and sentences are
those of the documents, and an option that is not in them is refused:

- https://github.com/openpbs/openpbs/tree/master/doc/man1 (qsub, qselect, qstat, qdel); a job sees nothing of
  its submitter's environment, as without `-V`
- https://www.ibm.com/docs/en/spectrum-lsf/10.1.0?topic=reference-command (bsub, bjobs, bkill)
- https://flux-framework.readthedocs.io/projects/flux-core/en/latest/man1 (submit, jobs, cancel)

Run as `queue_double.py FOLDER COMMAND WORDS...` by the commands that :func:`install` writes.
"""

import argparse
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

COMMANDS = {
    "pbs": ("qsub", "qselect", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "flux": ("flux",),
}
QUEUES = ("gpu", "closed")
NOT_FREE = "Insufficient amount of resource: ngpus (R: 1 A: 0 T: 0), as a long comment says it in two lines"

Job = dict[str, Any]


class QueueDouble:
    """The queue of one scheduler, in a folder; ``bin`` holds its commands."""

    def __init__(self, folder: Path, scheduler: str) -> None:
        self.folder = folder
        self.scheduler = scheduler
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def install(self) -> None:
        self.bin.mkdir(parents=True)
        for command in COMMANDS[self.scheduler]:
            words = f"{sys.executable} -I -S {Path(__file__).resolve()} {self.folder} {command}"
            (self.bin / command).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            (self.bin / command).chmod(0o755)

    def jobs(self) -> list[str]:
        """Those that wait or run, by name."""
        return [job["name"] for job in self._all() if job["state"] != "over"]

    def end(self, why: str) -> None:
        """End all jobs as their scheduler does when that happens: cancel, walltime, memory, preempt, node."""
        with self._locked():
            for job in self._all():
                if job["state"] != "over":
                    self._finish(job, why)

    def close(self) -> None:
        """End what is left."""
        self.end("cancel")
        for child in self._children:
            child.wait()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _all(self) -> list[Job]:
        files = sorted(self.folder.glob("*.json"), key=lambda file: int(file.stem))
        jobs = [json.loads(file.read_text()) for file in files]
        for job in jobs:
            if job["state"] == "running" and not _lives(job["pid"]):
                job |= {"state": "over", "why": ""}
        return jobs

    def _keep(self, job: Job) -> None:
        draft = self.folder / f"{job['number']}.draft"
        draft.write_text(json.dumps(job))
        draft.replace(self.folder / f"{job['number']}.json")

    def _finish(self, job: Job, why: str) -> None:
        number = signal.SIGKILL if why == "node" else signal.SIGTERM
        if self.scheduler == "lsf" and why == "walltime":
            number = signal.SIGUSR2
        if job["state"] == "running":
            with suppress(ProcessLookupError):
                os.killpg(job["pid"], number)
            if self.scheduler == "pbs" and why in ("walltime", "memory"):
                limit = {"walltime": "walltime 61 exceeded limit 60", "memory": "mem 9kb exceeded limit 8kb"}
                _write(job["log"], f"=>> PBS: job killed: {limit[why]}\n")
            if self.scheduler == "lsf" and why in _LSF_ENDS:
                _write(job["log"], f"{_LSF_ENDS[why]}.\n")
        self._keep(job | {"state": "over", "why": why})

    def submit(self, name: str, queue: str, words: list[str], log: str, surroundings: dict[str, str]) -> int:
        number = len(self._all()) + 1
        job: Job = {
            "number": number, "name": name, "queue": queue, "state": "waiting", "log": log, "why": "",
            "pid": 0,
        }  # fmt: skip
        if queue != "closed":
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True, env=surroundings,
            )  # fmt: skip
            self._children.append(process)
            job |= {"state": "running", "pid": process.pid}
        self._keep(job)
        return number

    def of_name(self, name: str, *, over: bool = False) -> list[Job]:
        return [job for job in self._all() if job["name"] == name and (over or job["state"] != "over")]

    def waiting(self, queue: str) -> list[Job]:
        return [job for job in self._all() if job["queue"] == queue and job["state"] == "waiting"]

    def run(self, command: str, words: list[str]) -> None:
        """What a command does and prints."""
        with self._locked():
            _FACES[command](self, words)


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _write(log: str, text: str) -> None:
    with Path(log).open("a") as file:
        file.write(text)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _fail(text: str, code: int = 1) -> NoReturn:
    sys.stderr.write(text + "\n")
    sys.exit(code)


def _parser(*flags: str, **valued: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for flag in flags:
        parser.add_argument(flag, dest=flag.lstrip("-").replace("-", "_"), action="store_true")
    for name, flag in valued.items():
        parser.add_argument(flag, dest=name, action="append")
    return parser


def _last(values: list[str] | None, otherwise: str = "") -> str:
    return values[-1] if values else otherwise


# PBS


def _qsub(queue: QueueDouble, words: list[str]) -> None:
    parser = _parser(
        name="-N",
        queue="-q",
        account="-A",
        resources="-l",
        rerun="-r",
        interpreter="-S",
        join="-j",
        output="-o",
    )
    parser.add_argument("script")
    asked = parser.parse_args(words)
    where = _last(asked.queue, "gpu")
    if where not in QUEUES:
        _fail("qsub: Unknown queue", 170)
    for resource in asked.resources or []:
        if resource.startswith("walltime=") and not re.fullmatch(r"walltime=\d\d+:\d\d:\d\d", resource):
            _fail("qsub: Illegal attribute or resource value Resource_List.walltime", 170)
    if _last(asked.join) != "oe" or _last(asked.rerun) != "n":
        _fail("this double knows -j oe and -r n only")
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "PBS_O_HOST": "double"}
    number = queue.submit(
        _last(asked.name),
        where,
        [_last(asked.interpreter, "/bin/sh"), asked.script],
        _last(asked.output),
        surroundings,
    )
    _say(f"{number}.double")


def _qselect(queue: QueueDouble, words: list[str]) -> None:
    asked = _parser("-x", name="-N", states="-s", queue="-q").parse_args(words)
    if asked.x:
        # As where no history is kept: what is over is not known any more.
        asked.x = False
    jobs = queue.of_name(_last(asked.name)) if asked.name else queue.waiting(_last(asked.queue))
    _say("\n".join(f"{job['number']}.double" for job in jobs))


def _qstat(queue: QueueDouble, words: list[str]) -> None:
    parser = _parser("-f", "-x")
    parser.add_argument("number")
    asked = parser.parse_args(words)
    for job in queue._all():
        if f"{job['number']}.double" == asked.number and job["state"] != "over":
            known = {
                "Job_Name": job["name"],
                "Job_Owner": "me@double",
                "job_state": "R" if job["state"] == "running" else "Q",
                "queue": job["queue"],
                "Resource_List.ncpus": "1",
            }
            if job["state"] == "waiting":
                known["comment"] = f"Not Running: {NOT_FREE}"
            _say(f"Job Id: {asked.number}")
            _say("\n".join(folded(f"    {name} = {value}") for name, value in known.items()) + "\n")
            return
    _fail(f"qstat: Unknown Job Id {asked.number}", 153)


def folded(line: str, width: int = 79) -> str:
    """A line as `qstat -f` folds it."""
    parts = [line[:width]] + [line[at : at + width - 8] for at in range(width, len(line), width - 8)]
    return "\n\t".join(parts)


def _qdel(queue: QueueDouble, words: list[str]) -> None:
    for job in queue._all():
        if f"{job['number']}.double" in words and job["state"] != "over":
            queue._finish(job, "cancel")


# LSF

_LSF_STATES = {"waiting": "PEND", "running": "RUN", "over": "EXIT"}
_LSF_ENDS = {
    "walltime": "TERM_RUNLIMIT: job killed after reaching LSF run time limit",
    "memory": "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit",
    "preempt": "TERM_PREEMPT: job killed after preemption",
    "cancel": "TERM_OWNER: job killed by owner",
    "node": "TERM_ZOMBIE: job exited while LSF is not available",
}


def _bsub(queue: QueueDouble, words: list[str]) -> None:
    parser = _parser("-rn", name="-J", queue="-q", project="-P", limit="-W", output="-o", gpu="-gpu")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    where = _last(asked.queue, "gpu")
    if where not in QUEUES:
        _fail(f"{where}: No such queue. Job not submitted.", 255)
    number = queue.submit(_last(asked.name), where, asked.command, _last(asked.output), dict(os.environ))
    kind = "queue" if asked.queue else "default queue"
    _say(f"Job <{number}> is submitted to {kind} <{where}>.")


def _bjobs(queue: QueueDouble, words: list[str]) -> None:
    asked = _parser("-a", "-noheader", name="-J", format="-o", user="-u", queue="-q").parse_args(words)
    fields = re.fullmatch(r"([\w ]+) delimiter='(.)'", _last(asked.format))
    assert fields, "a list of fields"
    jobs = queue.of_name(_last(asked.name), over=asked.a) if asked.name else queue.waiting(_last(asked.queue))
    if not jobs:
        _fail(f"Job <{_last(asked.name)}> is not found", 255)
    for job in jobs:
        known = {
            "jobid": str(job["number"]),
            "stat": _LSF_STATES[job["state"]],
            "queue": job["queue"],
            "pend_reason": f"{NOT_FREE};" if job["state"] == "waiting" else "-",
            "exit_reason": _LSF_ENDS.get(job["why"], "-"),
        }
        _say(fields[2].join(known[field] for field in fields[1].split()))


def _bkill(queue: QueueDouble, words: list[str]) -> None:
    parser = _parser(name="-J")
    parser.add_argument("number")
    asked = parser.parse_args(words)
    jobs = queue.of_name(_last(asked.name))
    # Without the 0 it would be the last job of any name.
    if asked.number != "0" or not jobs:
        _fail("Job <0>: No matching job found", 255)
    for job in jobs:
        queue._finish(job, "cancel")


# Flux

_FLUX_RESULTS = {
    "walltime": ("TIMEOUT", "timeout", "resource allocation expired"),
    "cancel": ("CANCELED", "cancel", ""),
    "preempt": ("CANCELED", "cancel", "preempted by a job of higher priority"),
    "node": ("FAILED", "node-failure", "lost contact with job shell"),
    "memory": ("FAILED", "", ""),
    "": ("COMPLETED", "", ""),
}


def _flux(queue: QueueDouble, words: list[str]) -> None:
    {"submit": _flux_submit, "jobs": _flux_jobs, "cancel": _flux_cancel}[words[0]](queue, words[1:])


def _flux_submit(queue: QueueDouble, words: list[str]) -> None:
    parser = _parser(
        name="--job-name", tasks="--ntasks", queue="--queue", bank="--bank", limit="--time-limit",
        gpus="--gpus-per-task",
    )  # fmt: skip
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    where = _last(asked.queue, "gpu")
    if where not in QUEUES:
        _fail(f"flux-submit: ERROR: [Errno 22] Invalid queue: {where}")
    _say(f"ƒ{queue.submit(_last(asked.name), where, asked.command, '', dict(os.environ))}")


def _flux_jobs(queue: QueueDouble, words: list[str]) -> None:
    asked = _parser(
        "-a", "-A", "--no-header", name="--name", filter="--filter", queue="--queue", format="--format"
    ).parse_args(words)
    jobs = queue.of_name(_last(asked.name), over=asked.a) if asked.name else queue.waiting(_last(asked.queue))
    for job in jobs:
        result, kind, note = _FLUX_RESULTS[job["why"]] if job["state"] == "over" else ("", "", "")
        known = {
            "id.f58": f"ƒ{job['number']}",
            "status": {"waiting": "SCHED", "running": "RUN", "over": result}[job["state"]],
            "queue": job["queue"],
            "sched.reason_pending": NOT_FREE if job["state"] == "waiting" else "",
            "contextual_info": "",
            "result": result,
            "exception.type": kind,
            "exception.note": note,
        }
        # None of our fields is an attribute of another, as in Python's own formatting.
        _say("|".join(known[field.strip("{}")] for field in _last(asked.format).split("|")))


def _flux_cancel(queue: QueueDouble, words: list[str]) -> None:
    for job in queue._all():
        if f"ƒ{job['number']}" in words and job["state"] != "over":
            queue._finish(job, "cancel")


_FACES: dict[str, Callable[[QueueDouble, list[str]], None]] = {
    "qsub": _qsub, "qselect": _qselect, "qstat": _qstat, "qdel": _qdel,
    "bsub": _bsub, "bjobs": _bjobs, "bkill": _bkill, "flux": _flux,
}  # fmt: skip

if __name__ == "__main__":
    _, _folder, _command, *_words = sys.argv
    _scheduler = next(name for name, commands in COMMANDS.items() if _command in commands)
    QueueDouble(Path(_folder), _scheduler).run(_command, _words)
