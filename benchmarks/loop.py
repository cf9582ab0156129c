"""What the refactoring loop itself costs: all of a run but builds, runs, measuring and the model.

One rule on one sample, so that nothing overlaps and the parts of a run add up. Setting up the sandbox for
builds and runs is a part of its own (``start_s``), without and with which the overhead is told; copies of
the program are the loop's. On a busy machine the loop waits for the processor too: ``own_cpu_s`` is what
this process computed in all, while others ran and were measured included.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline import wiring
from jouleline.app.cached_builds import CachedBuilds
from jouleline.app.program import read_program
from jouleline.app.refactor import refactor
from jouleline.app.workload import find_workload
from jouleline.core.ports import Runner

SHARE_TARGET: Final = 0.05
CANDIDATE_TARGET_S: Final = 1.0
_RULE: Final = "reduction-clause"


def uncached(runner: Runner) -> Runner:
    """The runner that really builds: what was kept of an earlier run would make builds look cheap."""
    return runner.runner if isinstance(runner, CachedBuilds) else runner


def measure(sample: Path) -> dict[str, Any]:
    program = read_program([sample])
    try:
        tools = wiring.refactor_tools(use="rules")
    except wiring.NoSandboxError:  # the sample is our own
        tools = wiring.refactor_tools(use="rules", confined=False)
    with closing(tools.meter), tempfile.TemporaryDirectory() as records:
        tools = replace(
            tools,
            runner=uncached(tools.runner),
            rules=[rule for rule in tools.rules if rule.name == _RULE],
            settings=replace(tools.settings, rounds=0),
            records=Path(records),
        )
        workload = find_workload(program, tools.toolchains)
        began_cpu_s = time.process_time()
        outcome = asyncio.run(refactor(program, workload, tools))
        cpu_s = time.process_time() - began_cpu_s
    cost = outcome.cost
    parts = {
        "build_s": cost.build_s,
        "run_s": cost.run_s,
        "start_s": cost.start_s,
        "measure_s": cost.measure_s,
        "model_s": cost.model_s,
    }
    overhead_s = cost.wall_s - sum(parts.values())
    share = overhead_s / cost.wall_s
    candidate_s = overhead_s / len(outcome.attempts)
    return {
        "sample": sample.name,
        "rule": _RULE,
        "runner": tools.runner.name,
        "candidates": len(outcome.attempts),
        "wall_s": round(cost.wall_s, 2),
        **{name: round(seconds, 2) for name, seconds in parts.items()},
        "overhead_s": round(overhead_s, 3),
        "own_cpu_s": round(cpu_s, 3),
        "overhead_share": round(share, 4),
        "share_target": SHARE_TARGET,
        "overhead_per_candidate_s": round(candidate_s, 3),
        "candidate_target_s": CANDIDATE_TARGET_S,
        "met": share < SHARE_TARGET and candidate_s < CANDIDATE_TARGET_S,
        "with_start_s": round(overhead_s + cost.start_s, 3),
        "with_start_share": round((overhead_s + cost.start_s) / cost.wall_s, 4),
    }
