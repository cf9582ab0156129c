"""The one module that knows both sides: it builds the edges and hands them to the app.

Every edge is imported in the function that needs it, so that nobody waits for what is not used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jouleline.core.counts import Evidence
from jouleline.core.device import Catalogue, Device
from jouleline.core.meter import Measured, Meter, MeterError, Turn
from jouleline.core.ports import (
    Availability,
    Cache,
    DeviceCompiler,
    Finding,
    FineTuner,
    LanguageModel,
    Profiler,
    Runner,
    Toolchain,
)

if TYPE_CHECKING:
    from jouleline.app.compiled import CompiledEvidence
    from jouleline.app.energy_replay import Replayable
    from jouleline.app.evidence import EvidenceSource
    from jouleline.app.measure_settings import MeasureSettings
    from jouleline.app.model_bound import ModelBounds, ModelScenario
    from jouleline.app.outcome import Tools
    from jouleline.app.question import Example
    from jouleline.app.virtual_machine import VirtualMachine
    from jouleline.core.kernel import Language
    from jouleline.core.loop_settings import LoopSettings
    from jouleline.core.model_settings import ModelSettings

DEFAULT_DEVICE = "a100-sxm4-40gb"
"""The device for bounds when the user names none and no GPU is found."""

WHAT_IF_DEVICES = (
    "v100-sxm2",
    "a100-sxm4-40gb",
    "h200",
    "b200",
    "l40s",
    "rtx-4090",
    "mi250x-gcd",
    "mi300x",
)
"""The devices that ``whatif`` compares when none are named: four generations of NVIDIA's data centres, two
GPUs with little double precision and GDDR memory, and two of AMD."""

FEW_SHOTS = 4
"""Examples in the few-shot scenario of a study: two of each class."""


class UnavailableError(ValueError):
    """Something that was asked for is not there; the message says what is missing and what to do."""


class NoSandboxError(UnavailableError):
    """There is nothing here that would confine a program."""


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
    return _state_folder() / "runs"


def turn() -> Turn:
    """The right to measure, of which this user has one on this machine."""
    from jouleline.meters.turn import FileTurn

    return FileTurn(_state_folder())


def _state_folder() -> Path:
    return _xdg("XDG_STATE_HOME", ".local/state")


@cache
def disk_cache(name: str) -> Cache:
    """The cache of one purpose, such as ``compiled``, in the user's cache folder."""
    from jouleline.cache import DiskCache

    return DiskCache(_xdg("XDG_CACHE_HOME", ".cache") / name)


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


def runner(*, confined: bool = True, readable: Sequence[str] = ()) -> tuple[Runner, tuple[str, ...]]:
    """The runner for programs, and what the user should know of it.

    ``confined`` asks for the sandbox, and so does the user's own file unless that says otherwise; a
    program's file has no say. ``readable`` are folders that jobs need though they lie where the user's
    files are.

    Raises:
        NoSandboxError: if there is none; programs run outside only if the user insists.
        UnavailableError: if the user's settings are wrong.
    """
    from jouleline.app.sandbox_settings import Backend, SandboxSettingsError, find_sandbox
    from jouleline.app.workload import WORKLOAD_FILE
    from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap
    from jouleline.runners.landlock import LandlockRunner, find_landlock
    from jouleline.runners.local import LocalRunner

    own = config_folder() / WORKLOAD_FILE
    try:
        settings = find_sandbox(own)
    except SandboxSettingsError as error:
        raise UnavailableError(str(error)) from error
    if not confined or settings.backend is Backend.NONE:
        return LocalRunner(), ("programs ran outside the sandbox, as you asked",)
    readable = (*readable, *settings.readable)
    problems = []
    if settings.backend in (Backend.BEST, Backend.BUBBLEWRAP):
        finding = find_bubblewrap()
        if finding.availability is Availability.READY:
            return BubblewrapRunner(readable), ()
        problems.append(f"bubblewrap: {finding.detail} ({finding.remedy})")
    if settings.backend in (Backend.BEST, Backend.LANDLOCK):
        finding = find_landlock()
        if finding.availability is not Availability.MISSING:
            weaker = LandlockRunner(readable)
            return weaker, (
                f"programs ran under landlock, where a job keeps some rights: {'; '.join(weaker.gaps)}",
            )
        problems.append(f"landlock: {finding.detail} ({finding.remedy})")
    raise NoSandboxError(
        f"there is no sandbox to run programs in: {'; '.join(problems)}; if you trust the program, run it "
        f'outside with --no-sandbox, or always with backend = "none" in [sandbox] of {own}'
    )


