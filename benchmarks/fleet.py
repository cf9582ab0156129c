"""How busy Parsl's workers are kept: many evaluations, in a real Slurm on this very machine.

An evaluation is a build of a candidate and a run of it in the sandbox. Gates and measuring are left out: they
only make evaluations longer, and on one machine workers wait for each other with these on purpose.
A worker is busy from the moment at which it has an evaluation to the moment at which it has its result.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from jouleline.app.build import build
from jouleline.core.ports import Runner
from jouleline.core.target import Target
from jouleline.core.workload import Workload
from jouleline.fleet.workers import Fleet
from jouleline.runners.choice import NoSandboxHereError, sandboxed
from jouleline.runners.local import LocalRunner
from tests.support.slurm import running_slurm
from tests.support.tools import find_tool

BUSY_TARGET: Final = 0.9
_EVALUATIONS: Final = 200
_WORKERS: Final = 2
_REPOSITORY: Final = Path(__file__).parent.parent
_WORKLOAD: Final = Workload("g++ -O1 main.cpp -o main", "./main")
_SOURCE: Final = """\
#include <cstdio>
int main() {
  double sum = 0;
  for (int i = 1; i <= 10000000; ++i) sum += %d.0 / i;
  std::printf("%%.12g\\n", sum);
}
"""


@dataclass(frozen=True)
class _Evaluation:
    worker: int
    began: float
    ended: float
    succeeded: bool


def evaluate(number: int) -> _Evaluation:
    """Build and run a program that is like no other; called on a worker."""
    began = time.time()
    return _Evaluation(os.getpid(), began, *asyncio.run(_built_and_run(number)))


async def _built_and_run(number: int) -> tuple[float, bool]:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "program").mkdir()
        candidate = {"main.cpp": (_SOURCE % number).encode()}
        runner = _runner()
        built = await build(here / "program", candidate, _WORKLOAD, runner, here / "built")
        done = await runner.run(built.job())
    return time.time(), done.succeeded


def _runner() -> Runner:
    try:
        return sandboxed(("bubblewrap",), ())[0]
    except NoSandboxHereError:
        return LocalRunner()


def measure() -> dict[str, Any]:
    """Shares of time and seconds; ``not measured`` with its reason where Slurm is not installed."""
    if find_tool("slurmctld") is None and not Path("/usr/sbin/slurmctld").exists():
        return {"not measured": "no Slurm is here: apt-get install slurm-wlm munge"}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "slurm").mkdir(mode=0o700)
        with running_slurm(Path(folder) / "slurm") as slurm, mock.patch.dict(os.environ, slurm.environment):
            target = Target(
                "bench",
                "parsl",
                "127.0.0.1",
                python=sys.executable,
                folder=f"{folder}/files",
                setup=f"export PYTHONPATH={_REPOSITORY}",
                scheduler="slurm",
                workers=_WORKERS,
                minutes=30,
            )
            asked = time.time()
            with closing(Fleet(target, evaluate)) as fleet:
                return _figures(asyncio.run(_all(fleet)), asked)


async def _all(fleet: Fleet) -> list[_Evaluation]:
    return await asyncio.gather(*(fleet.run(number) for number in range(1, _EVALUATIONS + 1)))


def _figures(found: list[_Evaluation], asked: float) -> dict[str, Any]:
    assert all(one.succeeded for one in found)
    first, last = min(one.began for one in found), max(one.ended for one in found)
    busy_s: dict[int, float] = defaultdict(float)
    for one in found:
        busy_s[one.worker] += one.ended - one.began
    share = sum(busy_s.values()) / (_WORKERS * (last - first))
    least = min(busy_s.values()) / (last - first) if len(busy_s) == _WORKERS else 0.0
    return {
        "evaluations": len(found),
        "workers": _WORKERS,
        "evaluation_s": round(sum(busy_s.values()) / len(found), 3),
        "span_s": round(last - first, 2),
        "first_worker_after_s": round(first - asked, 2),
        "busy_share": round(share, 4),
        "least_busy_worker": round(least, 4),
        "busy_share_with_start": round(sum(busy_s.values()) / (_WORKERS * (last - asked)), 4),
        "busy_target": BUSY_TARGET,
        "met": least >= BUSY_TARGET,
    }
