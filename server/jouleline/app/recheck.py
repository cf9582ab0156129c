"""Run a candidate once more after it was measured: some are right first and wrong later."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import replace
from pathlib import Path

from jouleline.core.ports import Runner
from jouleline.core.verdict import GateResult

from .build import Built
from .observe import HARSH, RunError, quoted, run_once
from .reference import Reference


async def recheck(reference: Reference, built: Built, runner: Runner, scratch: Path) -> GateResult:
    """Run a candidate once more, after it was measured: in another folder, with rubbish in its memory.

    ``scratch`` is a folder that does not exist yet. What a measured run left behind in the candidate's
    own folder, and what only holds the first times, is of no use there.

    Raises:
        RunnerError: if a process could not be started.
    """
    began = time.monotonic()
    result = await _rechecked(reference, built, runner, scratch)
    return replace(result, seconds=time.monotonic() - began)


async def _rechecked(reference: Reference, built: Built, runner: Runner, scratch: Path) -> GateResult:
    try:
        await asyncio.to_thread(shutil.copytree, built.directory, scratch, symlinks=True)
        moved = replace(built, directory=scratch)
        seen = (*reference.observations, *reference.unseen)
        for observation in seen:
            limits = reference.effort.candidate_limits(observation.wall_s)
            environment = HARSH if observation.harsh else {}
            ran = await run_once(moved, observation.args, limits, runner, environment=environment)
            difference = await asyncio.to_thread(observation.difference, ran)
            if difference is not None:
                reason = (
                    f"measured, then run with {quoted(observation.args)} the candidate differs: {difference}"
                )
                return GateResult("recheck", passed=False, reason=reason)
    except RunError as error:
        return GateResult("recheck", passed=False, reason=error.of("the candidate"), detail=error.detail)
    except OSError as error:
        return GateResult("recheck", passed=False, reason=f"the candidate cannot be copied: {error}")
    finally:
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
    return GateResult(
        "recheck", passed=True, reason=f"equal again in another folder with {len(seen)} set(s) of arguments"
    )
