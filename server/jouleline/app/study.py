"""The roofline study: answers of each kind of evidence for every labelled kernel of a corpus.

What is measured stays out of it: a task names the kernels that are asked for, and nothing of their labels.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from jouleline import __version__
from jouleline.core.counts import Doubt, Evidence, KernelCounts, Operation
from jouleline.core.device import Device
from jouleline.core.indirection import indirect
from jouleline.core.roofline import Bound, BoundKind, classify

from .analyse import Analysis, KernelReport, analyse, parse_files, split_run_line
from .evidence import EvidenceSource, EvidenceUnavailableError, refined
from .labels import LabelledKernel, NamedKernel
from .matching import match
from .program import Program

COUNTED: Final = (Operation.SP, Operation.DP, Operation.INT)
"""The classes of operations that labels know."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way to answer. ``setting`` names what else its answers depend on, such as a model."""

    name: str
    title: str
    evidence: Evidence
    setting: str = ""


SCENARIOS: Final = (
    Scenario("profile", "the measured counts are given", Evidence.PROFILE),
    Scenario("source", "counts from the source, by rule", Evidence.SOURCE),
    Scenario(
        "compiled", "counts from compiled code; from the source where it does not compile", Evidence.COMPILED
    ),
    Scenario("zero-shot", "a language model reads the source", Evidence.MODEL),
    Scenario("few-shot", "a language model reads the source and solved examples", Evidence.MODEL),
    Scenario("fine-tuned", "a language model that was fine-tuned on other programs", Evidence.MODEL),
)
"""Scenarios 1 to 4 of arXiv 2505.03988 are the first and the last three; between them stand our own."""
DEFAULT_SCENARIOS: Final = ("profile", "source", "compiled")
"""What costs no money."""


@dataclass(frozen=True)
class Answer:
    """What a scenario says of one kernel: the bound, and the counts of one launch that it follows from.

    ``place`` is the file and line of the kernel that was taken for the label's. A model's bound does not
    follow from the counts, which are the source's then. ``indirect``: an index is read from an array.
    """

    place: str
    compute: bool
    driver: str | None
    probability_compute: float
    margin_log2: float
    evidence: str
    operations: Mapping[str, float]
    dram_bytes: float
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    launch_known: bool
    indirect: bool
    assumptions: tuple[str, ...]
    doubt: Doubt = Doubt.NOTHING


@dataclass(frozen=True)
class Reply:
    """An answer, or the reason why there is none."""

    answer: Answer | None
    reason: str = ""


@dataclass(frozen=True)
class Replies:
    """One reply for each kernel that a task asks for, in its order; ``seconds`` of wall time it took."""

    key: str
    scenario: str
    program: str
    seconds: float
    replies: tuple[Reply, ...]


@dataclass(frozen=True)
class Task:
    """One program in one scenario. ``key`` stands for everything that the replies depend on."""

    scenario: Scenario
    program: Program
    device: str
    wanted: tuple[NamedKernel, ...]
    key: str

    @property
    def name(self) -> str:
        """The program's name in the corpus."""
        return self.wanted[0].program


def tasks(
    scenarios: Iterable[Scenario], programs: Mapping[str, Program], wanted: Iterable[NamedKernel], device: str
) -> list[Task]:
    """A task for each scenario and program (and run line), in the order of the kernels."""
    groups: dict[tuple[str, str], list[NamedKernel]] = {}
    for kernel in wanted:
        if kernel.program in programs:
            groups.setdefault((kernel.program, kernel.arguments), []).append(kernel)
    digests = {name: _program_digest(program) for name, program in programs.items()}
    return [
        Task(
            scenario,
            programs[name],
            device,
            tuple(kernels),
            _digest(
                scenario.name, scenario.setting, device, code_digest(), digests[name], *map(repr, kernels)
            ),
        )
        for scenario in scenarios
        for (name, _), kernels in groups.items()
    ]


def answer(task: Task, device: Device, sources: Sequence[EvidenceSource]) -> Replies:
    """Ask the scenario's sources of evidence for the task's kernels.

    Raises:
        EvidenceUnavailableError: if a source might answer another time: that is no reply to keep.
    """
    started = time.monotonic()
    parsed, problems = parse_files(task.program.files)
    arguments = split_run_line(task.wanted[0].arguments)
    analysis = analyse(
        parsed, device, arguments, (*task.program.problems, *problems), macros=task.program.macros
    )
    found = [match(kernel, analysis.kernels) for kernel in task.wanted]
    # Evidence can cost money by the kernel: nothing is asked that no label can judge.
    asked = sorted({index for index in found if index is not None})
    analysis = replace(analysis, kernels=tuple(analysis.kernels[index] for index in asked))
    for source in sources:
        refinement = source.refine(analysis, task.program)
        if refinement.unavailable:
            raise EvidenceUnavailableError(refinement.unavailable)
        analysis = refined(analysis, refinement)
    replies = tuple(
        Reply(None, "no such kernel was found in the program")
        if index is None
        else _reply(task.scenario, analysis.kernels[asked.index(index)], analysis)
        for index in found
    )
    return Replies(task.key, task.scenario.name, task.name, time.monotonic() - started, replies)


def given(label: LabelledKernel, device: Device) -> Reply:
    """Scenario ``profile``: the measured counts under the rule."""
    bound, counts = classify(label.counts, device), label.counts
    return Reply(_answer(f"{label.kernel.file}:{label.kernel.line}", bound, counts, Evidence.PROFILE))


def _reply(scenario: Scenario, report: KernelReport, analysis: Analysis) -> Reply:
    if scenario.evidence is Evidence.MODEL and report.evidence is not Evidence.MODEL:
        said = [problem.message for problem in analysis.problems if problem.file == report.file]
        return Reply(None, said[-1] if said else "the model gave no answer")
    place = f"{report.file}:{report.kernel.line}"
    node = report.kernel.node
    follows = indirect(node) if node is not None else False
    return Reply(_answer(place, report.bound, report.counts, report.evidence, indirect_access=follows))


def _answer(
    place: str, bound: Bound, counts: KernelCounts, evidence: Evidence, *, indirect_access: bool = False
) -> Answer:
    return Answer(
        place=place,
        compute=bound.kind is BoundKind.COMPUTE,
        driver=str(bound.driver) if bound.driver else None,
        probability_compute=bound.probability_compute,
        margin_log2=bound.margin_log2,
        evidence=str(evidence),
        operations={str(one): counts.operations.get(one, 0.0) for one in COUNTED},
        dram_bytes=counts.dram_bytes,
        grid=counts.shape.grid,
        block=counts.shape.block,
        launch_known=counts.shape.known,
        indirect=indirect_access,
        assumptions=counts.assumptions,
        doubt=counts.doubt,
    )


@cache
def code_digest() -> str:
    """This version of Jouleline, down to the text: another one may answer otherwise."""
    package = Path(__file__).parents[1]
    files = sorted(file for file in package.rglob("*") if file.suffix in (".py", ".toml", ".md", ".scm"))
    return _digest(__version__, *(file.read_text("utf-8") for file in files))


def _program_digest(program: Program) -> str:
    files = (f"{name}:{hashlib.sha256(program.files[name]).hexdigest()}" for name in sorted(program.files))
    return _digest(program.makefile, *files)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
