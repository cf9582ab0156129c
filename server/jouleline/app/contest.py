"""Measuring candidates against the baseline, one after the other, and which of them is best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from jouleline.core.candidate import Candidate
from jouleline.core.energy import EnergyVerdict
from jouleline.rules.base import Alternative, Rule

from .bench import Bench
from .build import BuildError
from .measure import EnergyComparison, MeasurementError, Progress, rank
from .outcome import Attempt
from .report import change

_CONFIRMING: Final = 0.2
"""The share of the loop's progress that the last measurement takes."""


def best_of(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt with the least energy of those that improved."""
    return next(iter(_ranked(attempts)), None)


def _ranked(attempts: Sequence[Attempt]) -> list[Attempt]:
    improved = {id(one.energy): one for one in attempts if one.improved}
    return [improved[id(energy)] for energy in rank([one.energy for one in improved.values() if one.energy])]


def rules_that_saved(rules: Sequence[Rule], attempts: Sequence[Attempt], best: Attempt | None) -> list[Rule]:
    """The rules that saved energy by themselves and are not in ``best`` yet, the most saving first.

    Of alternatives, none is left once one of their family is in.
    """
    held = {rewrite.rule for rewrite in best.candidate.rewrites} if best is not None else set()
    families = {rule.family for rule in rules if isinstance(rule, Alternative) and rule.name in held}
    ratios = {
        one.proposer: one.energy.comparison.energy_ratio.value
        for one in attempts
        if one.energy is not None and one.round == 0
    }
    saved = [
        rule
        for rule in rules
        if ratios.get(rule.name, 1.0) < 1.0
        and rule.name not in held
        and not (isinstance(rule, Alternative) and rule.family in families)
    ]
    return sorted(saved, key=lambda rule: ratios[rule.name])


@dataclass
class Contest:
    """Has every measurement of a run made by ``bench``.

    ``tell`` hears what is measured and how much of the whole loop is done.
    """

    bench: Bench
    tell: Callable[[str, float], None]

    async def measured(self, attempt: Attempt, start: float, share: float) -> Attempt:
        """An attempt with its energy, or with what kept it from being measured."""
        try:
            name = f"{attempt.candidate.name}-{attempt.round}" if attempt.round else attempt.candidate.name
            energy = await self._compare(attempt.candidate, name, start, share)
        except (MeasurementError, BuildError) as error:
            return replace(attempt, problem=str(error))
        return replace(attempt, energy=energy)

    async def confirm(
        self, attempts: list[Attempt], start: float
    ) -> tuple[Candidate, EnergyComparison[Any]] | None:
        """Measure the best candidate once more on fresh blocks: the best of many is partly luck.

        Then it is checked once more, for some are right first and wrong later. One that fails either is
        noted as such in ``attempts``, and the next best is tried.
        """
        for attempt in _ranked(attempts):
            place, candidate = attempts.index(attempt), attempt.candidate
            try:
                again = await self._compare(candidate, f"{candidate.name}, again", start, _CONFIRMING)
            except (MeasurementError, BuildError) as error:
                attempts[place] = replace(attempt, problem=f"measured again, it failed: {error}")
                continue
            if again.verdict is not EnergyVerdict.IMPROVED:
                ratio = change(again.comparison.energy_ratio)
                problem = f"measured again, it was not an improvement: {ratio} energy"
                attempts[place] = replace(attempt, problem=problem)
                continue
            attempts[place] = replace(
                attempt, verdict=attempt.verdict + await self.bench.rechecked(candidate)
            )
            if attempts[place].verdict.accepted:
                return candidate, again
        return None

    async def _compare(
        self, candidate: Candidate, name: str, start: float, share: float
    ) -> EnergyComparison[Any]:
        def report(step: Progress) -> None:
            known = step.energy_ratio
            figure = f", energy x {known.value:.3f}" if known is not None else ""
            counted = f" {step.done}/{step.of}" if step.of > 1 else ""
            self.tell(f"{name}: {step.phase}{counted}{figure}", start + share * step.fraction)

        return await self.bench.comparison(candidate, name, report)
