"""The bench of many workers: every candidate is tried whole by one of them, several at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from jouleline.core.candidate import Candidate
from jouleline.core.content_key import content_key
from jouleline.core.ports import Completed, LostWorkerError
from jouleline.core.verdict import GateResult, Verdict, verdict_of

from .bench import Spent, circumstances
from .build import BuildError
from .comparing import replayed, unused
from .copying import CopyError, copy_program
from .evaluation import Question, Reply
from .journal import Journal, files_key, identity
from .measure import EnergyComparison, Measurement, MeasurementError, Report
from .outcome import Fleet, Task

_WORKER = "worker"
"""The gate that a candidate fails whose workers do not survive it."""


class FleetBench:
    """Asks the workers of the tools' fleet; each figure is that of one of them."""

    def __init__(self, task: Task, fleet: Fleet, journal: Journal, tell: Callable[[str], None]) -> None:
        """``tell`` hears what workers did."""
        self._task = task
        self._fleet = fleet
        self._journal = journal
        self._tell = tell
        self._known = identity(task.program, task.workload)
        self._circumstances = circumstances(self._known, task.tools)
        self._spent = Spent()
        self._tried: dict[str, Mapping[str, Any]] = {}
        self._compared: dict[str, str] = {}
        self._rechecks: dict[str, GateResult] = {}

    @property
    def spent(self) -> Spent:
        """What it took so far, of all workers together."""
        return self._spent

    @property
    def jobs(self) -> Sequence[Completed]:
        """None: no meter sees all workers."""
        return ()

    async def prepare(self) -> None:
        """Let the workers have a copy of the program as it is now, and one of them build and run it.

        Raises:
            BuildError, BaselineError, RunnerError: as every bench.
        """
        try:
            self._fleet.keep(self._known, lambda folder: copy_program(self._task.program.root, folder))
        except CopyError as error:
            raise BuildError(str(error)) from error
        self._tell("the baseline is tried by a worker")
        reply = await self._asked(Question.BASELINE)
        reply.raise_failure()

    async def profiled(self) -> Measurement[Any]:
        """The energy of a run of the baseline, as one worker measures it.

        Raises:
            MeasurementError, MeterError: as every bench.
        """
        reply = await self._asked(Question.ENERGY)
        reply.raise_failure()
        assert reply.energy is not None
        return reply.energy

    async def verdict(self, candidate: Candidate) -> Verdict:
        """What the gates say; a worker that is content measures at once."""
        key = files_key(candidate.files)

        async def tried() -> Mapping[str, Any]:
            reply = await self._asked(Question.TRY, candidate, candidate.name)
            if not reply.gates:
                reply.raise_failure()
            return self._kept(reply, candidate.name)

        try:
            found = await self._journal.once("evaluation", content_key(self._circumstances, key), tried)
        except LostWorkerError as error:
            return Verdict((GateResult(_WORKER, passed=False, reason=str(error)),))
        self._tried[key] = found
        self._tell(f"{candidate.name}: tried on {found['node']} in {found['seconds']:.0f} s")
        return verdict_of(found["gates"])

    async def comparison(self, candidate: Candidate, name: str, report: Report) -> EnergyComparison[Any]:
        """What the worker measured when it tried the candidate; under a further name, a fresh comparison.

        Raises:
            MeasurementError: when there is no figure.
        """
        key = files_key(candidate.files)
        if self._compared.setdefault(key, name) == name:
            return await self._comparison_of(self._tried[key])

        async def confirmed() -> Mapping[str, Any]:
            self._tell(f"{name}: measured by a worker")
            return self._kept(await self._asked(Question.CONFIRM, candidate, name), name)

        place = content_key(self._circumstances, key, name)
        try:
            found = await self._journal.once("confirmation", place, confirmed)
        except LostWorkerError as error:
            raise MeasurementError(str(error)) from error
        again = await self._comparison_of(found)
        self._rechecks[key] = verdict_of(found["gates"]).gates[0]
        return again

    async def rechecked(self, candidate: Candidate) -> GateResult:
        """What became of the run that followed the last comparison."""
        return self._rechecks[files_key(candidate.files)]

    async def _asked(self, question: Question, candidate: Candidate | None = None, name: str = "") -> Reply:
        task = self._task
        reply = await self._fleet.ask(
            question, task.program, task.workload, self._known, candidate=candidate, name=name
        )
        for one in fields(Spent):
            setattr(self._spent, one.name, getattr(self._spent, one.name) + getattr(reply.spent, one.name))
        return reply

    def _kept(self, reply: Reply, name: str) -> Mapping[str, Any]:
        """What the run's log keeps of a reply; the record becomes a file of the run's own folder."""
        path: Path | None = None
        if reply.record:
            path = unused(self._task.record, name)
            path.write_text(reply.record, "utf-8")
        return {
            "gates": list(reply.gates),
            "record": path.name if path is not None else None,
            "problem": reply.failure[1] if reply.failure is not None else None,
            "node": reply.node,
            "gpus": reply.gpus,
            "worker": reply.worker,
            "began": reply.began,
            "seconds": round(reply.seconds, 3),
            "waited_s": round(reply.waited_s, 3),
        }

    async def _comparison_of(self, found: Mapping[str, Any]) -> EnergyComparison[Any]:
        if found["problem"] is not None or found["record"] is None:
            raise MeasurementError(found["problem"] or "it was not measured")
        assert self._task.tools.replay_meter is not None
        return await replayed(self._task.record / found["record"], self._task.tools.replay_meter)
