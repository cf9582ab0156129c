"""Everything the refactoring loop works with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jouleline.core.ports import LanguageModel

from .devices import host_device
from .errors import UnavailableError
from .folders import config_folder, disk_cache, records_folder
from .measuring import measure_settings, replay_meter, sees_gpus, turn, two_meters
from .models import configured_model, model_settings
from .running import runner, toolchains

if TYPE_CHECKING:
    from jouleline.app.measure_settings import MeasureSettings
    from jouleline.app.outcome import Tools
    from jouleline.core.loop_settings import LoopSettings
    from jouleline.rules.base import Rule


def rules() -> Sequence[Rule]:
    """Every rule, in the order in which their rewrites are worth trying."""
    from jouleline.rules import RULES

    return RULES


def refactor_tools(
    *,
    confined: bool = True,
    uses_gpu: bool = False,
    settings: MeasureSettings | None = None,
    program: Path | None = None,
    use: str | None = None,
    model: str | None = None,
) -> Tools:
    """Everything the refactoring loop works with, for a program that ``uses_gpu`` or not; close it.

    ``settings`` say how to measure, by default as the user's own do. ``program`` is the folder whose
    ``[refactor]`` and ``[model]`` count, ``use`` names settings that replace those of files, and
    ``model`` replaces the configured model's name.

    Raises:
        UnavailableError: if a setting is wrong, if a GPU is here whose energy cannot be measured, if a
            model is asked for and none is there, and as :func:`runner`.
    """
    from jouleline.app.cached_builds import CachedBuilds
    from jouleline.app.outcome import Tools
    from jouleline.meters.selection import find_gpu
    from jouleline.runners.environment import job_environment

    settings = settings or measure_settings()
    stages = loop_settings(program, use)
    if stages.model and ((use is not None and use != "full") or model is not None):
        configured_model(program, model)
    proposing, judging = _loop_models(program, model) if stages.model else (None, None)
    chosen, notes = runner(confined=confined)
    used, other = two_meters(settings, uses_gpu=uses_gpu)
    return Tools(
        runner=CachedBuilds(chosen, disk_cache("builds"), job_environment(os.environ, "", {})),
        meter=used,
        plan=settings.plan,
        rules=rules(),
        toolchains=toolchains(),
        records=records_folder(),
        notes=notes,
        gpu=find_gpu(),
        gpu_measured=sees_gpus(used.info),
        turn=turn(),
        host=host_device().name,
        model=proposing,
        judge=judging,
        device=host_device(),
        search_meter=other,
        settings=stages,
        replay_meter=replay_meter,
    )


def loop_settings(program: Path | None, use: str | None = None) -> LoopSettings:
    """The stages of the loop: those named by ``use``, else as a program's file and the user's own say.

    Raises:
        UnavailableError: if a setting is wrong.
    """
    from jouleline.app.loop_settings import LoopSettingsError, find_loop_settings
    from jouleline.app.workload import WORKLOAD_FILE

    theirs = None if program is None else program / WORKLOAD_FILE
    try:
        return find_loop_settings(config_folder() / WORKLOAD_FILE, theirs, use)
    except LoopSettingsError as error:
        raise UnavailableError(str(error)) from error


def _loop_models(program: Path | None, name: str | None) -> tuple[LanguageModel | None, LanguageModel | None]:
    """The models that propose and that judge; None where none is configured."""
    from jouleline.app.cached_model import CachedModel
    from jouleline.models.openai_compatible import OpenAICompatibleModel
    from jouleline.models.spending import Spending

    settings = model_settings(program, name)
    if settings is None:
        return None, None
    cache = disk_cache("models")
    spending = Spending(settings)
    proposing = CachedModel(OpenAICompatibleModel(settings, spending), cache)
    if not settings.judge:
        return proposing, proposing
    return proposing, CachedModel(
        OpenAICompatibleModel(replace(settings, model=settings.judge), spending), cache
    )
