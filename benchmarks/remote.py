"""What an evaluation costs on another machine beside its own time: over a real sshd, and in a real Slurm.

Both run on this very machine, so there is no network: it is the work of ssh, relay, agent and sandbox.
An evaluation is a run of a program one of whose files has changed, which leaves another. Connections are made
twice, for the second one is multiplexed over the first.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from jouleline.core.ports import Job
from jouleline.core.target import Target
from jouleline.remote.launcher import Launcher
from jouleline.remote.machine import Machine
from jouleline.remote.queued import Queued
from jouleline.remote.runner import RemoteRunner
from jouleline.remote.ssh import Ssh
from jouleline.runners.choice import NoSandboxHereError, sandboxed
from tests.support.slurm import running_slurm
from tests.support.sshd import HOST, running_sshd
from tests.support.tools import find_tool

SSH_TARGET_S: Final = 0.5
SLURM_TARGET_S: Final = 2.0
_EVALUATIONS: Final = 20


@dataclass(frozen=True)
class _Way:
    launcher: Launcher
    target_s: float


def measure() -> dict[str, Any]:
    """Seconds; ``not measured`` with its reason where a daemon is not installed."""
    found: dict[str, Any] = {"evaluations": _EVALUATIONS}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name in ("ssh", "slurm", "sockets"):
            (here / name).mkdir(mode=0o700)
        files = str(here / "files")
        if _is_here("sshd"):
            with (
                running_sshd(here / "ssh") as sshd,
                mock.patch.dict(
                    os.environ, PATH=f"{sshd.bin}:{os.environ['PATH']}", XDG_RUNTIME_DIR=str(here / "sockets")
                ),
            ):
                target = Target("far", "ssh", HOST, python=sys.executable, folder=files)
                found["ssh"] = _measured(_Way(Ssh(target), SSH_TARGET_S), here)
        else:
            found["ssh"] = {"not measured": "no sshd is here: apt-get install openssh-server"}
        if _is_here("slurmctld"):
            with running_slurm(here / "slurm") as slurm, mock.patch.dict(os.environ, slurm.environment):
                target = Target("cluster", "slurm", python=sys.executable, folder=files)
                found["slurm"] = _measured(_Way(Queued(target), SLURM_TARGET_S), here)
        else:
            found["slurm"] = {"not measured": "no Slurm is here: apt-get install slurm-wlm munge"}
    return found


def _is_here(program: str) -> bool:
    return find_tool(program) is not None or Path("/usr/sbin", program).exists()


def _measured(way: _Way, folder: Path) -> dict[str, Any]:
    connects_s = []
    for _ in range(2):
        began = time.monotonic()
        with closing(_machine(way.launcher)):
            connects_s.append(time.monotonic() - began)
    with closing(_machine(way.launcher)) as machine, tempfile.TemporaryDirectory(dir=folder) as work:
        beside_s = asyncio.run(_evaluations(RemoteRunner(machine), Path(work)))
    overhead_s = statistics.median(beside_s)
    return {
        "first_connection_s": round(connects_s[0], 3),
        "connection_s": round(connects_s[1], 3),
        "overhead_per_evaluation_s": round(overhead_s, 3),
        "slowest_s": round(max(beside_s), 3),
        "target_s": way.target_s,
        "met": overhead_s <= way.target_s,
    }


def _machine(launcher: Launcher) -> Machine:
    try:
        sandboxes = (sandboxed(("bubblewrap",), ())[0].name,)
    except NoSandboxHereError:
        sandboxes = ()
    return Machine("bench", launcher, sandboxes=sandboxes)


async def _evaluations(runner: RemoteRunner, folder: Path) -> list[float]:
    beside_s = []
    for number in range(_EVALUATIONS):
        (folder / "in").write_text(str(number))
        began = time.monotonic()
        done = await runner.run(Job("cp in out", str(folder)))
        beside_s.append(time.monotonic() - began - done.wall_s)
        assert (folder / "out").read_text() == str(number)
    return beside_s
