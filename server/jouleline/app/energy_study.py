"""The energy study: programs x settings x n candidates through the loop, and what that amounts to.

Each trial is one candidate's whole way: the loop with a single line of thought of the model (or with the
rules, which draw the same candidate every time and are tried once). Trials are logged as they end, so
that a study that was stopped goes on where it was.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

import cattrs

from jouleline import __version__
from jouleline.core.content_key import content_key
from jouleline.core.energy_study import NOT_RUN, SettingScore, Trial, score_setting
from jouleline.core.interval import Estimate
from jouleline.core.loop_settings import NAMED, LoopSettings

from .energy_suite import Member
from .journal import Journal, JournalError, identity
from .outcome import Outcome, Tools
from .program import Program, ProgramError, read_program
from .refactor import RefactorError, refactor
from .workload import WorkloadError, find_workload


@dataclass(frozen=True, slots=True)
class Draw:
    """One trial that is to be made."""

    member: Member
    setting: str
    number: int


def draws(members: Sequence[Member], settings: Sequence[str], candidates: int) -> list[Draw]:
    """All trials of a study, program by program."""
    return [
        Draw(member, setting, number)
        for member in members
        for setting in settings
        for number in range(candidates if NAMED[setting].model else 1)
    ]


ToolsFor = Callable[[Draw, Program], Tools]


async def run_trials(
    asked: Sequence[Draw],
    tools_for: ToolsFor,
    journal: Journal,
    tell: Callable[[str, float], None],
    at_once: int = 1,
) -> list[Trial]:
    """Make the trials that the journal lacks.

    One after the other, for measurements must not overlap; ``at_once`` where others see to that.
    """
    places = asyncio.Semaphore(at_once)
    done = 0

    async def made(draw: Draw) -> Trial:
        nonlocal done
        where = f"{draw.member.name}, {draw.setting}, candidate {draw.number + 1}"
        async with places:
            tell(where, done / len(asked))
            trial = await _trial(
                draw, tools_for, journal, lambda text: tell(f"{where}: {text}", done / len(asked))
            )
            done += 1
            return trial

    try:
        async with asyncio.TaskGroup() as group:
            trials = [group.create_task(made(draw)) for draw in asked]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # one reason is enough to say why the study ended
    return [trial.result() for trial in trials]


async def _trial(draw: Draw, tools_for: ToolsFor, journal: Journal, tell: Callable[[str], None]) -> Trial:
    try:
        program = read_program([draw.member.folder])
        with closing(tools_for(draw, program)) as opened:
            workload = find_workload(program, opened.toolchains, draw.member.workload)
            tools = replace(opened, first_line=draw.number, settings=_single(opened.settings, draw))
            models = [one.identity if one is not None else "" for one in (tools.model, tools.judge)]
            meter = tools.meter.info.name
            key = content_key(
                "trial/1",
                __version__,
                identity(program, workload),
                draw.setting,
                str(draw.number),
                tools.runner.name,
                meter,
                repr(tools.plan),
                *models,
            )

            async def made() -> dict[str, Any]:
                outcome = await refactor(
                    program, workload, tools, lambda step: tell(f"{step.stage}: {step.message}")
                )
                return asdict(trial_of(_answered(outcome), draw))

            trial = _structured(await journal.once("trial", key, made))
            # The log knows a program by its contents; its name in the suite is of today.
            return replace(trial, program=draw.member.name)
    except (ProgramError, WorkloadError, RefactorError) as error:
        # Not logged as a result: what could not be run today may run when the study goes on.
        return _failed(draw, str(error), journal)


def _answered(outcome: Outcome) -> Outcome:
    """An outcome that says something of its setting: what comes of half the answers does not."""
    if outcome.unanswered:
        raise RefactorError(f"the model did not answer: {outcome.unanswered}")
    return outcome


def _structured(kept: object) -> Trial:
    try:
        return cattrs.structure(kept, Trial)
    except (KeyError, TypeError, ValueError, cattrs.BaseValidationError):
        raise JournalError(
            "the log of the study holds a trial that this version of Jouleline cannot read; "
            "choose another --out"
        ) from None


def _single(settings: LoopSettings, draw: Draw) -> LoopSettings:
    return replace(settings, candidates=1) if NAMED[draw.setting].model else settings


def _failed(draw: Draw, problem: str, journal: Journal) -> Trial:
    journal.note("problem", program=draw.member.name, setting=draw.setting, problem=problem)
    return Trial(draw.member.name, draw.setting, draw.number, passed=False, reduction=0.0, failure=NOT_RUN)


def trial_of(outcome: Outcome, draw: Draw) -> Trial:
    """What one run of the loop says of its candidate."""
    cost = outcome.cost
    trial = Trial(
        program=draw.member.name,
        setting=draw.setting,
        number=draw.number,
        passed=any(one.verdict.accepted for one in outcome.attempts),
        reduction=0.0,
        failure=_failure(outcome),
        wall_s=cost.wall_s,
        tokens=cost.tokens_in + cost.tokens_out,
        energy_j=cost.energy_j,
    )
    if outcome.energy is None:
        return trial
    reduction = outcome.energy.reduction
    meter = outcome.energy.comparison.meter
    return replace(
        trial,
        reduction=reduction.value,
        low=reduction.low,
        high=reduction.high,
        provenance=f"{meter.origin.word} by {meter.name} on {meter.device}",
    )


def _failure(outcome: Outcome) -> str:
    """Why there is no edit, in a word; the last attempt of a line decides."""
    if outcome.improved:
        return ""
    if any(one.verdict.accepted for one in outcome.attempts):
        return "no improvement"
    if outcome.attempts:
        failed = outcome.attempts[-1].verdict.failed
        return failed.name if failed is not None else "no improvement"
    return "no proposal"


def scores_of(trials: Sequence[Trial]) -> list[SettingScore]:
    """A score for each setting of which a trial was run, in the order of the trials."""
    settings = dict.fromkeys(trial.setting for trial in trials if trial.done)
    return [score_setting([one for one in trials if one.setting == setting]) for setting in settings]


def study_json(trials: Sequence[Trial], model: str | None) -> dict[str, Any]:
    """The document ``jouleline/energy-study/1``."""
    return {
        "schema": "jouleline/energy-study/1",
        "version": __version__,
        "model": model,
        "provenance": sorted({trial.provenance for trial in trials if trial.provenance}),
        "settings": [_setting_json(score) for score in scores_of(trials)],
        "trials": [asdict(trial) for trial in trials],
    }


def _setting_json(score: SettingScore) -> dict[str, Any]:
    return {
        "name": score.setting,
        "pass_at": [_estimate_json(one) for one in score.pass_at],
        "reduction_at": [_estimate_json(one) for one in score.reduction_at],
        "conditional_reduction": _estimate_json(score.conditional) if score.conditional else None,
        "failures": score.failures,
        "wall_s": score.wall_s,
        "tokens": score.tokens,
        "programs": [asdict(one) for one in score.programs],
    }


def _estimate_json(estimate: Estimate) -> Mapping[str, Any]:
    known = estimate.low > float("-inf")
    return {"value": estimate.value, "interval": [estimate.low, estimate.high] if known else None}


def study_csv(trials: Sequence[Trial]) -> str:
    """A line a trial, under the names of :class:`Trial`'s fields."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(Trial.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(trial) for trial in trials)
    return text.getvalue()
