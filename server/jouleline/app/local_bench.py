"""The bench of one machine: builds overlap, runs wait for each other, and nothing meets a measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline.core.candidate import Candidate
from jouleline.core.content_key import content_key
from jouleline.core.ports import Completed
from jouleline.core.verdict import GateResult, Verdict, gates_json, verdict_of

from .bench import Spent, circumstances
from .build import Built, build
from .comparing import recorded_comparison, replayed, unused
from .journal import Journal, files_key, identity
from .measure import EnergyComparison, Measurement, Report, measure_one
from .observe import require_gpu
from .outcome import Task, Tools
from .turns import Account, Turns
from .variants import Memo
from .verify import Reference, check_candidate, make_reference, recheck

_FEW: Final = {"windows": 3, "warm_up_windows": 2}
"""A glance at the baseline's energy, which only informs a model."""


class Scratch:
    """A folder of copies that each have a name of their own."""

    def __init__(self, folder: Path) -> None:
        """Copies are made below ``folder``."""
        self._folder = folder
        self._copies = 0

    def copy(self, name: str) -> Path:
        """A folder that does not exist yet."""
        self._copies += 1
        return self._folder / f"{self._copies:02d}-{name}"


class LocalBench:
    """Builds, runs and measures with the tools' own runner and meter."""

    def __init__(
        self,
        task: Task,
        scratch: Path,
        journal: Journal,
        tell: Callable[[str, float], None],
        *,
        subject: str = "",
    ) -> None:
        """Copies are made in ``scratch``; ``tell`` hears how far the baseline is, from 0 to 1.

        Records name the program ``subject`` (default: its folder).
        """
        self._subject = subject or str(task.program.root)
        self._program = task.program
        self._workload = task.workload
        self._record = task.record
        self._journal = journal
        self._tell = tell
        self._jobs = Account(task.tools.runner)
        self._turns = Turns(self._jobs, task.tools.builds)
        # What is measured waits for nobody but the turn to measure.
        self._tools: Tools = replace(task.tools, runner=self._jobs)
        self.circumstances = circumstances(identity(task.program, task.workload), task.tools)
        self._scratch = Scratch(scratch)
        self._measure_s = 0.0
        self._built: dict[str, Built] = {}
        self._baseline: Built | None = None
        self._reference: Reference | None = None

    @property
    def spent(self) -> Spent:
        """What it took so far."""
        turns = self._turns
        return Spent(turns.build_s, turns.run_s, turns.start_s, self._measure_s)

    @property
    def jobs(self) -> Sequence[Completed]:
        """Every job that ended."""
        return self._jobs.done

    @property
    def baseline(self) -> Built:
        """The baseline, which :meth:`prepare` built."""
        assert self._baseline is not None
        return self._baseline

    @property
    def reference(self) -> Reference:
        """What the baseline does, as :meth:`prepare` saw it."""
        assert self._reference is not None
        return self._reference

    async def prepare(self, known: Reference | None = None) -> None:
        """Build the baseline, and run it unless what it does is ``known`` from before.

        Raises:
            BuildError, BaselineError, RunnerError: as every bench.
        """
        program = self._program
        own = {name: data for name, data in program.files.items() if not name.startswith("..")}
        self._tell(f"building: {self._workload.build}", 0.0)
        self._baseline = await build(
            program.root, own, self._workload, self._turns, self._scratch.copy("baseline")
        )
        await require_gpu(self._baseline, self._tools.gpu)
        if known is not None and known.baseline is not None:
            self._baseline = replace(self._baseline, said=known.baseline.said)
            # Locks belong to the event loop in which they were waited for.
            self._reference = replace(known, baseline=self._baseline, memo=Memo(known.memo.found))
            return
        self._tell(f"running: {self._workload.run_command()}", 0.5)
        self._reference = await make_reference(self._baseline, self._turns, device=self._tools.device)

    async def profiled(self) -> Measurement[Any]:
        """The energy of a run of the baseline, from a few windows.

        Raises:
            MeasurementError, MeterError: as :func:`measure_one`.
        """
        tools = self._tools
        began = time.monotonic()
        try:
            return await measure_one(
                tools.runner,
                tools.meter,
                self.baseline.job(),
                plan=replace(tools.plan, **_FEW),
                turn=tools.turn,
            )
        finally:
            self._measure_s += time.monotonic() - began

    async def verdict(self, candidate: Candidate) -> Verdict:
        """What the gates say; the program is kept for measuring."""
        key = files_key(candidate.files)

        async def checked() -> list[Mapping[str, Any]]:
            verdict, built = await check_candidate(
                self.reference,
                self._program.root,
                candidate.files,
                original=self._program.files,
                runner=self._turns,
                scratch=self._scratch.copy(candidate.name),
                must_differ=True,
            )
            if verdict.accepted and built is not None:
                self._built[key] = built
            return gates_json(verdict)

        return verdict_of(await self._journal.once("verdict", content_key(self.circumstances, key), checked))

    async def comparison(self, candidate: Candidate, name: str, report: Report) -> EnergyComparison[Any]:
        """Measure a candidate against the baseline, with a record of its windows called ``name``.

        Raises:
            MeasurementError, MeterError, BuildError: as every bench.
        """
        fresh: list[EnergyComparison[Any]] = []

        async def measure() -> str:
            built = await self._program_of(candidate)
            path = unused(self._record, name)
            began = time.monotonic()
            try:
                fresh.append(
                    await recorded_comparison(
                        self._tools,
                        (self._subject, f"{self._subject}, {name}"),
                        (self.baseline, built),
                        path,
                        report,
                    )
                )
            finally:
                self._measure_s += time.monotonic() - began
            return path.name

        key = content_key(self.circumstances, files_key(candidate.files), name)
        kept = await self._journal.once("measurement", key, measure)
        if not fresh and (replay_meter := self._tools.replay_meter) is not None:
            return await replayed(self._record / kept, replay_meter)
        if not fresh:
            await measure()
        return fresh[0]

    async def rechecked(self, candidate: Candidate) -> GateResult:
        """Run a candidate once more, in another folder."""
        built = await self._program_of(candidate)
        return await recheck(self.reference, built, self._turns, self._scratch.copy("recheck"))

    async def _program_of(self, candidate: Candidate) -> Built:
        """The candidate's program; built again where a resumed run found only its verdict."""
        key = files_key(candidate.files)
        if key not in self._built:
            self._built[key] = await build(
                self._program.root,
                candidate.files,
                self._workload,
                self._turns,
                self._scratch.copy(candidate.name),
            )
        return self._built[key]
