"""The values of the loop: what it works with, where it is, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jouleline.core.candidate import Candidate
from jouleline.core.device import Device
from jouleline.core.energy import EnergyVerdict
from jouleline.core.loop_settings import LoopSettings
from jouleline.core.meter import Meter, Turn
from jouleline.core.ports import Finding, LanguageModel, Runner, Toolchain
from jouleline.core.source import Edit
from jouleline.core.verdict import Verdict
from jouleline.core.workload import Workload
from jouleline.rules.base import Rule

from .energy_record import Surroundings
from .energy_replay import Replayable
from .headroom import BeforeAfter
from .measure import EnergyComparison, Plan
from .program import Program

if TYPE_CHECKING:
    from .evaluation import Question, Reply

ReplayMeterOf = Callable[[Replayable], Meter[Any]]
"""Gives the meter that takes the windows of a record again."""


class Closing(Protocol):
    """What has to be closed: a connection to another machine."""

    def close(self) -> None:
        """End it."""


class Fleet(Protocol):
    """Workers that try candidates, each on a machine or a GPU of its own."""

    def keep(self, key: str, copy: Callable[[Path], None]) -> None:
        """Have a program's folder copied to where workers see it, under ``key``, unless it is there.

        Raises:
            OSError: if that cannot be done.
        """

    async def ask(
        self,
        question: Question,
        program: Program,
        workload: Workload,
        key: str,
        *,
        candidate: Candidate | None = None,
        name: str = "",
    ) -> Reply:
        """What a worker answers; a worker that is lost is replaced, and asked again.

        Raises:
            LostWorkerError: if that happens too often.
            RunnerError: if no worker can be had any more.
        """


@dataclass(frozen=True)
class Tools:
    """The edges the loop works with, and where it may write.

    ``scratch`` holds the copies while the loop runs (None: the system's place for temporary files);
    ``records`` keeps one folder a run. ``gpu`` says whether a GPU answers here, to explain why a CUDA
    program does not run; ``gpu_measured`` whether its energy is in the meter's figures. ``turn`` keeps
    other measurements from running at the same time, and ``host`` is the processor's name, for records;
    ``surroundings`` says more of the machine where programs run (None: this one).
    ``model`` proposes candidates and ``judge`` reviews them (None: the
    rules and the gates alone); ``device`` is what kernels are analysed for. ``search_meter`` sees what
    the whole search takes; it is not the one that windows are measured with, unless that models.
    ``replay_meter`` is for the measurements of a run that is resumed (None: they are made again).
    ``machine`` is the connection to the machine where programs run (None: this one). With a ``fleet``
    candidates are tried by its workers; ``runner`` and ``meter`` then only say what theirs are.
    ``builds`` is how many builds may overlap, and ``first_line`` the number of the model's first line of
    thought: another number draws other answers to the same questions.
    """

    runner: Runner
    meter: Meter[Any]
    rules: Sequence[Rule]
    toolchains: Sequence[Toolchain]
    records: Path
    scratch: Path | None = None
    plan: Plan = field(default_factory=Plan)
    notes: tuple[str, ...] = ()
    gpu: Finding | None = None
    host: str = ""
    gpu_measured: bool = False
    turn: Turn | None = None
    model: LanguageModel | None = None
    judge: LanguageModel | None = None
    device: Device | None = None
    search_meter: Meter[Any] | None = None
    settings: LoopSettings = field(default_factory=LoopSettings)
    replay_meter: ReplayMeterOf | None = None
    builds: int = 2
    first_line: int = 0
    surroundings: Callable[[], Surroundings] | None = None
    machine: Closing | None = None
    fleet: Fleet | None = None

    @property
    def surroundings_now(self) -> Surroundings:
        """Where and when a measurement begins."""
        return Surroundings.here(self.host) if self.surroundings is None else self.surroundings()

    def close(self) -> None:
        """Let go of the meters, with what they poll, and of another machine."""
        with ExitStack() as stack:
            if self.machine is not None:
                stack.callback(self.machine.close)
            for meter in (self.meter, self.search_meter):
                if meter is not None:
                    stack.callback(meter.close)


@dataclass(frozen=True)
class Task:
    """What a run of the loop is about; ``record`` is its folder."""

    program: Program
    workload: Workload
    tools: Tools
    record: Path


@dataclass(frozen=True, slots=True)
class Step:
    """Where the loop is. ``fraction`` goes from 0 to 1, None where nobody can tell."""

    stage: str
    message: str
    fraction: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One candidate and what became of it.

    ``energy`` is None if it was refused or could not be measured; ``problem`` says what went wrong
    while it was measured, or measured again. ``proposer`` made it in round ``round`` (counted from 0),
    as its ``correction``-th answer to what went wrong with the ones before it. A candidate without
    files is an answer that could not be applied.
    """

    candidate: Candidate
    verdict: Verdict
    energy: EnergyComparison[Any] | None = None
    problem: str = ""
    proposer: str = ""
    round: int = 0
    correction: int = 0

    @property
    def improved(self) -> bool:
        """Whether it was measured to use less energy than the baseline."""
        return self.energy is not None and self.energy.verdict is EnergyVerdict.IMPROVED


@dataclass(frozen=True, slots=True)
class SearchCost:
    """What it took to find the outcome, up to the last measurement.

    Seconds are wall time: ``wall_s`` of the search, and what of it went into builds, runs of the gates,
    measuring and waiting for models, each summed over what went on at once; ``start_s`` is what starting
    builds and runs took, as in a sandbox. Tokens are those paid for, and
    ``money`` what they cost at the configured prices (None: no prices).
    ``energy_j`` is what the machine used meanwhile by the same kind of meter (None: not known); a
    model that runs elsewhere is not in it. ``reused`` results came from the log of a run that was resumed.
    """

    wall_s: float
    build_s: float
    run_s: float
    measure_s: float
    model_s: float = 0.0
    start_s: float = 0.0
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float | None = None
    energy_j: float | None = None
    reused: int = 0


@dataclass(frozen=True)
class Outcome:
    """What the loop found.

    ``base`` holds the texts that were measured and ``edits`` the byte edits from them to the
    candidate's, by path relative to the program's root. ``record`` is the folder with
    ``result.json`` and, if there is a candidate, ``candidate.patch``. ``notes`` are what else the user
    should know: those of the tools, and what kept a model or a round from doing its part.
    ``roofs`` are the kernels before and after under the roofs of the device that ran them, None where that
    is not known or nothing changed. ``unanswered`` says why a model gave no answer to
    something that it was asked, empty if it answered all.
    """

    improved: bool
    headline: str
    details: str
    candidate: Candidate | None
    energy: EnergyComparison[Any] | None
    attempts: tuple[Attempt, ...]
    base: Mapping[str, bytes]
    edits: Mapping[str, tuple[Edit, ...]]
    record: Path
    cost: SearchCost
    notes: tuple[str, ...]
    roofs: BeforeAfter | None = None
    unanswered: str = ""
