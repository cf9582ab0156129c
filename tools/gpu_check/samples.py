"""The CUDA samples on a real GPU: built, run and checked; their bounds; and the loop with rules on them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from jouleline import wiring
from jouleline.app.build import BuildError, Built, build, how_it_failed
from jouleline.app.measure import Plan
from jouleline.app.outcome import Attempt, Step
from jouleline.app.program import Program, read_program
from jouleline.app.refactor import RefactorError, refactor
from jouleline.app.workload import WORKLOAD_FILE, read_workload
from jouleline.core.ports import Runner
from jouleline.core.workload import Workload
from jouleline.runners.local import LocalRunner

from .bench import ROOT, Bench
from .results import Claim, Figure, Findings, estimated

_SAMPLES: Final = ROOT / "samples"
_WRITTEN_FOR: Final = "sm_86"

LARGE: Final[Mapping[str, str]] = {
    "histogram-cuda": "64000000 30",
    "jacobi-cuda": "4096 40",
    "matmul-cuda": "1024 50",
}
"""Arguments that give a GPU something to do; the runs for a CPU's sake that are in the files do not."""

_COMPARISON_S: Final = 185.0
_LEAST_LEFT_S: Final = 150.0
# A comparison with full windows takes three minutes, and the best candidate is compared twice: one rule each.
_RULES: Final[Mapping[str, str]] = {"histogram-cuda": "hoist-transfers", "jacobi-cuda": "single-precision"}


def names() -> list[str]:
    """The CUDA samples."""
    return sorted(path.name for path in _SAMPLES.glob("*-cuda"))


@contextmanager
def sample(name: str, arch: str) -> Iterator[tuple[Program, Workload]]:
    """A copy of a sample that is built for ``arch`` (``sm_90``, say)."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / name
        shutil.copytree(_SAMPLES / name, copy)
        for file in (copy / WORKLOAD_FILE, copy / "Makefile"):
            if file.exists():
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace(_WRITTEN_FOR, arch), encoding="utf-8")
        yield read_program([copy]), read_workload(copy / WORKLOAD_FILE)


def check_samples(bench: Bench) -> Findings:
    """Build each and run it with all its arguments; it checks itself."""
    found = Findings()
    runner = LocalRunner()
    for name in names():
        bench.say(name)
        with sample(name, bench.arch) as (program, workload), tempfile.TemporaryDirectory() as folder:
            try:
                built = asyncio.run(build(program.root, {}, workload, runner, Path(folder) / "built"))
            except BuildError as error:
                found.claims.append(Claim(f"{name} builds for {bench.arch}", holds=False))
                found.notes.append(f"{name}: {error}")
                continue
            for arguments in (*workload.check_args, workload.args, LARGE.get(name, "")):
                if arguments:
                    asyncio.run(_run(found, name, built, runner, arguments))
    return found


async def _run(found: Findings, name: str, built: Built, runner: Runner, arguments: str) -> None:
    done = await runner.run(replace(built, workload=replace(built.workload, args=arguments)).job())
    passed = done.succeeded and b"PASS" in done.stdout
    found.claims.append(Claim(f"{name} {arguments} passes its own check", passed))
    found.figures.append(Figure(f"{name} {arguments}: run time", done.wall_s, "s"))
    if not passed:
        found.notes.append(f"{name} {arguments}: {how_it_failed(done)}")


def check_refactor(bench: Bench) -> Findings:
    """The loop on samples that rules have something to say on, as far as the time allows."""
    found = Findings(notes=["programs ran outside the sandbox"])
    for name, rule in _RULES.items():
        if bench.remaining_s < _LEAST_LEFT_S * bench.scale:
            found.notes.append(f"{name}: no time was left")
            continue
        asyncio.run(_refactor(bench, name, rule, found))
    return found


async def _refactor(bench: Bench, name: str, rule: str, found: Findings) -> None:
    meter = bench.meter
    with sample(name, bench.arch) as (program, workload), tempfile.TemporaryDirectory() as records:
        tools = wiring.refactor_tools(confined=False, uses_gpu=False)
        tools.close()
        plan = Plan(budget_s=_COMPARISON_S * bench.scale, warm_up_windows=3, idle_s=0.0)
        rules = [one for one in tools.rules if one.name == rule]
        tools = replace(
            tools,
            meter=meter,
            search_meter=None,
            rules=rules,
            gpu_measured=True,
            plan=plan,
            records=Path(records),
        )
        work = replace(workload, args=LARGE[name])
        reached = ["its beginning"]

        def tell(step: Step) -> None:
            reached.append(step.message)
            bench.say(f"{name}: {step.message}")

        try:
            # Some seconds less, so that what is found so far can still be kept.
            async with asyncio.timeout(max(bench.remaining_s - 5, 1)):
                outcome = await refactor(program, work, tools, tell)
        except TimeoutError:
            found.notes.append(f"{name}: the loop did not end in the stage's time; it was at: {reached[-1]}")
            return
        except RefactorError as error:
            found.claims.append(Claim(f"the loop comes to its end on {name}", holds=False))
            found.notes.append(f"{name}: {error}")
            return
    found.claims.append(Claim(f"the loop comes to its end on {name}", holds=True))
    found.notes.append(f"{name} {work.args}, rule {rule}: {outcome.headline}")
    for attempt in outcome.attempts:
        _tell(found, name, attempt)
    if outcome.energy is not None:
        again = outcome.energy.comparison.energy_ratio
        found.figures.append(estimated(f"{name}, measured again: energy ratio", again, "1"))


def _tell(found: Findings, name: str, attempt: Attempt) -> None:
    label = f"{name}, {attempt.candidate.name}"
    if attempt.energy is None:
        found.notes.append(f"{label}: {attempt.problem or _refusal(attempt)}")
        return
    comparison = attempt.energy.comparison
    found.notes.append(f"{label}: {attempt.energy.verdict} after {len(comparison.blocks)} blocks")
    found.figures += [
        estimated(f"{label}: energy ratio", comparison.energy_ratio, "1"),
        estimated(f"{label}: time ratio", comparison.time_ratio, "1"),
    ]


def _refusal(attempt: Attempt) -> str:
    failed = attempt.verdict.failed
    return "not measured" if failed is None else f"{failed.name}: {failed.reason}"
