"""What trials of the refactoring loop amount to: pass@k and energy-reduction@k, by program and overall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from .at_k import energy_reduction_at_k, pass_at_k
from .interval import Estimate, t_interval

NOT_RUN: Final = "not run"
"""Why a trial says nothing: its program or its model could not be had."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate's whole way through the loop: a program, a setting, and which of the n draws it is.

    ``passed`` says that something passed every gate. ``reduction`` is the share of the baseline's energy
    that the edit saves, measured on fresh blocks, 0 where none was offered; ``low`` and ``high`` are its
    95% interval (None without an edit). ``failure`` is why there was no edit, in a word: a gate's name,
    ``no proposal`` or ``no improvement``; :data:`NOT_RUN` if the trial is still to be made. Times in s;
    ``energy_j`` is what the search used.
    """

    program: str
    setting: str
    number: int
    passed: bool
    reduction: float
    failure: str = ""
    low: float | None = None
    high: float | None = None
    wall_s: float = 0.0
    tokens: int = 0
    energy_j: float | None = None
    provenance: str = ""

    @property
    def done(self) -> bool:
        """Whether it says anything of the setting: what was not run counts neither as saved nor as 0."""
        return self.failure != NOT_RUN


@dataclass(frozen=True, slots=True)
class ProgramScore:
    """What the trials of one program with one setting came to; lists are for k = 1, 2, ... n.

    ``conditional`` is the mean reduction of the trials that passed, None if none did.
    """

    program: str
    tried: int
    passed: int
    pass_at: tuple[float, ...]
    reduction_at: tuple[float, ...]
    conditional: float | None


@dataclass(frozen=True, slots=True)
class SettingScore:
    """A setting over all programs: means over programs, with 95% t intervals over programs.

    ``conditional`` is over programs of which at least one trial passed. ``failures`` counts trials by
    why they gave no edit. ``wall_s`` (s) and ``tokens`` are sums over all trials.
    """

    setting: str
    programs: tuple[ProgramScore, ...]
    pass_at: tuple[Estimate, ...]
    reduction_at: tuple[Estimate, ...]
    conditional: Estimate | None
    failures: dict[str, int]
    wall_s: float
    tokens: int


def score_program(trials: Sequence[Trial]) -> ProgramScore:
    """Score the trials of one program with one setting.

    Raises:
        ValueError: if there are none.
    """
    if not trials:
        raise ValueError("a score needs at least one trial")
    reductions = [trial.reduction for trial in trials]
    passed = [trial.reduction for trial in trials if trial.passed]
    n = len(trials)
    return ProgramScore(
        trials[0].program,
        n,
        len(passed),
        tuple(pass_at_k(n, len(passed), k) for k in range(1, n + 1)),
        tuple(energy_reduction_at_k(reductions, k) for k in range(1, n + 1)),
        fmean(passed) if passed else None,
    )


def score_setting(trials: Sequence[Trial]) -> SettingScore:
    """Score the trials of all programs with one setting.

    Figures for k candidates are over the programs that have as many trials. Those that were not run are
    counted among the failures and nowhere else.

    Raises:
        ValueError: if none was run.
    """
    by_program: dict[str, list[Trial]] = {}
    for trial in (one for one in trials if one.done):
        by_program.setdefault(trial.program, []).append(trial)
    scores = tuple(score_program(mine) for mine in by_program.values())
    if not scores:
        raise ValueError("a score needs at least one trial")
    conditional = [one.conditional for one in scores if one.conditional is not None]
    return SettingScore(
        setting=trials[0].setting,
        programs=scores,
        pass_at=_over(scores, lambda one: one.pass_at),
        reduction_at=_over(scores, lambda one: one.reduction_at),
        conditional=t_interval(conditional) if conditional else None,
        failures=dict(Counter(trial.failure for trial in trials if trial.failure)),
        wall_s=sum(trial.wall_s for trial in trials),
        tokens=sum(trial.tokens for trial in trials),
    )


def _over(
    scores: Iterable[ProgramScore], values: Callable[[ProgramScore], tuple[float, ...]]
) -> tuple[Estimate, ...]:
    rows = [values(one) for one in scores]
    most = max(len(row) for row in rows)
    return tuple(t_interval([row[k] for row in rows if k < len(row)]) for k in range(most))
