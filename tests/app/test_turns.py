"""Builds overlap, runs do not, and every job is accounted for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from jouleline.app.build import build
from jouleline.app.turns import Account, Turns
from jouleline.app.warnings import WARNING_OPTIONS
from jouleline.core.ports import Completed, Job
from jouleline.core.workload import Workload


@dataclass
class WatchingRunner:
    """A test double: a runner that sees how many jobs of each command run at once."""

    name: str = "watching double"
    guarantees: tuple[str, ...] = ()
    now: list[str] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)

    async def run(self, job: Job) -> Completed:
        self.now.append(job.command)
        self.most[job.command] = max(self.most.get(job.command, 0), self.now.count(job.command))
        await asyncio.sleep(0.01)
        self.now.remove(job.command)
        return Completed(0, b"much output", b"", wall_s=2.0, cpu_s=1.0)


def test_builds_overlap_up_to_a_number_and_runs_never() -> None:
    async def work() -> tuple[Turns, Account, WatchingRunner]:
        runner = WatchingRunner()
        account = Account(runner)
        turns = Turns(account, builds=2)
        await asyncio.gather(
            *(turns.run(Job(command, "", builds=command == "make")) for command in ["make", "./a"] * 5)
        )
        return turns, account, runner

    turns, account, runner = asyncio.run(work())
    assert runner.most == {"make": 2, "./a": 1}
    assert (turns.build_s, turns.run_s) == (10.0, 10.0)
    assert sum(one.cpu_s for one in account.done) == 10.0
    assert {one.stdout for one in account.done} == {b""}


def test_a_build_with_further_options_is_a_build_too(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()

    async def work() -> Turns:
        turns = Turns(WatchingRunner(), builds=2)
        workload = Workload(build="make", run="./a")
        await build(tmp_path / "program", {}, workload, turns, tmp_path / "copy", options=WARNING_OPTIONS)
        return turns

    turns = asyncio.run(work())
    assert (turns.build_s, turns.run_s) == (2.0, 0.0)
