"""The whole loop by Parsl's workers on a real Slurm, and what becomes of it when something is lost."""

import asyncio
import os
import platform
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from jouleline import wiring
from jouleline.app.energy_record import read_energy_record
from jouleline.app.journal import EVENTS_FILE, read_events
from jouleline.app.outcome import Outcome, Step, Tools
from jouleline.app.program import read_program
from jouleline.app.refactor import refactor
from jouleline.app.workload import find_workload
from tests.cli.command import jouleline, snapshot
from tests.runners.processes import processes_with, until
from tests.support.slurm import Slurm

pytestmark = [pytest.mark.needs("g++"), pytest.mark.slow]

NODE = platform.node()
RULES = {"reduction-clause", "strength-reduction", "invariant-call"}


def evaluations(record: Path) -> list[dict[str, Any]]:
    return [event for event in read_events(record / EVENTS_FILE) if event["kind"] == "evaluation"]


def nothing_is_left(slurm: Slurm, home: Path, mark: str) -> None:
    """No job, no process of a worker, of Parsl or of a program, no file of the fleet."""
    until(lambda: slurm.jobs() == [])
    until(lambda: processes_with(mark) == [])
    until(lambda: processes_with(str(home)) == [])
    assert list((home / "files").iterdir()) == []
    assert snapshot(Path.cwd() / "runinfo") == {}


def test_a_node_that_is_lost_costs_no_candidate(program: Path, slurm: Slurm, home: Path, mark: str) -> None:
    before = snapshot(program)
    steps: list[Step] = []

    async def cancelled_once(tools: Tools) -> Outcome:
        source = read_program([program])
        run = asyncio.create_task(
            refactor(source, find_workload(source, tools.toolchains), tools, steps.append)
        )
        # While candidates are tried: the baseline was run by then.
        await asyncio.to_thread(until, lambda: any(step.stage == "verify" for step in steps))
        await asyncio.to_thread(until, lambda: processes_with(mark))
        await asyncio.to_thread(slurm, "scancel", f"--user={os.environ.get('USER', os.getuid())}")
        return await run

    settings = wiring.measure_settings(program / "jouleline.toml")
    with closing(
        wiring.refactor_tools(target="fleet", use="rules", program=program, settings=settings)
    ) as tools:
        outcome = asyncio.run(cancelled_once(tools))
    nothing_is_left(slurm, home, mark)

    # Where two of them save energy by themselves, both together are tried, too.
    proposers = {attempt.proposer for attempt in outcome.attempts}
    assert proposers - {"combined"} == RULES
    assert snapshot(program) == before
    found = [event["result"] for event in evaluations(outcome.record)]
    assert len(found) == len(proposers)
    assert {one["node"] for one in found} == {NODE}
    # Two workers had one each at the same time.
    assert any(
        one["worker"] != other["worker"]
        and abs(one["began"] - other["began"]) < min(one["seconds"], other["seconds"])
        for one, other in combinations(found, 2)
    )


def test_an_interrupted_run_goes_on_without_paying_twice(
    program: Path, slurm: Slurm, home: Path, mark: str
) -> None:
    # Two candidates will do.
    source = program / "main.cpp"
    source.write_text(source.read_text().replace(" + std::pow(x[i], 2.0)", ""))
    words = ["refactor", str(program), "--use", "rules", "--target", "fleet"]
    with subprocess.Popen(
        [sys.executable, "-m", "jouleline", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        assert started.stderr is not None
        for line in started.stderr:
            if "tried on" in line:
                break
        # As a terminal does, to all processes that are in its foreground.
        os.killpg(started.pid, signal.SIGINT)
        rest = started.stderr.read()
    assert started.returncode == 1
    assert rest.endswith("jouleline refactor: stopped\n")
    nothing_is_left(slurm, home, mark)
    [record] = (home / "state/jouleline/runs").iterdir()
    paid = [event["key"] for event in evaluations(record)]
    assert paid

    resumed = jouleline(*words, "--resume", "--format", "json", home=home)
    assert resumed.code == 0, resumed.err
    nothing_is_left(slurm, home, mark)
    keys = Counter(event["key"] for event in evaluations(record))
    assert set(paid) <= set(keys)
    assert set(keys.values()) == {1}
    assert len(keys) == 2
    document = resumed.document
    assert document["cost"]["reused"] == len(paid)
    for attempt in document["attempts"]:
        if attempt["energy"] is not None:
            assert attempt["energy"]["runner"].endswith(f" on {NODE}")
    for path in record.glob("energy-*.jsonl"):
        assert read_energy_record(path).header.meter.device.endswith(f" of {NODE}")


def test_a_queue_that_never_starts_can_be_left(program: Path, slurm: Slurm, home: Path, mark: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "jouleline", "refactor", str(program), "--use", "rules", "--target", "closed"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as started:  # fmt: skip
        assert started.stderr is not None
        for line in started.stderr:
            if "closed: 0 of 1 nodes run, 1 wait in slurm" in line:
                break
        os.killpg(started.pid, signal.SIGINT)
        assert started.stderr.read() == "jouleline refactor: stopped\n"
    assert started.returncode == 1
    nothing_is_left(slurm, home, mark)
