"""Where the programs of a run are built, run and measured: here, on one other machine, or on many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jouleline import __version__
from jouleline.core.candidate import Candidate
from jouleline.core.content_key import content_key
from jouleline.core.ports import Completed
from jouleline.core.verdict import GateResult, Verdict

from .measure import EnergyComparison, Measurement, Report
from .outcome import Tools


@dataclass(slots=True)
class Spent:
    """Wall time (s), each summed over what went on at once.

    Of builds, of runs of the gates, of what starting both took beside, and of measuring.
    """

    build_s: float = 0.0
    run_s: float = 0.0
    start_s: float = 0.0
    measure_s: float = 0.0


class Bench(Protocol):
    """Tries candidates of one program; what was paid for is kept in the run's log, and had from there.

    Every method raises RunnerError where nothing can be run any more.
    """

    @property
    def spent(self) -> Spent:
        """What it took so far."""

    @property
    def jobs(self) -> Sequence[Completed]:
        """How the jobs ended that the meter of the search saw, without what they printed."""

    async def prepare(self) -> None:
        """Build the baseline and run it often enough to know what a candidate must do.

        Raises:
            BuildError: if it does not build.
            BaselineError: if it gives nothing to compare with.
        """

    async def profiled(self) -> Measurement[Any]:
        """The energy of a run of the baseline, from a few windows; nothing is compared with it.

        Raises:
            MeasurementError, MeterError: when there is no figure.
        """

    async def verdict(self, candidate: Candidate) -> Verdict:
        """What the gates say."""

    async def comparison(self, candidate: Candidate, name: str, report: Report) -> EnergyComparison[Any]:
        """The candidate's energy against the baseline's, on fresh blocks for each ``name``.

        Raises:
            MeasurementError, MeterError: when there is no figure.
            BuildError: if a resumed run cannot build it again.
        """

    async def rechecked(self, candidate: Candidate) -> GateResult:
        """Run a candidate once more, after it was measured."""


def circumstances(identity: str, tools: Tools) -> str:
    """A key for all that a verdict and a measurement follow from beside the candidate itself."""
    return content_key(
        "circumstances/2",
        __version__,
        identity,
        tools.runner.name,
        *tools.runner.guarantees,
        tools.device.name if tools.device is not None else "",
        tools.meter.info.name,
        repr(tools.plan),
    )