def meter(
    name: str | None = None, gpus: Sequence[str] = (), *, accept_mig: bool = False, uses_gpu: bool = False
) -> Meter[Any]:
    """The meter called ``name``, else the one that sees most of what a program uses; close it after use.

    ``gpus`` are places or identifiers of the GPUs that count (none: all that programs may use);
    ``accept_mig`` takes the figure of a whole GPU for a part of it, labelled; ``uses_gpu`` says that the
    program has kernels.

    Raises:
        UnavailableError: if it cannot be used here; the message says why and what to do.
    """
    from jouleline.meters.selection import best_meter, named_meter

    try:
        if name is None:
            return best_meter(gpus, _cpu_time_meter, accept_mig=accept_mig, uses_gpu=uses_gpu)
        return named_meter(name, gpus, _cpu_time_meter, accept_mig=accept_mig)
    except MeterError as error:
        raise UnavailableError(str(error) if name is None else f"meter {name}: {error}") from error


def _cpu_time_meter() -> Meter[Any]:
    from jouleline.meters.cpu_time import CpuTimeMeter

    host = host_device()
    return CpuTimeMeter(
        rated_watts=host.tdp_w.value,
        cores=int(host.multiprocessors.value),
        device=host.name,
        source=f"{host.tdp_w.provenance}: {host.tdp_w.source}",
    )


def measure_settings(program: Path | None = None) -> MeasureSettings:
    """How to measure, as ``jouleline.toml`` says: that file of a ``program``, else the user's own.

    Raises:
        UnavailableError: if a setting is wrong.
    """
    from jouleline.app.measure_settings import MeasureSettingsError, find_settings
    from jouleline.app.workload import WORKLOAD_FILE

    try:
        return find_settings(config_folder() / WORKLOAD_FILE, program)
    except MeasureSettingsError as error:
        raise UnavailableError(str(error)) from error


def replay_meter(source: Replayable) -> Meter[Any]:
    """The meter that gives a record's windows again."""
    from jouleline.meters.replay import ReplayMeter

    return ReplayMeter(source.record.header.meter, source.samples, source.recorded)


def simulated_meter(machine: VirtualMachine) -> Meter[Measured]:
    """The meter for real sensors on a simulated machine, in that machine's time."""
    from jouleline.meters.sensor import SensorMeter

    # Nothing is there to be polled: a simulated machine has a counter and nothing else.
    return SensorMeter(machine, machine.clock, machine.sleep, background=lambda _: lambda: None)


def host_device() -> Device:
    """This machine's CPU."""
    return catalogue().get("host")


def evidence_sources(kind: Evidence, *, confined: bool = True) -> Sequence[EvidenceSource]:
    """Who gives evidence of a kind beside the source, which is always read. ``confined`` as for a runner.

    Raises:
        UnavailableError: if nobody gives it; the message says why.
    """
    if kind in (Evidence.SOURCE, Evidence.PROFILE):  # a profile comes from files or a run, see the CLI
        return ()
    if kind is Evidence.COMPILED:
        return (_compiled_evidence(confined=confined),)
    if kind is Evidence.MODEL:
        return (model_evidence(),)
    raise UnavailableError(f"--evidence {kind}: there is no such evidence so far")


def _device_compilers() -> dict[Language, DeviceCompiler]:
    from jouleline.core.kernel import Language
    from jouleline.toolchains.sass import NvccListing, OpenMPListing

    return {Language.CUDA: NvccListing(), Language.OPENMP: OpenMPListing()}


def _compiled_evidence(*, confined: bool) -> EvidenceSource:
    from jouleline.app.compiled import CompiledEvidence

    try:
        usable, readable = _usable_compilers()
    except UnavailableError as error:
        raise UnavailableError(f"--evidence compiled: {error}") from None
    chosen, _ = runner(confined=confined, readable=readable)
    return CompiledEvidence(usable, chosen, disk_cache("compiled"))


def background_evidence() -> CompiledEvidence:
    """Compiled evidence that nobody asked for: at low priority, and never outside the sandbox.

    Raises:
        UnavailableError: if there is no compiler or no sandbox.
    """
    from jouleline.app.compiled import CompiledEvidence
    from jouleline.runners.low_priority import LowPriorityRunner

    usable, readable = _usable_compilers()
    chosen, _ = runner(readable=readable)
    if not chosen.guarantees:
        raise UnavailableError(
            "no sandbox is here, and outside of one nothing is compiled unasked: `jouleline doctor` tells "
            "what to do; `jouleline bound --evidence compiled` compiles when you ask for it"
        )
    return CompiledEvidence(usable, LowPriorityRunner(chosen), disk_cache("compiled"))


def _usable_compilers() -> tuple[dict[Language, DeviceCompiler], tuple[str, ...]]:
    """The compilers for kernels that are here, and the folders that they need to read."""
    compilers = _device_compilers()
    found = {language: compiler.find() for language, compiler in compilers.items()}
    usable = {
        language: compilers[language]
        for language, finding in found.items()
        if finding.availability is Availability.READY
    }
    if not usable:
        reasons = "; ".join(f"{finding.name}: {finding.detail}" for finding in found.values())
        raise UnavailableError(f"no compiler for kernels is here ({reasons}): pip install 'jouleline[cuda]'")
    return usable, tuple(dict.fromkeys(folder for each in usable.values() for folder in each.folders))


