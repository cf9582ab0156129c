"""Runs jobs as ordinary processes of this user, unconfined."""

from __future__ import annotations

import os
import tempfile

from jouleline.core.ports import Completed, Job
from jouleline.runners.environment import job_environment
from jouleline.runners.supervised import run_supervised


class LocalRunner:
    """Runs each job with ``sh -c`` on this machine; for programs that the user trusts.

    A job gets its own session, no input, an empty home that is removed afterwards, and only the part
    of our environment named in :mod:`jouleline.runners.environment`; but it may read and write
    whatever the user may. Its whole process tree ends with it.
    """

    @property
    def name(self) -> str:
        """``local``."""
        return "local"

    @property
    def guarantees(self) -> tuple[str, ...]:
        """Empty: nothing is kept from a job."""
        return ()

    async def run(self, job: Job) -> Completed:
        """Run a job to its end or to its limits; see :func:`run_supervised`.

        Raises:
            RunnerError: when the job could not be started at all.
        """
        # A job may leave folders that even rmtree cannot enter; they are not worth an error.
        with tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True) as scratch:
            environment = job_environment(os.environ, scratch, job.environment)
            return await run_supervised(job, (), environment, scratch)
