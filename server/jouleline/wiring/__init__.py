"""The one package that knows both sides: it builds the edges and hands them to the app.

Every edge is imported in the function that needs it, so that nobody waits for what is not used.
"""

from __future__ import annotations

from .devices import DEFAULT_DEVICE, WHAT_IF_DEVICES, catalogue, host_device
from .doctor import findings
from .errors import NoSandboxError, UnavailableError
from .evidence import background_evidence, evidence_sources, profilers, scenario_setting, scenario_sources
from .folders import config_folder, disk_cache, records_folder
from .loop import loop_settings, refactor_tools, rules
from .measuring import measure_settings, meter, replay_meter, sees_gpus, simulated_meter, turn
from .models import configured_model, fine_tuner, model_evidence, model_settings
from .remote import Place, UnreachableTargetError, place, target_findings
from .running import runner, toolchains

__all__ = [
    "DEFAULT_DEVICE",
    "WHAT_IF_DEVICES",
    "NoSandboxError",
    "Place",
    "UnavailableError",
    "UnreachableTargetError",
    "background_evidence",
    "catalogue",
    "config_folder",
    "configured_model",
    "disk_cache",
    "evidence_sources",
    "findings",
    "fine_tuner",
    "host_device",
    "loop_settings",
    "measure_settings",
    "meter",
    "model_evidence",
    "model_settings",
    "place",
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
    "target_findings",
    "toolchains",
    "turn",
]


def serve(tcp: tuple[str, int] | None) -> int:
    """Run the language server over standard input and output, or for one client over TCP."""
    from jouleline.lsp.server import serve as serve_lsp

    return serve_lsp(tcp)
