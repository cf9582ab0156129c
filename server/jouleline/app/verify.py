"""Accept or reject a candidate by deterministic gates, the cheapest first.

We run both programs and compare what they did; what a program prints of its own success or speed is no
evidence. What each gate catches, and what none does yet, is in docs/verification.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jouleline.core.device import Device
from jouleline.core.ports import Finding, Runner
from jouleline.core.verdict import GateResult, Verdict
from jouleline.core.workload import Workload

from .build import BuildError, Built, build
from .gates import check_files, folder_changes, sources
from .observe import BaselineError, Effort, require_gpu
from .recheck import recheck
from .reference import Reference, make_reference
from .trial import GATES, Report, Trial

__all__ = [
    "GATES",
    "BaselineError",
    "Effort",
    "Reference",
    "check_candidate",
    "make_reference",
    "recheck",
    "verify_folders",
]


async def check_candidate(
    reference: Reference,
    folder: Path,
    changed: Mapping[str, bytes],
    *,
    original: Mapping[str, bytes],
    runner: Runner,
    scratch: Path,
    progress: Report | None = None,
    must_differ: bool = False,
) -> tuple[Verdict, Built | None]:
    """Try a candidate: the baseline in ``folder`` with the files ``changed``, built in ``scratch``.

    ``original`` are the baseline's files by name, and ``scratch`` is a folder that does not exist yet.
    With ``must_differ`` one is refused whose machine code is the baseline's. The program is returned when
    it was built, whatever the verdict.

    Raises:
        RunnerError: if a process could not be started.
    """
    trial = Trial(reference, runner, progress or _ignore, must_differ=must_differ)
    began = trial.begin("files")
    if trial.end(began, check_files(changed, original, reference.workload)):
        await trial.run(folder, changed, original, scratch)
    return trial.verdict, trial.built


async def verify_folders(
    baseline: Path,
    candidate: Path,
    workload: Workload,
    runner: Runner,
    scratch: Path,
    *,
    effort: Effort | None = None,
    device: Device | None = None,
    gpu: Finding | None = None,
    progress: Report | None = None,
) -> Verdict:
    """Try the program in one folder as a candidate for that in another.

    Both are built in ``scratch``, an existing folder. Only the files that a candidate may change are
    taken from its folder, and ``workload`` is the baseline's. ``device`` is the processor where they run,
    ``gpu`` what is known of the GPUs there (None: nothing).

    Raises:
        BaselineError: if the baseline does not build, lacks a GPU or gives nothing to compare with.
        OSError: if a file of the candidate cannot be read.
        RunnerError: if a process could not be started.
    """
    tell = progress or _ignore
    tell("files")
    began = time.monotonic()
    changes = await asyncio.to_thread(folder_changes, baseline, candidate, workload)
    if changes.problem:
        files = GateResult("files", passed=False, reason=changes.problem)
    else:
        files = check_files(changes.changed, changes.original, workload)
    files = replace(files, seconds=time.monotonic() - began)
    if not files.passed:
        return Verdict((files,))
    tell("baseline")
    try:
        built = await build(baseline, {}, workload, runner, scratch / "baseline")
    except BuildError as error:
        raise BaselineError(f"the baseline does not build: {error}") from error
    await require_gpu(built, gpu)
    trial = Trial(await make_reference(built, runner, effort, device), runner, tell, Verdict((files,)))
    original = await asyncio.to_thread(sources, baseline)
    await trial.run(baseline, changes.changed, original, scratch / "candidate")
    return trial.verdict


def _ignore(_: str) -> None:
    pass
