"""Language models: the one that is configured, its opinions on bounds, and fine-tuning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jouleline.core.ports import FineTuner

from .errors import UnavailableError
from .folders import config_folder, disk_cache

if TYPE_CHECKING:
    from jouleline.app.model_bound import ModelBounds, ModelScenario
    from jouleline.app.question import Example
    from jouleline.core.model_settings import ModelSettings


def model_settings(program: Path | None = None, model: str | None = None) -> ModelSettings | None:
    """The model to ask, None if none is configured. ``program`` is a program's folder.

    Raises:
        UnavailableError: if its settings are wrong.
    """
    from jouleline.app.model_settings import ModelSettingsError, find_model
    from jouleline.app.workload import WORKLOAD_FILE

    theirs = None if program is None else program / WORKLOAD_FILE
    try:
        return find_model(config_folder() / WORKLOAD_FILE, theirs, os.environ, model)
    except ModelSettingsError as error:
        raise UnavailableError(str(error)) from error


def configured_model(program: Path | None = None, model: str | None = None) -> ModelSettings:
    """The same, where there has to be one."""
    settings = model_settings(program, model)
    if settings is None:
        raise UnavailableError(
            "no language model is configured: set model, and base_url for one that is not OpenAI's, in "
            f"[model] of {config_folder() / 'jouleline.toml'}; see docs/models.md"
        )
    return settings


def model_evidence(
    scenario: ModelScenario | None = None,
    *,
    program: Path | None = None,
    model: str | None = None,
    examples: Sequence[Example] | None = None,
) -> ModelBounds:
    """A model's opinions: zero-shot by default, few-shot or fine-tuned as the scenario says.

    ``program`` is the folder whose settings count; ``model`` overrides the configured name, as for a
    fine-tuned one. ``examples`` replace those of our own samples.

    Raises:
        UnavailableError: if no model is configured, or wrongly.
    """
    from jouleline.app.cached_model import CachedModel
    from jouleline.app.model_bound import ModelBounds, ModelScenario
    from jouleline.models.openai_compatible import OpenAICompatibleModel

    asked = OpenAICompatibleModel(configured_model(program, model))
    return ModelBounds(CachedModel(asked, disk_cache("models")), scenario or ModelScenario(), examples)


def fine_tuner(model: str | None = None) -> FineTuner:
    """The endpoint that fine-tunes the configured model, or ``model``.

    Raises:
        UnavailableError: if no model is configured, or wrongly.
    """
    from jouleline.models.openai_fine_tuning import OpenAIFineTuner

    return OpenAIFineTuner(configured_model(None, model))