@cache
def profilers() -> Sequence[Profiler]:
    """The GPU vendors' profilers whose output we read."""
    from jouleline.profilers.nsight_compute import NsightCompute
    from jouleline.profilers.rocprof import Rocprof

    return (NsightCompute(), Rocprof())


def scenario_sources(scenario: str) -> Sequence[EvidenceSource]:
    """Who answers in a scenario of the roofline study beside the source, which is always read.

    Raises:
        UnavailableError: if nobody does; the message says why.
    """
    match scenario:
        case "profile":
            return ()
        case "zero-shot" | "few-shot" | "fine-tuned":
            return (_scenario_model(scenario),)
        case _:
            return evidence_sources(Evidence(scenario))


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


def scenario_setting(scenario: str) -> str:
    """What a scenario's answers depend on beside program and device, as text: the model, for one.

    Raises:
        UnavailableError: as :func:`scenario_sources`.
    """
    from jouleline.app.model_bound import ModelBounds

    sources = scenario_sources(scenario)
    return "; ".join(source.setting for source in sources if isinstance(source, ModelBounds))


@cache
def _scenario_model(scenario: str) -> ModelBounds:
    """One model for all programs of a study: its token budget is for them together."""
    from jouleline.app.model_bound import ModelScenario

    try:
        tuned = configured_model().fine_tuned
    except UnavailableError as error:
        raise UnavailableError(f"scenario {scenario}: {error}") from None
    if scenario != "fine-tuned":
        return model_evidence(ModelScenario(shots=FEW_SHOTS if scenario == "few-shot" else 0))
    if not tuned:
        raise UnavailableError(
            "scenario fine-tuned: name the model that was fine-tuned as fine_tuned in [model] of "
            f"{config_folder() / 'jouleline.toml'}; `jouleline study fine-tune` makes one"
        )
    return model_evidence(ModelScenario(tuned=True), model=tuned)


def fine_tuner(model: str | None = None) -> FineTuner:
    """The endpoint that fine-tunes the configured model, or ``model``.

    Raises:
        UnavailableError: if no model is configured, or wrongly.
    """
    from jouleline.models.openai_fine_tuning import OpenAIFineTuner

    return OpenAIFineTuner(configured_model(None, model))


def refactor_tools(
    *,
    confined: bool = True,
    uses_gpu: bool = False,
    settings: MeasureSettings | None = None,
    program: Path | None = None,
    use: str | None = None,
    model: str | None = None,
) -> Tools:
    """Everything the refactoring loop works with, for a program that ``uses_gpu`` or not; close its meter.

    ``settings`` say how to measure, by default as the user's own do. ``program`` is the folder whose
    ``[refactor]`` and ``[model]`` count, ``use`` names settings that replace those of files, and
    ``model`` replaces the configured model's name.

    Raises:
        UnavailableError: if a setting is wrong, if a GPU is here whose energy cannot be measured, if a
            model is asked for and none is there, and as :func:`runner`.
    """
    from jouleline.app.outcome import Tools
    from jouleline.meters.selection import find_gpu, sees_gpus
    from jouleline.rules import RULES

    settings = settings or measure_settings()
    stages = loop_settings(program, use)
    if stages.model and ((use is not None and use != "full") or model is not None):
        configured_model(program, model)
    proposing, judging = _loop_models(program, model) if stages.model else (None, None)
    chosen, notes = runner(confined=confined)
    used = meter(settings.meter, settings.gpus, accept_mig=settings.accept_mig, uses_gpu=uses_gpu)
    return Tools(
        runner=chosen,
        meter=used,
        plan=settings.plan,
        rules=RULES,
        toolchains=toolchains(),
        records=records_folder(),
        notes=notes,
        gpu=find_gpu(),
        gpu_measured=sees_gpus(used),
        turn=turn(),
        host=host_device().name,
        model=proposing,
        judge=judging,
        device=host_device(),
        search_meter=meter(settings.meter, settings.gpus, accept_mig=settings.accept_mig, uses_gpu=uses_gpu),
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


def serve(tcp: tuple[str, int] | None) -> int:
    """Run the language server over standard input and output, or for one client over TCP."""
    from jouleline.lsp.server import serve as serve_lsp

    return serve_lsp(tcp)


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
            for language, compiler in _device_compilers().items()
        ),
        *find_meters(_cpu_time_meter),
        find_bubblewrap(),
        find_landlock(),
        Finding("runner", "local", Availability.READY, "this machine"),
        model_finding(),
    ]


def model_finding() -> Finding:
    """Which model is configured; nothing is sent to it."""
    from jouleline.models.openai_compatible import find_model_endpoint

    try:
        return find_model_endpoint(model_settings(Path()))
    except UnavailableError as error:
        return Finding("model", "none", Availability.LIMITED, str(error))
