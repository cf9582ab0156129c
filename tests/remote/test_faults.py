"""What goes wrong between two machines, on a real sshd: one clear sentence, and nothing left there."""

import asyncio
import json
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jouleline.core.ports import Completed, InterruptedRunError, Job, RunnerError
from jouleline.core.target import Target
from jouleline.remote.errors import UnreachableError
from jouleline.remote.machine import Machine
from jouleline.remote.meter import RemoteMeter, RemoteTurn
from jouleline.remote.runner import RemoteRunner
from jouleline.remote.ssh import Ssh
from tests.runners.processes import killed_in_a_job, processes_with, sleeper, sleepers_with, until
from tests.support.sshd import CHANGED, DEAF, HOST, PASSWORDS, STRANGER, UNKNOWN, Sshd

from .conftest import Connect


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            UNKNOWN,
            "its host key is not known to you, and none is accepted here; connect once with `ssh {host}`",
        ),
        (CHANGED, "its host key is another than the one that you accepted"),
        (STRANGER, "it let none of your keys in, and no password is asked for here"),
        (
            PASSWORDS,
            "it takes passwords only, and none is asked for here; have its administrator let keys in",
        ),
        (DEAF, "nothing answers at its ssh port"),
    ],
)
def test_who_cannot_be_reached_is_told_in_one_sentence(
    sshd: Sshd, target: Target, host: str, said: str
) -> None:
    with pytest.raises(UnreachableError) as raised:
        Machine("far", Ssh(replace(target, host=host)), sandboxes=())
    assert str(raised.value).startswith(f"target far ({host}): {said.format(host=host)}")
    assert "\n" not in str(raised.value)
    assert not (sshd.folder / "no_hosts").exists(), "a key was accepted"


def test_a_machine_without_python_is_told_what_is_missing(connect: Connect) -> None:
    with pytest.raises(UnreachableError, match=r"there is no python3\.0; name a Python 3\.9 or newer"):
        connect(python="python3.0")


def test_a_folder_that_cannot_be_written_is_named(connect: Connect, sshd: Sshd) -> None:
    (sshd.far / "a file").write_text("")
    with pytest.raises(UnreachableError, match=r"a file/below there is of no use: .*Not a directory"):
        connect(folder=str(sshd.far / "a file/below"))


@pytest.mark.needs("unshare")
def test_a_full_disk_there_is_one_clear_sentence(connect: Connect, sshd: Sshd, tmp_path: Path) -> None:
    # The agent's Python, in a namespace in which its sessions lie on a disk of one megabyte.
    python = sshd.far / "python-on-a-small-disk"
    python.write_text(
        '#!/bin/sh\nmkdir -p "$2"\nexec unshare -rm sh -c \'mount -t tmpfs -o size=1m none "$2" && '
        f'exec {sys.executable} "$@"\' sh "$@"\n'
    )
    python.chmod(0o755)
    machine = connect(python=str(python), sandboxes=(), folder=str(sshd.far / "small"))
    runner = RemoteRunner(machine)
    (tmp_path / "large").write_bytes(os.urandom(3 * 1024**2))
    with pytest.raises(RunnerError, match=r"the disk is full \(.*\): make room there"):
        asyncio.run(runner.run(Job("true", str(tmp_path))))
    (tmp_path / "large").unlink()
    assert asyncio.run(runner.run(Job("echo goes on", str(tmp_path)))).stdout == b"goes on\n"


def first_for_ever(sshd: Sshd, mark: str) -> str:
    """A command that never ends the first time, and says so the second time."""
    return f"if mkdir {sshd.far}/{mark} 2>/dev/null; then {sleeper(mark)}; fi; cat in"


async def run_and(runner: RemoteRunner, job: Job, mark: str, fault: Callable[[], object]) -> Completed:
    """Run a job, and cause a fault as soon as it runs there."""
    task = asyncio.create_task(runner.run(job))
    await asyncio.to_thread(until, lambda: sleepers_with(mark))
    fault()
    return await task


@pytest.fixture
def job(sshd: Sshd, tmp_path: Path, mark: str) -> Job:
    (tmp_path / "in").write_text("again")
    return Job(first_for_ever(sshd, mark), str(tmp_path))


def test_a_run_whose_connection_is_lost_is_made_again(
    connect: Connect, sshd: Sshd, job: Job, mark: str
) -> None:
    told: list[str] = []
    machine = connect(sandboxes=(), tell=told.append)
    done = asyncio.run(run_and(RemoteRunner(machine), job, mark, sshd.drop))
    assert done.stdout == b"again"
    assert told[1:] == [f"target far ({HOST}): the connection was lost; connecting again"]
    assert not processes_with(mark)


def test_a_killed_agent_takes_its_jobs_with_it_and_is_replaced(
    connect: Connect, sshd: Sshd, job: Job, mark: str
) -> None:
    machine = connect(sandboxes=())
    (session,) = (sshd.far / "files/sessions").glob("*.lock")
    agent = json.loads(session.read_text())["pid"]
    done = asyncio.run(run_and(RemoteRunner(machine), job, mark, lambda: os.kill(agent, signal.SIGKILL)))
    assert done.stdout == b"again"
    until(lambda: not processes_with(mark))
    # What it could not remove, its successor did.
    assert len(list((sshd.far / "files/sessions").glob("*"))) == 2


