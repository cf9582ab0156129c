"""Measuring candidates against the baseline, one after the other, and which of them is best."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from jouleline.core.candidate import Candidate
from jouleline.core.energy import EnergyVerdict

from .build import BuildError, Built
from .measure import EnergyComparison, MeasurementError, Progress, compare, rank
from .outcome import Attempt, Tools
from .report import change

_CONFIRMING: Final = 0.2
"""The share of the loop's progress that the last measurement takes."""


def best_of(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt with the least energy of those that improved."""
    return next(iter(_ranked(attempts)), None)


def _ranked(attempts: Sequence[Attempt]) -> list[Attempt]:
    improved = {id(one.energy): one for one in attempts if one.improved}
    return [improved[id(energy)] for energy in rank([one.energy for one in improved.values() if one.energy])]


@dataclass
class Contest:
    """Takes every measurement of a run. ``seconds`` (s) is the time that they took.

    ``program_of`` gives a candidate's program, ``tell`` hears what is measured and how much of the
    whole loop is done.
    """

    tools: Tools
    program_of: Callable[[Candidate], Awaitable[Built]]
    tell: Callable[[str, float], None]
    seconds: float = 0.0

    async def measured(self, attempt: Attempt, baseline: Built, start: float, share: float) -> Attempt:
        """An attempt with its energy, or with what kept it from being measured."""
        try:
            energy = await self._compare(baseline, attempt.candidate, attempt.candidate.name, start, share)
        except (MeasurementError, BuildError) as error:
            return replace(attempt, problem=str(error))
        return replace(attempt, energy=energy)

    async def confirm(
        self, attempts: list[Attempt], baseline: Built, start: float
    ) -> tuple[Candidate, EnergyComparison[Any]] | None:
        """Measure the best candidate once more on fresh blocks: the best of many is partly luck.

        One that is no improvement this time is noted as such in ``attempts``, and the next best is tried.
        """
        for attempt in _ranked(attempts):
            candidate = attempt.candidate
            try:
                again = await self._compare(
                    baseline, candidate, f"{candidate.name}, again", start, _CONFIRMING
                )
            except (MeasurementError, BuildError) as error:
                problem = f"measured again, it failed: {error}"
            else:
                if again.verdict is EnergyVerdict.IMPROVED:
                    return candidate, again
                ratio = change(again.comparison.energy_ratio)
                problem = f"measured again, it was not an improvement: {ratio} energy"
            attempts[attempts.index(attempt)] = replace(attempt, problem=problem)
        return None

    async def _compare(
        self, baseline: Built, candidate: Candidate, name: str, start: float, share: float
    ) -> EnergyComparison[Any]:
        def report(step: Progress) -> None:
            known = step.energy_ratio
            figure = f", energy x {known.value:.3f}" if known is not None else ""
            counted = f" {step.done}/{step.of}" if step.of > 1 else ""
            self.tell(f"{name}: {step.phase}{counted}{figure}", start + share * step.fraction)

        built = await self.program_of(candidate)
        began = time.monotonic()
        try:
            return await compare(
                self.tools.runner,
                self.tools.meter,
                baseline.job(),
                built.job(),
                plan=self.tools.plan,
                turn=self.tools.turn,
                progress=report,
            )
        finally:
            self.seconds += time.monotonic() - began
