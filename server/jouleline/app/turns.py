"""Who may use the machine when: builds overlap, runs wait for each other, and all of it is accounted for."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from jouleline.core.ports import Completed, Job
from jouleline.core.wrapped_runner import WrappedRunner


@dataclass
class Account(WrappedRunner):
    """A runner that keeps how each job ended: ``done`` is what all of them together took."""

    done: list[Completed] = field(default_factory=list)

    async def run(self, job: Job) -> Completed:
        """Run a job, and keep how it ended without what it printed."""
        completed = await self.runner.run(job)
        self.done.append(replace(completed, stdout=b"", stderr=b""))
        return completed


@dataclass
class Turns(WrappedRunner):
    """A runner that lets at most ``builds`` builds overlap, and no two other jobs.

    Gates watch how long programs take, so a run must not meet another. ``build_s`` and ``run_s`` are
    wall times (s), summed, and ``start_s`` what the runner took beside: a sandbox has to be set up.
    """

    builds: int
    build_s: float = 0.0
    run_s: float = 0.0
    start_s: float = 0.0
    _building: asyncio.Semaphore = field(init=False)
    _running: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        """Open as many places for builds."""
        self._building = asyncio.Semaphore(self.builds)

    async def run(self, job: Job) -> Completed:
        """Run a job when it is its turn."""
        turn: AbstractAsyncContextManager[object] = self._building if job.builds else self._running
        async with turn:
            began = time.monotonic()
            completed = await self.runner.run(job)
            self.start_s += max(time.monotonic() - began - completed.wall_s, 0.0)
        if job.builds:
            self.build_s += completed.wall_s
        else:
            self.run_s += completed.wall_s
        return completed
