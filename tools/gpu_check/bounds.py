"""The bounds of the CUDA samples by source and compiled evidence, held against Nsight Compute."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from jouleline import wiring
from jouleline.app.analyse import Analysis, KernelReport, analyse, parse_files
from jouleline.app.build import BuildError
from jouleline.app.collection import choose_profiler, collect
from jouleline.app.evidence import EvidenceUnavailableError, refined
from jouleline.app.profiles import ProfileEvidence, read_profile
from jouleline.app.program import Program
from jouleline.core.counts import Evidence, Operation
from jouleline.core.device import Device, UnknownDevice
from jouleline.core.ports import RunnerError
from jouleline.core.profile import ProfileError
from jouleline.core.workload import Workload
from jouleline.runners.local import LocalRunner

from .bench import Bench, CheckError
from .results import COMPUTED, Claim, Figure, Findings
from .samples import LARGE, names, sample

_OPERATIONS: Final = (Operation.SP, Operation.DP, Operation.INT)


@dataclass(frozen=True, slots=True)
class _Estimated:
    evidence: Evidence
    analysis: Analysis


def check_bounds(bench: Bench) -> Findings:
    """Every kernel of every CUDA sample."""
    try:
        device = wiring.catalogue().get(bench.device)
    except UnknownDevice as error:
        raise CheckError(f"{error}; add a file for it to devices/ (docs/devices.md)") from error
    found = Findings()
    for name in names():
        bench.say(name)
        with sample(name, bench.arch) as (program, workload):
            work = replace(workload, args=LARGE.get(name, workload.args))
            _check(name, program, work, device, found)
    return found


def _check(name: str, program: Program, workload: Workload, device: Device, found: Findings) -> None:
    parsed, problems = parse_files(program.files)
    words = tuple(shlex.split(workload.args))
    source = analyse(parsed, device, words, (*program.problems, *problems), macros=program.macros)
    estimates = [_Estimated(Evidence.SOURCE, source)]
    try:
        analysis = source
        for evidence in wiring.evidence_sources(Evidence.COMPILED, confined=False):
            analysis = refined(analysis, evidence.refine(analysis, program))
        estimates.append(_Estimated(Evidence.COMPILED, analysis))
    except (wiring.UnavailableError, EvidenceUnavailableError) as error:
        found.notes.append(f"{name}: no compiled evidence: {error}")
    measured = _measured(name, program, workload, source, found)
    for one in estimates:
        for report in one.analysis.kernels:
            _tell(f"{name} {report.kernel.name}", one.evidence, report, _same(report, measured), found)


def _measured(
    name: str, program: Program, workload: Workload, analysis: Analysis, found: Findings
) -> Analysis | None:
    """What the profiler says; None with its refusal in the notes."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as scratch:
        try:
            profiler = choose_profiler(wiring.profilers())
            texts = asyncio.run(collect(program, workload, LocalRunner(), profiler, Path(scratch)))
            evidence = ProfileEvidence(read_profile(texts, wiring.profilers()), profiler.name)
        except (ProfileError, BuildError, RunnerError) as error:
            found.notes.append(f"{name}: not profiled: {error}")
            return None
    return refined(analysis, evidence.refine(analysis, program))


def _same(report: KernelReport, measured: Analysis | None) -> KernelReport | None:
    for one in measured.kernels if measured is not None else ():
        if one.profile is not None and one.kernel.start == report.kernel.start:
            return one
    return None


def _tell(
    name: str, evidence: Evidence, report: KernelReport, truth: KernelReport | None, found: Findings
) -> None:
    label = f"{name}, by {evidence}"
    found.figures += _figures(label, report, "estimated")
    if truth is None:
        found.notes.append(f"{label}: {report.bound.kind}-bound")
        return
    same = truth.bound.kind is report.bound.kind
    said = f"{label}: {report.bound.kind}-bound, as the profiler's counts say ({truth.bound.kind})"
    found.claims.append(Claim(said, same))
    pairs = [("DRAM bytes", report.counts.dram_bytes, truth.counts.dram_bytes)]
    pairs += [
        (f"{one} operations", report.counts.operations.get(one, 0.0), truth.counts.operations.get(one, 0.0))
        for one in _OPERATIONS
    ]
    found.figures += [
        Figure(f"{label}: {what} over profile", ours / theirs, "1", provenance=COMPUTED)
        for what, ours, theirs in pairs
        if theirs > 0
    ]
    if evidence is Evidence.SOURCE:
        found.figures += _figures(f"{name}, by profile", truth, "measured")
        if truth.profile is not None and truth.profile.seconds is not None:
            found.figures.append(Figure(f"{name}, by profile: kernel time", truth.profile.seconds, "s"))


def _figures(label: str, report: KernelReport, provenance: str) -> list[Figure]:
    counts = report.counts
    return [
        Figure(f"{label}: DRAM traffic", counts.dram_bytes, "B", provenance=provenance),
        *(
            Figure(f"{label}: {one} operations", counts.operations.get(one, 0.0), "1", provenance=provenance)
            for one in _OPERATIONS
            if counts.operations.get(one, 0.0) > 0
        ),
    ]
