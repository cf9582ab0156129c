"""Jobs of PBS, LSF and Flux, on doubles of their commands: the agent, relay and connection are real."""

import asyncio
import os
import platform
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.agent.pbs import attributes
from jouleline.agent.schedulers import BATCH, SCHEDULERS
from jouleline.app.target_settings import FLEET, RUNNERS
from jouleline.core.ports import Completed, Job, RunnerError
from jouleline.core.target import Target
from jouleline.remote.channel import Channel
from jouleline.remote.errors import UnreachableError
from jouleline.remote.machine import Machine
from jouleline.remote.queued import Queued
from jouleline.remote.runner import RemoteRunner
from tests.runners.processes import processes_with, sleeper, sleepers_with, until
from tests.support.queue_double import COMMANDS, NOT_FREE, QueueDouble, folded
from tests.support.tools import bare_path

Allocate = Callable[..., Machine]

every_scheduler = pytest.mark.parametrize("queue", COMMANDS, indirect=True)


@pytest.fixture
def queue(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[QueueDouble]:
    double = QueueDouble(tmp_path / "queue", getattr(request, "param", "pbs"))
    double.install()
    monkeypatch.setenv("PATH", str(double.bin), prepend=":")
    yield double
    double.close()


@pytest.fixture
def cluster(queue: QueueDouble, tmp_path: Path) -> Target:
    return Target(
        "cluster", queue.scheduler, python=sys.executable, folder=str(tmp_path / "files"), queue="gpu",
        account="p1234", minutes=90,
    )  # fmt: skip


@pytest.fixture
def allocate(cluster: Target) -> Iterator[Allocate]:
    with ExitStack() as stack:

        def allocated(patience_s: float = 30.0, **of_target: Any) -> Machine:
            launcher = Queued(replace(cluster, **of_target))
            machine = Machine("cluster", launcher, sandboxes=(), patience_s=patience_s)
            stack.callback(machine.close)
            return machine

        yield allocated


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def run(machine: Machine, command: str, folder: Path) -> Completed:
    return asyncio.run(RemoteRunner(machine).run(Job(command, str(folder))))


def test_what_can_be_written_for_runner_is_there() -> None:
    assert list(RUNNERS) == ["ssh", *SCHEDULERS, FLEET]


@every_scheduler
def test_one_job_serves_all_runs_and_ends_with_them(
    allocate: Allocate, queue: QueueDouble, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "it's 3")
    machine = allocate(setup=f"export PATH={queue.bin}:$PATH OMP_PLACES=cores SECRET_TOKEN=hush")
    data = os.urandom(2 * 1024**2)
    (work / "in").write_bytes(data)
    jobs = queue.jobs()
    assert len(jobs) == 1
    assert jobs[0].startswith("jouleline-")
    assert run(machine, "cat in", work).stdout == data
    done = run(machine, 'echo "$OMP_NUM_THREADS $OMP_PLACES"', work)
    assert done.stdout == b"it's 3 cores\n"
    assert machine.facts.node == platform.node()
    assert queue.jobs() == jobs
    (folder,) = (path for path in (tmp_path / "files/jobs").iterdir() if path.is_dir())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not (folder / "call").exists(), "a key serves once"
    assert "hush" not in (folder / "script").read_text()
    machine.close()
    assert queue.jobs() == []
    assert list((tmp_path / "files/jobs").iterdir()) == []


@every_scheduler
def test_a_queue_that_never_starts_is_told_with_its_reason_and_can_be_left(
    cluster: Target, queue: QueueDouble
) -> None:
    others = [queue.submit("of somebody else", "closed", [], "", {}) for _ in range(2)]
    told: list[str] = []
    channel, waiting = _waiting(cluster, told.append)
    until(lambda: told)
    as_submitted = " as submitted" if queue.scheduler == "pbs" else ""
    assert told[0].endswith(f"waits in the queue closed (3 of 3{as_submitted}, {NOT_FREE})")
    channel.close()
    waiting.join()
    assert len(queue.jobs()) == len(others)


def _waiting(cluster: Target, tell: Callable[[str], None]) -> tuple[Channel, threading.Thread]:
    """A connection that is waited for, by a thread."""
    launcher = Queued(replace(cluster, queue="closed"))
    channel = Channel(
        launcher.command("abc123", 60.0, ""), launcher.explain, lease_s=60.0,
        hear=lambda event: tell(str(event["text"])),
    )  # fmt: skip
    waiting = threading.Thread(target=_opened, args=(channel,))
    waiting.start()
    return channel, waiting


def _opened(channel: Channel) -> None:
    with suppress(UnreachableError, ValueError):
        channel.open()


def test_who_waits_long_enough_is_told_and_leaves(allocate: Allocate, queue: QueueDouble) -> None:
    with pytest.raises(UnreachableError, match=r"not begin within 0\.01 minutes, .* as `wait_minutes` lets"):
        allocate(queue="closed", wait_minutes=0.01)
    assert queue.jobs() == []


@every_scheduler
def test_a_job_that_is_refused_is_one_sentence(allocate: Allocate, queue: QueueDouble) -> None:
    with pytest.raises(UnreachableError) as raised:
        allocate(queue="none")
    said = str(raised.value)
    assert said.startswith(f"target cluster: {queue.scheduler} refused the job: ")
    assert {"pbs": "Unknown queue", "lsf": "none: No such queue", "flux": "Invalid queue: none"}[
        queue.scheduler
    ] in said
    assert queue.jobs() == []


@pytest.mark.usefixtures("queue")
def test_where_the_scheduler_is_not_is_said(
    allocate: Allocate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare_path(monkeypatch, tmp_path)
    with pytest.raises(UnreachableError, match=r"qsub cannot be started.*is this where jobs are submitted"):
        allocate()


def test_what_a_node_lacks_is_said(allocate: Allocate, queue: QueueDouble) -> None:
    with pytest.raises(UnreachableError, match=r"on .*, apptainer cannot be started: No such file"):
        allocate(container="lab.sif")
    assert queue.jobs() == []


ENDS = [
    ("pbs", "walltime", "it ran past its time limit; raise `minutes`, or measure less"),
    ("pbs", "memory", "it went over its memory; ask for more in `options`"),
    ("lsf", "walltime", "it ran past its time limit"),
    ("lsf", "memory", "it went over its memory"),
    ("lsf", "preempt", "it was preempted by a job of higher priority"),
    ("lsf", "node", "its node failed"),
    ("lsf", "cancel", "it was cancelled"),
    ("flux", "walltime", "it ran past its time limit; raise `minutes`, or measure less (resource allocation"),
    ("flux", "preempt", "it was cancelled (preempted by a job of higher priority)"),
    ("flux", "node", "its node failed (lost contact with job shell)"),
    ("flux", "cancel", "it was cancelled"),
]


@pytest.mark.parametrize(
    ("queue", "why", "said"), [pytest.param(*one, id=" ".join(one[:2])) for one in ENDS], indirect=["queue"]
)
def test_why_a_scheduler_ended_a_job_is_known(
    queue: QueueDouble, tmp_path: Path, why: str, said: str
) -> None:
    log = tmp_path / "log"
    log.write_text("")
    queue.submit("one-of-ours", "gpu", ["sleep", "60"], str(log), {"PATH": os.environ["PATH"]})
    scheduler = BATCH[queue.scheduler]
    assert "is running" in scheduler.waiting("one-of-ours")
    queue.end(why)
    assert scheduler.waiting("one-of-ours") == ""
    assert said in scheduler.ended("one-of-ours", log.read_text())


def test_a_job_past_its_time_limit_leaves_nothing_and_is_told(
    allocate: Allocate, cluster: Target, queue: QueueDouble, work: Path, mark: str
) -> None:
    machine = allocate(patience_s=0.0)

    async def running() -> None:
        task = asyncio.create_task(RemoteRunner(machine).run(Job(sleeper(mark), str(work))))
        await asyncio.to_thread(until, lambda: sleepers_with(mark))
        machine._launcher = Queued(replace(cluster, queue="none"))
        queue.end("walltime")
        await task

    with pytest.raises(RunnerError, match=r"pbs ended the job .*: it ran past its time limit"):
        asyncio.run(running())
    until(lambda: not processes_with(mark))
    assert queue.jobs() == []


@pytest.mark.parametrize("queue", ["flux"], indirect=True)
def test_a_job_that_was_ended_is_submitted_again(
    allocate: Allocate, queue: QueueDouble, work: Path, mark: str, tmp_path: Path
) -> None:
    machine = allocate()

    async def running() -> Completed:
        command = f"if mkdir {tmp_path}/{mark} 2>/dev/null; then {sleeper(mark)}; fi; echo again"
        task = asyncio.create_task(RemoteRunner(machine).run(Job(command, str(work))))
        await asyncio.to_thread(until, lambda: sleepers_with(mark))
        queue.end("node")
        return await task

    assert asyncio.run(running()).stdout == b"again\n"
    until(lambda: not processes_with(mark))
    assert len(queue.jobs()) == 1


def test_a_job_that_cannot_call_is_told_with_what_it_said(
    allocate: Allocate, queue: QueueDouble, tmp_path: Path
) -> None:
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\necho "jouleline: on node7: no way" >>"${1%script}said"\n')
    shell.chmod(0o755)
    with pytest.raises(UnreachableError, match=r"target cluster: on node7: no way"):
        allocate(options=("-S", str(shell)))
    assert queue.jobs() == []
    assert list((tmp_path / "files/jobs").iterdir()) == []


def test_a_killed_relay_leaves_nothing_in_the_queue(cluster: Target, queue: QueueDouble) -> None:
    channel, waiting = _waiting(cluster, lambda _: None)
    until(queue.jobs)
    channel.kill()
    waiting.join()
    until(lambda: queue.jobs() == [])
    channel.close()


NAMES = st.from_regex(r"[A-Za-z_]+(\.[a-z_]+)?", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).map(
    lambda text: text.replace("=", "-")
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_attributes_are_read_however_long_their_lines(known: dict[str, str]) -> None:
    lines = [folded(f"    {name} = {value}") for name, value in known.items()]
    assert attributes("\n".join(["Job Id: 12.double", *lines, ""])) == known
