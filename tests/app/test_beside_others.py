"""Workers of one node: builds go together, runs and measurements do not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from jouleline.app.beside_others import BesideOthers, TimedTurn
from jouleline.core.ports import Completed, Job
from jouleline.meters.turn import FileTurn, SharedNodeTurn


@dataclass
class Watched:
    """A test double: a runner that keeps how many jobs of each kind went on at once."""

    name: str = "double"
    guarantees: tuple[str, ...] = ()
    now: list[str] = field(default_factory=list)
    met: set[tuple[str, ...]] = field(default_factory=set)

    async def run(self, job: Job) -> Completed:
        self.now.append(job.command)
        self.met.add(tuple(sorted(self.now)))
        await asyncio.sleep(0.02)
        self.now.remove(job.command)
        return Completed(0, b"", b"", 0.02, 0.02)


def worker(runner: Watched, folder: Path, gpus: str = "") -> BesideOthers:
    return BesideOthers(
        runner, "n1", TimedTurn(SharedNodeTurn(folder, gpus)), lambda: SharedNodeTurn(folder, gpus)
    )


BUILD, RUN = Job("build", "", builds=True), Job("run", "")


def test_builds_go_together_and_a_run_is_alone(tmp_path: Path) -> None:
    runner = Watched()
    one, other = worker(runner, tmp_path), worker(runner, tmp_path)

    async def work() -> None:
        jobs = (one.run(BUILD), other.run(BUILD), one.run(RUN), other.run(RUN), other.run(BUILD))
        await asyncio.gather(*jobs)

    asyncio.run(work())
    assert ("build", "build") in runner.met
    assert {each for each in runner.met if "run" in each} == {("run",)}
    assert one.name == "double on n1"
    assert one.waited_s + other.waited_s > 0


def test_nothing_of_others_begins_while_one_measures_or_waits_to(tmp_path: Path) -> None:
    runner = Watched()
    one, other = worker(runner, tmp_path), worker(runner, tmp_path)

    async def work() -> None:
        busy = SharedNodeTurn(tmp_path)
        assert busy.share()
        assert not one.measuring.take()  # it waits, and from now on stands in the way of new work
        build = asyncio.create_task(other.run(BUILD))
        await asyncio.sleep(0.05)
        assert runner.now == []
        busy.give_back()
        assert one.measuring.take()
        await one.run(RUN)  # what is measured does not wait for itself
        assert not build.done()
        # Nor does anybody else of this user measure on this machine, whoever they are.
        assert not FileTurn(tmp_path).take()
        one.measuring.give_back()
        await build

    asyncio.run(work())
    assert runner.met == {("run",), ("build",)}
    assert one.waited_s >= 0.05
    assert other.waited_s >= 0.05


def test_workers_whose_meters_count_a_gpu_each_do_not_wait(tmp_path: Path) -> None:
    one, other = SharedNodeTurn(tmp_path, "0"), SharedNodeTurn(tmp_path, "1")
    assert one.take()
    assert other.take()
    assert not SharedNodeTurn(tmp_path, "0").take()
