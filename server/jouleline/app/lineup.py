"""Who proposes candidates in a run: each rule by itself, and lines of thought of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jouleline.core.meter import MeterError

from . import context, refactor_prompts
from .bench import Bench
from .contest import rules_that_saved
from .headroom import Roofs
from .measure import Measurement, MeasurementError
from .outcome import Attempt, Task
from .proposals import ModelProposer, Proposer, RuleProposer
from .recorded_model import RecordedModel
from .shown_program import shown_files
from .workload import changeable_files

_COMBINED: Final = "combined"


@dataclass
class Lineup:
    """The proposers of one run. ``tell`` hears what is done to inform them, ``notes`` what goes wrong."""

    task: Task
    model: RecordedModel | None
    roofs: Roofs
    tell: Callable[[str], None]
    notes: list[str]

    @property
    def _changeable(self) -> list[str]:
        # An edit of an editor changes files that are there; rules and models make no new ones.
        program = self.task.program
        return [name for name in changeable_files(program, self.task.workload) if name in program.files]

    async def first(self, bench: Bench) -> list[Proposer]:
        """Those of the first round."""
        tools, files = self.task.tools, self.task.program.files
        rules: list[Proposer] = [
            RuleProposer(rule.name, [rule], self._changeable, files)
            for rule in (tools.rules if tools.settings.rules else ())
        ]
        return [*rules, *await self._lines_of_thought(bench)]

    def later(
        self, proposers: Sequence[Proposer], attempts: Sequence[Attempt], best: Attempt | None
    ) -> list[Proposer]:
        """Models go on; rules that saved energy by themselves are tried together, on what there is by now."""
        right = rules_that_saved(self.task.tools.rules, attempts, best)
        together = RuleProposer(_COMBINED, right, self._changeable, self.task.program.files)
        models = [one for one in proposers if isinstance(one, ModelProposer)]
        return [*([together] if right else []), *models]

    async def _lines_of_thought(self, bench: Bench) -> list[ModelProposer]:
        if self.model is None:
            return []
        tools, files = self.task.tools, self.task.program.files
        settings = tools.settings
        shown = shown_files(files, self._changeable, settings.source_bytes)
        if not shown.names:
            size = min((len(files[name]) for name in self._changeable), default=0)
            self.notes.append(
                f"the model was not asked: the smallest file that it might change has {size} bytes, and "
                f"source_bytes in [refactor] allows {settings.source_bytes}; raise it to send that much"
            )
            return []
        if shown.left:
            self.notes.append(
                f"the model was not shown {', '.join(shown.left)}: source_bytes in [refactor] allows "
                f"{settings.source_bytes} bytes"
            )
        known, guide = "", ""
        analysis = self.roofs.of({})
        if (settings.context or settings.plan) and analysis is not None:
            energy = await self._profile(bench) if settings.context else None
            known = context.describe(analysis, energy) if settings.context else ""
            guide = refactor_prompts.guide(analysis)
        return [
            ModelProposer(
                number=number,
                model=self.model,
                settings=settings,
                workload=self.task.workload,
                changeable=self._changeable,
                baseline=files,
                context=known,
                guide=guide,
                shown=shown,
            )
            for number in range(tools.first_line, tools.first_line + settings.candidates)
        ]

    async def _profile(self, bench: Bench) -> Measurement[Any] | None:
        """The energy of a run of the baseline, to tell a model; nothing rests on it."""
        self.tell("measuring the energy of a run")
        try:
            return await bench.profiled()
        except (MeterError, MeasurementError) as error:
            self.notes.append(f"the model was not told the energy of a run: {error}")
            return None
