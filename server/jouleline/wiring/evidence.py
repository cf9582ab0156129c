"""Who gives evidence of a bound beside the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from jouleline.core.counts import Evidence
from jouleline.core.ports import Availability, DeviceCompiler, Profiler

from .errors import UnavailableError
from .folders import config_folder, disk_cache
from .models import configured_model, model_evidence
from .running import runner

if TYPE_CHECKING:
    from jouleline.app.compiled import CompiledEvidence
    from jouleline.app.evidence import EvidenceSource
    from jouleline.app.model_bound import ModelBounds
    from jouleline.app.profiles import ProfileEvidence
    from jouleline.core.kernel import Language

FEW_SHOTS = 4
"""Examples in the few-shot scenario of a study: two of each class."""


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
    compilers = device_compilers()
    found = {language: compiler.find() for language, compiler in compilers.items()}
    usable = {
        language: compilers[language]
        for language, finding in found.items()
        if finding.availability is Availability.READY
    }
    if not usable:
        from jouleline.app.compiled import INSTALL_CUDA

        reasons = "; ".join(f"{finding.name}: {finding.detail}" for finding in found.values())
        raise UnavailableError(f"no compiler for kernels is here ({reasons}): {INSTALL_CUDA}")
    return usable, tuple(dict.fromkeys(folder for each in usable.values() for folder in each.folders))


def device_compilers() -> dict[Language, DeviceCompiler]:
    """The compilers that show what becomes of a kernel."""
    from jouleline.core.kernel import Language
    from jouleline.toolchains.gcn import HipccListing
    from jouleline.toolchains.sass import NvccListing, OpenMPListing

    return {Language.CUDA: NvccListing(), Language.OPENMP: OpenMPListing(), Language.HIP: HipccListing()}


@cache
def profilers() -> Sequence[Profiler]:
    """The GPU vendors' profilers whose output we read."""
    from jouleline.profilers.nsight_compute import NsightCompute
    from jouleline.profilers.rocprof import Rocprof

    return (NsightCompute(), Rocprof())


def profile_evidence(texts: Mapping[str, str], origin: str) -> ProfileEvidence:
    """The evidence of profilers' files, by name; ``origin`` names them in messages.

    Raises:
        ProfileError: if a text is nobody's, is damaged, or no launch in them can be used.
    """
    from jouleline.app.profiles import ProfileEvidence, read_profile

    return ProfileEvidence(read_profile(texts, profilers()), origin)


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
