"""The values of the loop: what it works with, where it is, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jouleline.core.candidate import Candidate
from jouleline.core.meter import Meter, Turn
from jouleline.core.ports import Finding, Runner, Toolchain
from jouleline.core.source import Edit
from jouleline.core.verdict import Verdict
from jouleline.rules.base import Rule

from .measure import EnergyComparison, Plan


@dataclass(frozen=True)
class Tools:
    """The edges the loop works with, and where it may write.

    ``scratch`` holds the copies while the loop runs (None: the system's place for temporary files);
    ``records`` keeps one folder a run. ``gpu`` says whether a GPU answers here, to explain why a CUDA
    program does not run; ``gpu_measured`` whether its energy is in the meter's figures. ``turn`` keeps
    other measurements from running at the same time, and ``host`` is the processor's name, for records.
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
    while it was measured, or measured again.
    """

    candidate: Candidate
    verdict: Verdict
    energy: EnergyComparison[Any] | None = None
    problem: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the loop found.

    ``base`` holds the texts that were measured and ``edits`` the byte edits from them to the
    candidate's, by path relative to the program's root. ``record`` is the folder with
    ``result.json`` and, if there is a candidate, ``candidate.patch``.
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
