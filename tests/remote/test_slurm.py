"""One allocation of a real Slurm for all that is asked, what is told of its queue, and what goes wrong."""

import asyncio
import os
import platform
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jouleline.agent.schedulers import SCHEDULERS
from jouleline.core.ports import Completed, Job, Limits, RunnerError
from jouleline.core.target import Target
from jouleline.remote.errors import UnreachableError
from jouleline.remote.machine import Machine
from jouleline.remote.queued import Queued
from jouleline.remote.runner import RemoteRunner
from tests.runners.processes import killed_in_a_job, processes_with, sleeper, sleepers_with, until
from tests.support.slurm import Slurm
from tests.support.sshd import HOST
from tests.support.tools import bare_path

NODE = platform.node().partition(".")[0]

Allocate = Callable[..., Machine]


@pytest.fixture
def cluster(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The scheduler of this machine, as a user on a login node describes it."""
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    return Target("cluster", "slurm", python=sys.executable, folder=str(slurm.folder / "files"), minutes=5)


@pytest.fixture
def allocate(cluster: Target) -> Iterator[Allocate]:
    with ExitStack() as stack:

        def allocated(tell: Callable[[str], None] = lambda _: None, **of_target: Any) -> Machine:
            machine = Machine("cluster", Queued(replace(cluster, **of_target)), sandboxes=(), tell=tell)
            stack.callback(machine.close)
            return machine

        yield allocated


def run(machine: Machine, command: str, folder: Path) -> Completed:
    return asyncio.run(RemoteRunner(machine).run(Job(command, str(folder))))


def test_one_allocation_serves_all_runs_and_ends_with_them(
    allocate: Allocate, slurm: Slurm, tmp_path: Path
) -> None:
    machine = allocate()
    data = os.urandom(2 * 1024**2)
    (tmp_path / "in").write_bytes(data)
    jobs = slurm.jobs()
    assert len(jobs) == 1
    assert jobs[0].startswith("jouleline-")
    for _ in range(3):
        assert run(machine, "cat in", tmp_path).stdout == data
    assert slurm.jobs() == jobs
    machine.close()
    assert slurm.jobs() == []


@pytest.mark.usefixtures("sshd")
def test_a_cluster_is_reached_through_its_login_node(cluster: Target, slurm: Slurm, tmp_path: Path) -> None:
    conf = shlex.quote(slurm.environment["SLURM_CONF"])
    far = replace(cluster, host=HOST, setup=f"echo Welcome; export SLURM_CONF={conf}")
    machine = Machine("cluster", Queued(far), sandboxes=())
    try:
        assert run(machine, "echo there > made", tmp_path).succeeded
        assert (tmp_path / "made").read_text() == "there\n"
        assert len(slurm.jobs()) == 1
    finally:
        machine.close()
    assert slurm.jobs() == []


def test_modules_are_loaded_and_a_container_is_entered(
    allocate: Allocate, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Doubles of both, which leave a word in what a job sees of its surroundings.
    apptainer = slurm.folder / "apptainer"
    apptainer.write_text('#!/bin/sh\nexport OMP_DOUBLE_IMAGE="$1 $2 $3"\nshift 3\nexec "$@"\n')
    apptainer.chmod(0o755)
    (tmp_path / ".bash_profile").write_text("module() { export OMP_DOUBLE_MODULES=$*; }\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    machine = allocate(
        modules=("cuda/12.4", "gcc"), container="lab.sif", setup=f"PATH={slurm.folder}:$PATH; ulimit -c 0"
    )
    work = tmp_path / "work"
    work.mkdir()
    done = run(machine, 'echo "$OMP_DOUBLE_MODULES; $OMP_DOUBLE_IMAGE"', work)
    assert done.stdout == b"load cuda/12.4 gcc; exec --nv lab.sif\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"queue": "none"}, "invalid partition specified: none"),
        ({"options": ("--gres=gpu:9",)}, "Invalid generic resource"),
        ({"options": ("--mem=900G",)}, "Memory specification can not be satisfied"),
    ],
)
def test_a_job_that_slurm_refuses_is_one_sentence(
    allocate: Allocate, slurm: Slurm, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnreachableError, match=f"target cluster: slurm refused the job: .*{said}"):
        allocate(**wrong)
    assert slurm.jobs() == []


def test_where_there_is_no_slurm_is_said(
    allocate: Allocate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare_path(monkeypatch, tmp_path)
    with pytest.raises(UnreachableError, match=r"srun cannot be started.*is this where jobs are submitted"):
        allocate()


def cancel(slurm: Slurm) -> None:
    slurm("scancel", f"--name={slurm.jobs()[0]}")


def fail(slurm: Slurm) -> None:
    # Its daemon is well, so the node comes back by itself.
    slurm("scontrol", "update", f"nodename={NODE}", "state=down", "reason=test")


def preempt(slurm: Slurm) -> None:
    slurm("srun", "--partition=urgent", "--mem=800", "sleep", "0.2")


@pytest.mark.parametrize(
    "fault",
    [
        (cancel, "it was cancelled"),
        (fail, "its node failed"),
        (preempt, "it was preempted by a job of higher priority"),
    ],
)
def test_a_job_that_was_ended_is_told_and_submitted_again(
    allocate: Allocate, slurm: Slurm, tmp_path: Path, mark: str, fault: tuple[Callable[[Slurm], None], str]
) -> None:
    told: list[str] = []
    machine = allocate(told.append)
    done = _with_fault(machine, slurm, tmp_path, mark, lambda: fault[0](slurm))
    assert done.stdout == b"again\n"
    (ended,) = (text for text in told if "slurm ended job" in text)
    assert ended.endswith(f": {fault[1]}; connecting again")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("TIMEOUT", "it ran past its time limit; raise `minutes`"),
        ("OUT_OF_MEMORY", "it went over its memory"),
    ],
)
def test_ends_that_take_slurm_long_or_control_groups_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, said: str
) -> None:
    """On doubles of two commands: it looks for jobs past their time every 30 s."""
    told = {"squeue": "7", "scontrol": f"JobId=7 JobName=late UserId=me(0) JobState={state} Reason=None"}
    for name, text in told.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{text}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert SCHEDULERS["slurm"].ended("late", "").startswith(f"slurm ended job 7: {said}")


def _with_fault(
    machine: Machine, slurm: Slurm, folder: Path, mark: str, fault: Callable[[], object]
) -> Completed:
    """Run what never ends the first time, with a fault as soon as it runs; nothing of it may be left."""

    async def running() -> Completed:
        command = f"if mkdir {slurm.folder}/{mark} 2>/dev/null; then {sleeper(mark)}; fi; echo again"
        task = asyncio.create_task(RemoteRunner(machine).run(Job(command, str(folder))))
        await asyncio.to_thread(until, lambda: sleepers_with(mark))
        await asyncio.to_thread(fault)
        return await task

    done = asyncio.run(running())
    until(lambda: not processes_with(mark))
    assert len(slurm.jobs()) == 1
    return done


def test_a_job_that_cannot_be_submitted_again_ends_the_run(
    allocate: Allocate, cluster: Target, slurm: Slurm, tmp_path: Path, mark: str
) -> None:
    machine = allocate()
    _without_a_second_job(machine, cluster)
    with pytest.raises(
        RunnerError, match=r"slurm ended job \d+: it was cancelled, and was not to be had again"
    ):
        _with_fault(machine, slurm, tmp_path, mark, lambda: cancel(slurm))


def _without_a_second_job(machine: Machine, cluster: Target) -> None:
    machine._patience_s = 0.0
    machine._launcher = Queued(replace(cluster, queue="none"))


def test_a_job_that_slurm_kills_for_its_memory_is_told(
    allocate: Allocate, cluster: Target, tmp_path: Path, mark: str
) -> None:
    machine = allocate(options=("--mem=200",))
    _without_a_second_job(machine, cluster)
    hungry = f"{sys.executable} -c 'import time; kept = b\"x\" * (400 << 20); time.sleep(60)' {mark}"
    limits = Limits(memory_bytes=10 * 1024**3)
    with pytest.raises(RunnerError, match=r"slurm ended job \d+: it went over its memory; ask for more in"):
        asyncio.run(RemoteRunner(machine).run(Job(hungry, str(tmp_path), limits=limits)))
    until(lambda: not processes_with(mark))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_queue_that_never_starts_can_be_left(
    cluster: Target, slurm: Slurm, tmp_path: Path, end: signal.Signals
) -> None:
    closed = f'python = "{cluster.python}"\nfolder = "{cluster.folder}"\nrunner = "slurm"\nqueue = "closed"\n'
    (tmp_path / "jouleline").mkdir()
    (tmp_path / "jouleline/jouleline.toml").write_text(f"[target.closed]\n{closed}")
    (tmp_path / "main.cpp").write_text("int main() {}\n")
    started = subprocess.Popen(
        [sys.executable, "-m", "jouleline", "measure", str(tmp_path / "main.cpp"), "--target", "closed"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    with started:
        assert started.stderr is not None
        said = ""
        for line in started.stderr:
            said += line
            if "waits in the queue" in line:
                break
        assert "waits in the queue closed (1 of 1, PartitionDown)" in said
        started.send_signal(end)
        started.stderr.read()  # or it would find nobody to tell that it was interrupted
    until(lambda: slurm.jobs() == [])
    assert started.returncode == (1 if end is signal.SIGINT else -end)


def test_a_killed_jouleline_gives_its_allocation_back(
    cluster: Target, slurm: Slurm, tmp_path: Path, mark: str
) -> None:
    setup = (
        "from jouleline.core.target import Target\n"
        "from jouleline.remote.machine import Machine\n"
        "from jouleline.remote.queued import Queued\n"
        "from jouleline.remote.runner import RemoteRunner\n"
        f"runner = RemoteRunner(Machine('cluster', Queued({cluster!r}), sandboxes=()))"
    )
    killed_in_a_job(setup, sleeper(mark), tmp_path, mark)
    until(lambda: not processes_with(mark) and slurm.jobs() == [])
