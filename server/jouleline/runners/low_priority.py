"""Runs jobs that nobody waits for: whatever else the machine has to do goes first."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Final

from jouleline.core.ports import Completed, Job
from jouleline.core.wrapped_runner import WrappedRunner

NICENESS: Final = 10
"""Added to our own niceness; 19 is the lowest priority there is."""


@dataclass
class LowPriorityRunner(WrappedRunner):
    """Runs each job as ``runner`` does, with less claim to the processor."""

    async def run(self, job: Job) -> Completed:
        """Run a job to its end or to its limits.

        Raises:
            RunnerError: as the runner that is used.
        """
        command = f"exec nice -n {NICENESS} /bin/sh -c {shlex.quote(job.command)}"
        return await self.runner.run(replace(job, command=command))
