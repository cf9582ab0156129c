"""What is here, for ``jouleline doctor``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jouleline.core.ports import Availability, Finding

from .errors import UnavailableError
from .evidence import device_compilers, profilers
from .measuring import cpu_time_meter
from .models import model_settings
from .running import toolchains


def findings() -> list[Finding]:
    """What ``jouleline doctor`` reports: compilers, profilers, meters, the sandbox, the model, runners."""
    from jouleline.meters.selection import find_meters
    from jouleline.runners.bubblewrap import find_bubblewrap
    from jouleline.runners.landlock import find_landlock

    return [
        *(toolchain.find() for toolchain in toolchains()),
        *(profiler.find() for profiler in profilers()),
        *(
            replace(compiler.find(), kind="evidence", name=f"compiled {language}")
            for language, compiler in device_compilers().items()
        ),
        *find_meters(cpu_time_meter),
        find_bubblewrap(),
        find_landlock(),
        Finding("runner", "local", Availability.READY, "this machine"),
        _model_finding(),
    ]


def _model_finding() -> Finding:
    """Which model is configured; nothing is sent to it."""
    from jouleline.models.openai_compatible import find_model_endpoint

    try:
        return find_model_endpoint(model_settings(Path()))
    except UnavailableError as error:
        return Finding("model", "none", Availability.LIMITED, str(error))