def test_a_run_within_a_window_is_left_to_who_measures(
    connect: Connect, sshd: Sshd, job: Job, mark: str
) -> None:
    machine = connect(sandboxes=())
    runner, meter, turn = RemoteRunner(machine), RemoteMeter(machine, name="cpu-time"), RemoteTurn(machine)
    assert turn.take()
    meter.start()
    with pytest.raises(InterruptedRunError):
        asyncio.run(run_and(runner, job, mark, sshd.drop))
    assert not processes_with(mark)
    assert not RemoteTurn(connect()).take(), "the turn is ours again"
    meter.start()
    done = asyncio.run(runner.run(job))
    assert meter.stop([done], 1).cpu_s == done.cpu_s


def test_a_connection_that_does_not_come_back_ends_the_run(
    connect: Connect, sshd: Sshd, job: Job, mark: str
) -> None:
    machine = connect(sandboxes=(), patience_s=0.1)
    try:
        with pytest.raises(RunnerError) as raised:
            asyncio.run(run_and(RemoteRunner(machine), job, mark, sshd.vanish))
    finally:
        sshd.start()
    assert "was not to be had again: target far" in str(raised.value)
    until(lambda: not processes_with(mark))


def test_figures_of_two_machines_are_never_mixed(connect: Connect, sshd: Sshd, job: Job, mark: str) -> None:
    machine = connect(sandboxes=())
    machine.facts = replace(machine.facts, identity=("another", "boot"), node="another")
    with pytest.raises(RunnerError, match=r"another machine or GPU .* in place of another"):
        asyncio.run(run_and(RemoteRunner(machine), job, mark, sshd.drop))
    assert not processes_with(mark)


def test_a_laptop_that_is_closed_leaves_nothing_running_there(
    connect: Connect, sshd: Sshd, tmp_path: Path, mark: str
) -> None:
    # Its network is there and it says nothing any more, as one that sleeps.
    machine = connect(sandboxes=(), lease_s=1.0, patience_s=0.1)
    ssh = machine.channel._process.pid
    job = Job(sleeper(mark), str(tmp_path))

    def wake() -> None:
        until(lambda: not processes_with(mark))
        sshd.stop()  # or it would connect again, as it should
        os.kill(ssh, signal.SIGCONT)

    waking = threading.Thread(target=wake)

    def sleep() -> None:
        os.kill(ssh, signal.SIGSTOP)
        waking.start()

    try:
        with pytest.raises(RunnerError, match="was not to be had again"):
            asyncio.run(run_and(RemoteRunner(machine), job, mark, sleep))
    finally:
        waking.join()
        sshd.start()


def test_a_killed_jouleline_leaves_nothing_running_there(
    sshd: Sshd, target: Target, tmp_path: Path, mark: str
) -> None:
    setup = (
        "from jouleline.remote.machine import Machine\n"
        "from jouleline.remote.runner import RemoteRunner\n"
        "from jouleline.remote.ssh import Ssh\n"
        f"target = pickle.loads({pickle.dumps(target)!r})\n"
        "runner = RemoteRunner(Machine('far', Ssh(target), sandboxes=()))"
    )
    killed_in_a_job(setup, f"setsid {sleeper(mark)} & wait", tmp_path, mark)
    until(lambda: not processes_with(mark))
    until(lambda: not list((sshd.far / "files/sessions").iterdir()))


def test_nobody_waits_for_a_connection_that_was_given_up(
    connect: Connect, sshd: Sshd, job: Job, mark: str
) -> None:
    lost = threading.Event()
    machine = connect(sandboxes=(), tell=lambda text: lost.set() if "lost" in text else None)

    async def cancelled() -> None:
        task = asyncio.create_task(run_and(RemoteRunner(machine), job, mark, sshd.vanish))
        await asyncio.to_thread(lost.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    try:
        asyncio.run(cancelled())
    finally:
        sshd.start()
    assert time.monotonic() - began < machine._patience_s / 4
    until(lambda: not processes_with(mark))


def test_a_meter_that_connects_again_holds_nobody_up_who_leaves(
    connect: Connect, sshd: Sshd, tmp_path: Path
) -> None:
    lost = threading.Event()
    machine = connect(sandboxes=(), tell=lambda text: lost.set() if "lost" in text else None)
    meter = RemoteMeter(machine, name="cpu-time")

    async def measuring() -> None:
        assert (await RemoteRunner(machine).run(Job("true", str(tmp_path)))).succeeded
        sshd.vanish()
        await asyncio.to_thread(meter.start)

    async def interrupted() -> None:
        task = asyncio.create_task(measuring())
        await asyncio.to_thread(lost.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    try:
        asyncio.run(interrupted())  # which waits for its threads
    finally:
        sshd.start()
    assert time.monotonic() - began < machine._patience_s / 4
