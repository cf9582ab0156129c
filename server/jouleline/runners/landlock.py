"""Runs jobs confined by landlock and seccomp: where bubblewrap cannot work, for want of user namespaces.

Any process may confine itself so, even in a container, but it gets no view of its own of files and
processes: what is denied is denied where it stands. How much is, depends on the kernel's version of
landlock; so do the guarantees.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jouleline.core.ports import Availability, Completed, Finding, Job, RunnerError
from jouleline.runners import confinement
from jouleline.runners.environment import job_environment
from jouleline.runners.supervised import WATCHED, run_supervised
from jouleline.runners.system import gpu_nodes, own_folder, system_paths

NEWEST: Final = 7
"""The newest version of landlock whose rights are known here (Linux 6.15)."""

_CONFINEMENT: Final = Path(confinement.__file__)
_NODES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_EMPTIES, _TCP, _SIGNALS = 3, 4, 6
_REMEDY: Final = (
    "use Linux 5.13 or newer with landlock in the kernel's parameter lsm=, and in a container a seccomp "
    "profile that lets it through"
)


class LandlockRunner:
    """Runs each job as :class:`LocalRunner` does, with only its own folders to write to.

    ``readable`` names folders that jobs may read beside the system's. ``abi`` is the version of
    landlock to use (default: the kernel's); an older one than the kernel's behaves as its kernel did.
    """

    def __init__(self, readable: Sequence[str] = (), abi: int | None = None) -> None:
        """Nothing is tried here; see :func:`find_landlock`."""
        self._readable = tuple(readable)
        self.abi = min(confinement.version() if abi is None else abi, NEWEST)

    @property
    def name(self) -> str:
        """``landlock``."""
        return "landlock"

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What a job cannot do with this version; each has a test that attacks it."""
        return _guarantees(self.abi, filtered=confinement.filters_system_calls())

    @property
    def gaps(self) -> tuple[str, ...]:
        """What a job can do here, and could not under bubblewrap."""
        return _gaps(self.abi, filtered=confinement.filters_system_calls())

    async def run(self, job: Job) -> Completed:
        """Run a job to its end or to its limits; see :func:`run_supervised`.

        Raises:
            RunnerError: when this kernel has no landlock or refuses the rules.
        """
        if self.abi < 1:
            raise RunnerError(f"landlock does not work here, so nothing can be confined by it: {_REMEDY}")
        folder = own_folder(job.directory)
        with tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True) as scratch:
            environment = job_environment(os.environ, scratch, job.environment)
            shown = system_paths(environment, self._readable, gpu=job.gpu)
            rules = {
                "abi": self.abi,
                "read": ["/proc", *map(str, shown)],
                "write": [str(folder), scratch],
                "device": [*_NODES, *(gpu_nodes() if job.gpu else ())],
            }
            prefix = [sys.executable, "-I", "-S", str(_CONFINEMENT), json.dumps(rules)]
            completed = await run_supervised(job, prefix, environment, scratch)
        if completed.exit_code == confinement.FAILED and completed.stderr.startswith(b"landlock: "):
            raise RunnerError(
                f"a job could not be confined ({completed.stderr.decode(errors='replace').strip()})"
            )
        return completed


def find_landlock() -> Finding:
    """Whether this kernel has landlock, which version, and what that does and does not give."""
    abi = min(confinement.version(), NEWEST)
    if abi < 1:
        return Finding("sandbox", "landlock", Availability.MISSING, "this kernel has none", _REMEDY)
    filtered = confinement.filters_system_calls()
    detail = (
        f"version {abi}, used where bubblewrap does not work. A job under it: "
        f"{'; '.join(_guarantees(abi, filtered=filtered))}. But {'; '.join(_gaps(abi, filtered=filtered))}"
    )
    return Finding("sandbox", "landlock", Availability.LIMITED, detail, "bubblewrap has none of these gaps")


def _guarantees(abi: int, *, filtered: bool) -> tuple[str, ...]:
    if abi < 1:
        return ()
    change = "change, empty" if abi >= _EMPTIES else "write to"
    given = [
        "it can read no file of yours: only the system's programs, a few of /etc, /proc and its own folder",
        f"it can create, {change} or remove no file of yours outside the folder it runs in",
        "it cannot read the memory or the environment of another process, nor trace it",
        "it reaches no GPU unless it was given one",
    ]
    if filtered:
        given.append("it has no network, not even the ports and sockets of this computer")
    elif abi >= _TCP:
        given.append("it can use no TCP port, not even of this computer")
    if abi >= _SIGNALS:
        given += [
            "it can send no signal to another process",
            WATCHED,
            "no process of it outlives it",
        ]
    return tuple(given)


def _gaps(abi: int, *, filtered: bool) -> tuple[str, ...]:
    left = [
        "it sees which processes run here, and with which arguments",
        "it can look up whether a file exists and how large it is",
        "it can change the mode, owner and times of a file of yours",
    ]
    if abi < _EMPTIES:
        left.append("it can empty a file of yours whose path it knows (since Linux 6.2 it cannot)")
    if not filtered:
        open_ = "UDP and the sockets" if abi >= _TCP else "the network and the sockets"
        left.append(f"it can use {open_} of this computer")
    if abi < _SIGNALS:
        left.append(
            "it can end your processes, and the one that holds it to its limits (since Linux 6.12 it cannot)"
        )
    return tuple(left)
