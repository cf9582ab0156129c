"""Compiled evidence: count a kernel's operations in the machine code that a compiler makes of it."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from jouleline.core.counts import NO_OPERATIONS, CompiledFacts, Evidence, KernelCounts, Operation
from jouleline.core.device import Device, Vendor
from jouleline.core.gcn import parse_gcn
from jouleline.core.kernel import Language
from jouleline.core.machine_counts import MachineCounts, count_machine_code
from jouleline.core.machine_match import code_of
from jouleline.core.mangling import read_symbol
from jouleline.core.occupancy import occupancy
from jouleline.core.ports import Cache, DeviceCompiler, Runner
from jouleline.core.roofline import charged
from jouleline.core.sass import MachineCode, parse_sass

from .analyse import Analysis, KernelReport
from .evidence import Refinement
from .listings import Lister, Listing, closure
from .program import Problem, Program
from .spreads import certain


@dataclass(frozen=True)
class CompiledEvidence:
    """Evidence from the compilers of this machine. ``compilers`` are those that are there, by language."""

    compilers: Mapping[Language, DeviceCompiler]
    runner: Runner
    cache: Cache

    @property
    def kind(self) -> Evidence:
        """Compiled."""
        return Evidence.COMPILED

    def refine(self, analysis: Analysis, program: Program) -> Refinement:
        """Compile the program and wait for it; see :meth:`compiled`."""
        return asyncio.run(self.compiled(analysis, program))

    async def compiled(self, analysis: Analysis, program: Program) -> Refinement:
        """Counts from machine code for each kernel; cancelling ends the compilers, too."""
        device = analysis.device
        counts: dict[int, KernelCounts] = {}
        problems: list[Problem] = []
        languages = [_language(report, program) for report in analysis.kernels]
        for language in dict.fromkeys(languages):
            wanted = {
                index: report for index, report in enumerate(analysis.kernels) if languages[index] is language
            }
            compiler = self.compilers.get(language)
            refusal = _refusal(language, device, compiler)
            if compiler is None or refusal:
                problems.append(Problem(next(iter(wanted.values())).file, 1, refusal))
                continue
            target = compiler.nearest(device.target)
            lister = Lister(compiler, self.runner, self.cache, target)
            listings, failed = await lister.listings(program, {report.file for report in wanted.values()})
            problems += failed
            found, missed = await asyncio.to_thread(
                _counted,
                listings,
                wanted,
                _Compiled(compiler.name, target, device, whole=not failed),
            )
            counts |= found
            problems += missed
        return Refinement(counts, problems=tuple(problems))


# Editors run the server in environments that are not the shell's.
INSTALL_CUDA: Final = f"{shlex.quote(sys.executable)} -m pip install 'jouleline[cuda]'"
"""The command that brings NVIDIA's compilers to this interpreter."""
_NO_COMPILER: Final = {
    Language.CUDA: f"no compiled evidence: nvcc and nvdisasm are not both here: {INSTALL_CUDA}",
    Language.OPENMP: (
        "no compiled evidence: clang, ptxas and nvdisasm are not all here: sudo apt-get install clang-19 "
        f"libomp-19-dev lld-19 clang-tools-19; {INSTALL_CUDA}"
    ),
    Language.HIP: "no compiled evidence: hipcc is not here: sudo apt-get install hipcc",
}
_HIP_HEADER: Final = b"hip/hip_runtime"
_MADE_FOR: Final[Mapping[Language, tuple[Vendor, str]]] = {
    Language.CUDA: ("nvidia", "NVIDIA GPU, and CUDA is compiled for those alone"),
    Language.OPENMP: ("nvidia", "NVIDIA GPU, and target regions are compiled for those alone"),
    Language.HIP: ("amd", "AMD GPU, and HIP is compiled for those alone"),
}


def _language(report: KernelReport, program: Program) -> Language:
    """A kernel's language; a header that no word tells HIP's has that of a source which includes it."""
    language = report.kernel.language
    if language is Language.CUDA and any(
        _HIP_HEADER in text and report.file in closure(program, name) for name, text in program.files.items()
    ):
        return Language.HIP
    return language


def _refusal(language: Language, device: Device, compiler: DeviceCompiler | None) -> str:
    """Why there is no compiled evidence; empty if there may be."""
    vendor, others = _MADE_FOR[language]
    if vendor != device.vendor:
        return f"no compiled evidence: {device.name} is no {others}"
    return "" if compiler else _NO_COMPILER[language]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """By which compiler, for which target, and for which device that stands.

    ``whole`` says that all sources compiled, so that a kernel that is missing has no code.
    """

    compiler: str
    target: str
    device: Device
    whole: bool

    @property
    def note(self) -> str:
        """What is to be said if the code is for another target than the device's."""
        if self.target == self.device.target:
            return ""
        return f"compiled for {self.target}: {self.compiler} makes no code for {self.device.target}"


def _counted(
    listings: Iterable[Listing], wanted: Mapping[int, KernelReport], how: _Compiled
) -> tuple[dict[int, KernelCounts], list[Problem]]:
    codes = [code for listing in listings for code in _codes(listing, how.device.vendor)]
    functions = {code.name: code for code in codes}
    counts: dict[int, KernelCounts] = {}
    problems: list[Problem] = []
    for index, report in wanted.items():
        code = code_of(codes, report.kernel, report.file, report.template_arguments)
        if code is None and how.whole:
            problems.append(
                Problem(report.file, report.kernel.line, f"{report.kernel.name} is in no compiled code")
            )
        if code is None:
            continue
        machine = count_machine_code(code, functions, report.counts.visits(), report.counts.shape.threads)
        if machine.missing:
            called = ", ".join(sorted(read_symbol(name).name for name in machine.missing))
            said = (
                f"{report.kernel.name} calls {called}, whose code cannot be counted, so source evidence stays"
            )
            problems.append(Problem(report.file, report.kernel.line, said))
            continue
        better = _better(report.counts, code, machine, how)
        if not any(better.operations.values()) and any(report.counts.operations.values()):
            # Work without a result is found in benchmarks; other compilers, or other options, leave it.
            said = f"{report.kernel.name}: {how.compiler} removes all that it does, so source evidence stays"
            problems.append(Problem(report.file, report.kernel.line, said))
            continue
        counts[index] = better
    return counts, problems


def _codes(listing: Listing, vendor: Vendor) -> list[MachineCode]:
    if vendor == "amd":
        return parse_gcn(listing.text)
    return parse_sass(listing.text, listing.log)


def _better(source: KernelCounts, code: MachineCode, machine: MachineCounts, how: _Compiled) -> KernelCounts:
    """The source's counts with operations from machine code; the traffic stays the source's."""
    shared = how.device.shared_bytes_per_multiprocessor
    resources = code.resources
    held = occupancy(
        how.device.target,
        source.shape.threads_per_block,
        resources.registers,
        resources.shared_bytes,
        shared.value if shared else 0.0,
    )
    counts = replace(
        source,
        operations=NO_OPERATIONS | charged(machine.operations, how.device),
        evidence=Evidence.COMPILED,
        assumptions=(*source.assumptions, *((how.note,) if how.note else ())),
        formula={},
        halves=machine.operations.get(Operation.HALF, 0.0),
        compiled=CompiledFacts(
            how.compiler,
            how.target,
            resources.registers,
            resources.spill_bytes,
            resources.shared_bytes,
            held,
        ),
    )
    return certain(counts)
