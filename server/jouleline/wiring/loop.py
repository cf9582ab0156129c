"""Everything the refactoring loop works with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jouleline.core.ports import LanguageModel

from .devices import host_device
from .errors import UnavailableError
from .fleet import edges_of_fleet
from .folders import config_folder, disk_cache, records_folder
from .measuring import measure_settings, replay_meter, sees_gpus, turn, two_meters
from .models import configured_model, model_settings
from .remote import place
from .remote import target as target_named
from .running import runner, toolchains

if TYPE_CHECKING:
    from jouleline.app.measure_settings import MeasureSettings
    from jouleline.app.outcome import Tools
    from jouleline.core.loop_settings import LoopSettings
    from jouleline.fleet.workers import Fleet
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
    target: str | None = None,
    fleet: Fleet | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Tools:
    """Everything the refactoring loop works with, for a program that ``uses_gpu`` or not; close it.

    ``settings`` say how to measure, by default as the user's own do. ``program`` is the folder whose
    ``[refactor]`` and ``[model]`` count, ``use`` names settings that replace those of files, and
    ``model`` replaces the configured model's name. Programs run on the machine that ``target`` names, else
    here; ``fleet`` is that target where it is started already, and stays. ``tell`` hears what is waited for.

    Raises:
        UnavailableError: if a setting is wrong, if a GPU is here whose energy cannot be measured, if a
            model is asked for and none is there, and as :func:`runner` and :func:`place`.
    """
    from jouleline.app.outcome import Tools

    settings = settings or measure_settings()
    stages = loop_settings(program, use)
    if stages.model and ((use is not None and use != "full") or model is not None):
        configured_model(program, model)
    proposing, judging = _loop_models(program, model) if stages.model else (None, None)
    tools = Tools(
        **(
            _edges_here(settings, confined=confined, uses_gpu=uses_gpu)
            if target is None
            else _edges_of(target, settings, program, tell, confined=confined, uses_gpu=uses_gpu, fleet=fleet)
        ),
        plan=settings.plan,
        rules=rules(),
        toolchains=toolchains(),
        records=records_folder(),
        model=proposing,
        judge=judging,
        settings=stages,
        replay_meter=replay_meter,
    )
    return replace(tools, gpu_measured=sees_gpus(tools.meter.info))


def _edges_here(settings: MeasureSettings, *, confined: bool, uses_gpu: bool) -> dict[str, Any]:
    """What of the tools is this machine's."""
    from jouleline.app.cached_builds import CachedBuilds
    from jouleline.meters.selection import find_gpu
    from jouleline.runners.environment import job_environment

    chosen, notes = runner(confined=confined)
    used, other = two_meters(settings, uses_gpu=uses_gpu)
    host = host_device()
    return {
        "runner": CachedBuilds(chosen, disk_cache("builds"), job_environment(os.environ, "", {})),
        "meter": used,
        "search_meter": other,
        "notes": notes,
        "gpu": find_gpu(),
        "turn": turn(),
        "host": host.name,
        "device": host,
    }


def _edges_of(
    name: str,
    settings: MeasureSettings,
    program: Path | None,
    tell: Callable[[str], None],
    *,
    confined: bool,
    uses_gpu: bool,
    fleet: Fleet | None,
) -> dict[str, Any]:
    """What of the tools is a target's."""
    from jouleline.app.target_settings import FLEET

    described = target_named(name, program)
    if described.runner == FLEET:
        return edges_of_fleet(described, settings, tell, confined=confined, uses_gpu=uses_gpu, fleet=fleet)
    return _edges_there(name, settings, program, tell, confined=confined, uses_gpu=uses_gpu)


def _edges_there(
    target: str,
    settings: MeasureSettings,
    program: Path | None,
    tell: Callable[[str], None],
    *,
    confined: bool,
    uses_gpu: bool,
) -> dict[str, Any]:
    """What of the tools is another machine's."""
    there = place(target, confined=confined, program=program, tell=tell)
    with ExitStack() as stack:
        stack.callback(there.close)
        used = there.meter(settings, uses_gpu=uses_gpu)
        other = there.meter(settings, uses_gpu=uses_gpu, by_run=False)
        stack.pop_all()
    return {
        "runner": there.runner,
        "meter": used,
        "search_meter": other,
        "notes": there.notes,
        "gpu": there.gpu,
        "turn": there.turn,
        "host": there.host.name,
        "device": there.host,
        "surroundings": there.surroundings,
        "machine": there,
    }


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
