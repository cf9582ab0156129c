"""The one module that knows both sides: it builds the edges and hands them to the app.

Every edge is imported in the function that needs it, so that nobody waits for what is not used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jouleline.core.counts import Evidence
from jouleline.core.device import Catalogue, Device
from jouleline.core.ports import Availability, Finding, Meter, Profiler, Runner, Toolchain

if TYPE_CHECKING:
    from jouleline.app.evidence import EvidenceSource
    from jouleline.app.outcome import Tools

DEFAULT_DEVICE = "a100-sxm4-40gb"
"""The device for bounds when the user names none and no GPU is found."""


class UnavailableError(ValueError):
    """Something that was asked for is not there; the message says what is missing and what to do."""


@cache
def catalogue() -> Catalogue:
    """The devices we ship, those of the user's own folder, and this host.

    Raises:
        DeviceFileError: if a file of the user's folder is wrong.
    """
    from jouleline.devices import load_catalogue
    from jouleline.devices.host import host_device

    own = config_folder() / "devices"
    return Catalogue([*load_catalogue(own if own.is_dir() else None), host_device()])


def config_folder() -> Path:
    """Where the user keeps settings of Jouleline."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def records_folder() -> Path:
    """Where the records of refactoring runs are kept."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "runs"


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "jouleline"


@cache
def toolchains() -> Sequence[Toolchain]:
    """The compilers we know, best first for each kind of file."""
    from jouleline.toolchains.clang import ClangToolchain
    from jouleline.toolchains.gnu import GnuToolchain
    from jouleline.toolchains.hipcc import HipccToolchain
    from jouleline.toolchains.nvcc import NvccToolchain

    return (GnuToolchain(), NvccToolchain(), HipccToolchain(), ClangToolchain())


def runner(*, confined: bool = True) -> tuple[Runner, tuple[str, ...]]:
    """The runner for programs, and what the user should know of it.

    ``confined`` asks for the sandbox; where there is none, programs run as the user's own do, and
    the note says so.
    """
    from jouleline.runners.local import LocalRunner

    if not confined:
        return LocalRunner(), ("programs ran outside the sandbox, as you asked",)
    from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap

    finding = find_bubblewrap()
    if finding.availability is Availability.READY:
        return BubblewrapRunner(), ()
    return LocalRunner(), (f"programs ran outside a sandbox: {finding.detail}. {finding.remedy}".strip(),)


def meter() -> Meter:
    """The best meter of this machine: RAPL where it can be read, else the CPU-time model."""
    from jouleline.meters.cpu_time import CpuTimeMeter
    from jouleline.meters.rapl import RaplMeter, find_rapl

    if find_rapl().availability is Availability.READY:
        return RaplMeter()
    host = host_device()
    return CpuTimeMeter(
        rated_watts=host.tdp_w.value,
        cores=int(host.multiprocessors.value),
        device=host.name,
        source=f"{host.tdp_w.provenance}: {host.tdp_w.source}",
    )


def host_device() -> Device:
    """This machine's CPU."""
    return catalogue().get("host")


def evidence_sources(kind: Evidence) -> Sequence[EvidenceSource]:
    """Who gives evidence of a kind beside the source, which is always read.

    Raises:
        UnavailableError: if nobody gives it; the message says why.
    """
    if kind in (Evidence.SOURCE, Evidence.PROFILE):  # a profile comes from files or a run, see the CLI
        return ()
    raise UnavailableError(f"--evidence {kind}: only source and profile evidence are there so far")


@cache
def profilers() -> Sequence[Profiler]:
    """The GPU vendors' profilers whose output we read."""
    from jouleline.profilers.nsight_compute import NsightCompute
    from jouleline.profilers.rocprof import Rocprof

    return (NsightCompute(), Rocprof())


def refactor_tools(*, confined: bool = True) -> Tools:
    """Everything the refactoring loop works with."""
    from jouleline.app.outcome import Tools
    from jouleline.meters.nvml import find_nvml
    from jouleline.rules import RULES

    chosen, notes = runner(confined=confined)
    return Tools(
        runner=chosen,
        meter=meter(),
        rules=RULES,
        toolchains=toolchains(),
        records=records_folder(),
        notes=notes,
        gpu=find_nvml(),
    )


def serve(tcp: tuple[str, int] | None) -> int:
    """Run the language server over standard input and output, or for one client over TCP."""
    from jouleline.lsp.server import serve as serve_lsp

    return serve_lsp(tcp)


def findings() -> list[Finding]:
    """What ``jouleline doctor`` reports: compilers, profilers, meters, the sandbox, the model, runners."""
    from jouleline.meters.nvml import find_nvml
    from jouleline.meters.rapl import find_rapl
    from jouleline.runners.bubblewrap import find_bubblewrap

    model = meter().info
    return [
        *(toolchain.find() for toolchain in toolchains()),
        *(profiler.find() for profiler in profilers()),
        find_nvml(),
        find_rapl(),
        Finding("meter", model.name, Availability.READY, f"in use; {model.note}"),
        find_bubblewrap(),
        Finding("runner", "local", Availability.READY, "this machine"),
        Finding(
            "model",
            "none",
            Availability.LIMITED,
            "candidates come from the built-in rewrite rules; models are not supported yet",
        ),
    ]
