"""The stages of the check, in order, with the time that each may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .agreement import check_agreement, check_idle
from .bench import Bench
from .bounds import check_bounds
from .comparison import check_control, check_step
from .counter import check_counter
from .results import Findings
from .samples import check_refactor, check_samples

MOST_S: Final = 480.0
"""No stage may take longer. What they take as a rule comes to 20 minutes together."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what it asks, how long it takes as a rule (s), and how it is done."""

    question: str
    expected_s: float
    run: Callable[[Bench], Findings]


STAGES: Final[Mapping[str, Stage]] = {
    "counter": Stage("how often do counter and power move, and what does a reading cost?", 30, check_counter),
    "idle": Stage("what does the idle GPU draw, and do counter and polling agree?", 45, check_idle),
    "agreement": Stage("do counter and polling agree under steady loads?", 95, check_agreement),
    "control": Stage("how often is an unchanged program called changed?", 330, check_control),
    "step": Stage("is a known step of 5% measured as one?", 210, check_step),
    "samples": Stage("do the CUDA samples build and pass?", 30, check_samples),
    "bounds": Stage("are the bounds those of the profiler's counts?", 60, check_bounds),
    "refactor": Stage("does the loop with rules work on a GPU?", 390, check_refactor),
}
