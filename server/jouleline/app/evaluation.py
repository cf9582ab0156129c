"""What a worker of a fleet is asked, does, and answers: all of a comparison, in one task, at one place.

The worker builds the baseline and the candidate, takes the candidate through the gates and measures both
against each other, by the very bench that is used on one machine; the record of the windows goes back whole.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from jouleline import __version__
from jouleline.core.candidate import Candidate
from jouleline.core.device import Device
from jouleline.core.meter import MeterError, MeterInfo
from jouleline.core.ports import Finding, RunnerError
from jouleline.core.verdict import gates_json, verdict_of
from jouleline.core.workload import Workload

from .bench import Spent
from .build import BuildError
from .energy_record import EnergyRecordError
from .journal import EVENTS_FILE, Journal
from .local_bench import LocalBench
from .measure import Measurement, MeasurementError
from .measure_settings import MeasureSettings
from .outcome import Task, Tools
from .program import Program
from .reference import Reference
from .verify import BaselineError


class Question(StrEnum):
    """What can be asked of a worker."""

    FACTS = "facts"
    """What it is."""
    BASELINE = "baseline"
    """Whether the baseline builds, runs and gives something to compare with."""
    ENERGY = "energy"
    """The energy of a run of the baseline, from a few windows."""
    TRY = "try"
    """A candidate's gates, and its energy if it passes them."""
    CONFIRM = "confirm"
    """A candidate's energy once more, then one more run of it."""


@dataclass(frozen=True)
class Request:
    """A question about a program. ``root`` is its folder as the user named it; ``program.root`` is a copy."""

    question: Question
    settings: MeasureSettings
    sandboxes: tuple[str, ...]
    readable: tuple[str, ...] = ()
    uses_gpu: bool = False
    program: Program | None = None
    workload: Workload | None = None
    root: str = ""
    candidate: Candidate | None = None
    name: str = ""


@dataclass(frozen=True)
class Place:
    """A worker: the ``node`` and the GPUs (empty: any) that it is pinned to, and what it works with."""

    node: str
    gpus: str
    version: str
    host: Device
    gpu: Finding
    runner: str
    guarantees: tuple[str, ...]
    notes: tuple[str, ...]
    meter: MeterInfo[Any]


_FAILURES: Final[Mapping[str, type[Exception]]] = {
    kind.__name__: kind
    for kind in (BuildError, BaselineError, MeasurementError, MeterError, RunnerError, EnergyRecordError)
}


@dataclass(frozen=True)
class Reply:
    """What a worker answers, all of it JSON but ``facts`` and ``energy``.

    ``gates`` are those that were tried (:func:`gates_json`), and ``record`` the text of the comparison's
    record (empty: there was none). ``failure`` is the kind and the words of what went wrong. ``began`` is the
    time of the node's clock (s since 1970), ``seconds`` the length of the task and ``waited_s`` what of it
    was spent waiting for other workers of the node; ``spent`` what it was spent on.
    """

    node: str
    gpus: str
    worker: int
    began: float
    seconds: float = 0.0
    waited_s: float = 0.0
    gates: tuple[Mapping[str, Any], ...] = ()
    record: str = ""
    failure: tuple[str, str] | None = None
    spent: Spent = field(default_factory=Spent)
    facts: Place | None = None
    energy: Measurement[Any] | None = None

    def raise_failure(self) -> None:
        """Raise what went wrong on the worker as what it was there."""
        if self.failure is not None:
            kind, words = self.failure
            raise _FAILURES.get(kind, RunnerError)(words)


def failure_of(error: Exception) -> tuple[str, str]:
    """The kind and the words of what went wrong, for a reply."""
    kind = next((name for name, one in _FAILURES.items() if isinstance(error, one)), RunnerError.__name__)
    return kind, str(error)


FAILURES: Final = tuple(_FAILURES.values())
"""What a worker tells of; anything else is a defect of ours."""


_MOST_KNOWN: Final = 8
"""Programs whose outputs a worker keeps; a study may have hundreds."""


class Worker:
    """Answers requests, one after the other; what baselines do is known from one request to the next."""

    def __init__(self) -> None:
        self._known: dict[str, Reference] = {}

    def answer(self, request: Request, tools: Tools, reply: Reply) -> Reply:
        """The ``reply`` completed, in a folder that is gone afterwards."""
        assert request.program is not None
        assert request.workload is not None
        with tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True) as folder:
            record = Path(folder, "record")
            record.mkdir()
            task = Task(request.program, request.workload, tools, record)
            with closing(Journal(record / EVENTS_FILE)) as journal:
                bench = LocalBench(task, Path(folder), journal, lambda *_: None, subject=request.root)
                try:
                    reply = asyncio.run(self._answered(request, bench, reply))
                except FAILURES as error:
                    reply = replace(reply, failure=failure_of(error))
            texts = [path.read_text("utf-8") for path in record.iterdir() if path.name != EVENTS_FILE]
            return replace(reply, record="".join(texts), spent=bench.spent)

    async def _answered(self, request: Request, bench: LocalBench, reply: Reply) -> Reply:
        await bench.prepare(self._known.pop(bench.circumstances, None))
        if len(self._known) == _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[bench.circumstances] = bench.reference
        return await _asked(request, bench, reply)


async def _asked(request: Request, bench: LocalBench, reply: Reply) -> Reply:
    """What the question asks for, as far as it comes."""
    candidate = request.candidate
    if request.question is Question.ENERGY:
        return replace(reply, energy=await bench.profiled())
    if candidate is None:
        return reply
    if request.question is Question.TRY:
        reply = replace(reply, gates=tuple(gates_json(await bench.verdict(candidate))))
        if not verdict_of(reply.gates).accepted:
            return reply
    try:
        await bench.comparison(candidate, request.name, lambda _: None)
        if request.question is Question.CONFIRM:
            again = await bench.rechecked(candidate)
            reply = replace(reply, gates=tuple(gates_json(verdict_of(()) + again)))
    except FAILURES as error:
        # The gates were passed all the same.
        return replace(reply, failure=failure_of(error))
    return reply


def place_of(tools: Tools, node: str, gpus: str) -> Place:
    """What a worker says of itself."""
    assert tools.device is not None
    assert tools.gpu is not None
    return Place(
        node=node,
        gpus=gpus,
        version=__version__,
        host=tools.device,
        gpu=tools.gpu,
        runner=tools.runner.name,
        guarantees=tools.runner.guarantees,
        notes=tools.notes,
        meter=tools.meter.info,
    )
