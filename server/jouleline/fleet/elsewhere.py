"""What workers run and measure with, as far as it is known here, where nothing is run or measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from jouleline.core.meter import EnergySample, MeterError, MeterInfo
from jouleline.core.ports import Completed, Job, RunnerError


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The workers' runner: a login node, where we may be, is no place for programs."""

    name: str
    guarantees: tuple[str, ...]
    target: str

    async def run(self, job: Job) -> Completed:
        """Run nothing.

        Raises:
            RunnerError: always.
        """
        raise RunnerError(f"programs run on the workers of target {self.target}, and not here")


@dataclass(frozen=True, slots=True)
class MeterElsewhere:
    """The workers' meter."""

    info: MeterInfo[Any]

    def check(self) -> MeterInfo[Any]:
        """Nothing to test."""
        self._refuse()

    def start(self) -> None:
        """Measure nothing."""
        self._refuse()

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Any]:
        """Measure nothing."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise MeterError(f"{self.info.name} is the workers' meter, and not here")

    def close(self) -> None:
        """Nothing to let go of."""
