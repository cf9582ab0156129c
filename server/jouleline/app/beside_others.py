"""A worker among others on its node: their work must not be in its figures, nor its work in theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jouleline.core.meter import NodeTurn
from jouleline.core.ports import Completed, Job
from jouleline.core.wrapped_runner import WrappedRunner

_POLL_S: Final = 0.01


@dataclass
class TimedTurn:
    """A ``turn`` that keeps how long it was waited for: ``waited_s`` (s), summed."""

    turn: NodeTurn
    waited_s: float = 0.0
    _refused_s: float | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours now."""
        return self.turn.held

    def take(self) -> bool:
        """Take it, unless somebody else has it.

        Raises:
            MeterError: when nobody can tell.
        """
        taken, now_s = self.turn.take(), time.monotonic()
        if not taken:
            self._refused_s = self._refused_s or now_s
        elif self._refused_s is not None:
            self.waited_s += now_s - self._refused_s
            self._refused_s = None
        return taken

    def give_back(self) -> None:
        """Let others have it."""
        self.turn.give_back()


@dataclass
class BesideOthers(WrappedRunner):
    """Builds beside other workers' builds; runs alone, for gates watch how long programs take.

    While another worker measures nothing begins, and while we ``measure`` nothing of ours waits. ``turns``
    makes the turn of one job. Records name ``node``; ``jobs_waited_s`` (s) is what others took, summed.
    """

    node: str
    measuring: TimedTurn
    turns: Callable[[], NodeTurn]
    jobs_waited_s: float = 0.0

    @property
    def waited_s(self) -> float:
        """What jobs and measurements waited for others (s), summed."""
        return self.jobs_waited_s + self.measuring.waited_s

    @property
    def name(self) -> str:
        """The runner's own name, and where it runs."""
        return f"{self.runner.name} on {self.node}"

    async def run(self, job: Job) -> Completed:
        """Run a job when nobody is disturbed by it.

        Raises:
            MeterError: when nobody can tell.
        """
        if self.measuring.held:
            return await self.runner.run(job)
        turn = self.turns()
        while not (turn.share() if job.builds else turn.take()):
            self.jobs_waited_s += _POLL_S
            await asyncio.sleep(_POLL_S)
        try:
            return await self.runner.run(job)
        finally:
            turn.give_back()
