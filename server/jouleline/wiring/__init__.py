"""The one package that knows both sides: it builds the edges and hands them to the app.

Every edge is imported in the function that needs it, and every module of this package with the first of its
names that is used, so that nobody waits for what is not used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .devices import WHAT_IF_DEVICES, catalogue, device, host_device
    from .doctor import findings
    from .errors import NoSandboxError, UnavailableError
    from .evidence import (
        background_evidence,
        evidence_sources,
        profile_evidence,
        profilers,
        scenario_setting,
        scenario_sources,
    )
    from .fleet import fleet_of
    from .folders import config_folder, disk_cache, file_cache, records_folder
    from .loop import loop_settings, refactor_tools, rules
    from .measuring import (
        find_gpu,
        measure_settings,
        meter,
        replay_meter,
        sees_gpus,
        simulated_meter,
        turn,
    )
    from .models import configured_model, fine_tuner, model_evidence, model_settings
    from .remote import Place, UnreachableTargetError, place, target, target_findings, target_names
    from .running import runner, toolchains

__all__ = [
    "WHAT_IF_DEVICES",
    "NoSandboxError",
    "Place",
    "UnavailableError",
    "UnreachableTargetError",
    "background_evidence",
    "catalogue",
    "config_folder",
    "configured_model",
    "device",
    "disk_cache",
    "evidence_sources",
    "file_cache",
    "find_gpu",
    "findings",
    "fine_tuner",
    "fleet_of",
    "host_device",
    "loop_settings",
    "measure_settings",
    "meter",
    "model_evidence",
    "model_settings",
    "place",
    "profile_evidence",
    "profilers",
    "records_folder",
    "refactor_tools",
    "replay_meter",
    "rules",
    "runner",
    "scenario_setting",
    "scenario_sources",
    "sees_gpus",
    "serve",
    "simulated_meter",
    "target",
    "target_findings",
    "target_names",
    "toolchains",
    "turn",
]


_HOMES = {
    "NoSandboxError": "errors",
    "Place": "remote",
    "UnavailableError": "errors",
    "UnreachableTargetError": "remote",
    "WHAT_IF_DEVICES": "devices",
    "background_evidence": "evidence",
    "catalogue": "devices",
    "config_folder": "folders",
    "configured_model": "models",
    "device": "devices",
    "disk_cache": "folders",
    "evidence_sources": "evidence",
    "file_cache": "folders",
    "fleet_of": "fleet",
    "find_gpu": "measuring",
    "findings": "doctor",
    "fine_tuner": "models",
    "host_device": "devices",
    "loop_settings": "loop",
    "measure_settings": "measuring",
    "meter": "measuring",
    "model_evidence": "models",
    "model_settings": "models",
    "place": "remote",
    "profile_evidence": "evidence",
    "profilers": "evidence",
    "records_folder": "folders",
    "refactor_tools": "loop",
    "replay_meter": "measuring",
    "rules": "loop",
    "runner": "running",
    "scenario_setting": "evidence",
    "scenario_sources": "evidence",
    "sees_gpus": "measuring",
    "simulated_meter": "measuring",
    "target": "remote",
    "target_findings": "remote",
    "target_names": "remote",
    "toolchains": "running",
    "turn": "measuring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return found


def serve(tcp: tuple[str, int] | None) -> int:
    """Run the language server over standard input and output, or for one client over TCP."""
    from .folders import file_cache

    beginning = None
    if tcp is None:
        from jouleline.lsp.greeting import greet

        opening = greet()
        if opening is None:
            return 1  # the editor has gone
        from jouleline.lsp.beginning import Beginning

        beginning = Beginning(opening)
    from jouleline.lsp.kept_hints import KeptHints

    kept = KeptHints(file_cache("hints"))
    if beginning is not None:
        kept.answer(beginning)
    from jouleline.lsp.start import serve as serve_lsp

    return serve_lsp(kept, tcp, beginning)
