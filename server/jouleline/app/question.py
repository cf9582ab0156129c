"""What a model is asked about a kernel: the prompts in ``prompts/``, filled in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Final

from jouleline.core.counts import KernelCounts, LaunchShape, Operation
from jouleline.core.device import Device
from jouleline.core.kernel import Language
from jouleline.core.ports import Message, Role
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.roofline import BoundKind, classify

from .analyse import Analysis, KernelReport
from .excerpt import excerpt

WORDS: Final = {BoundKind.COMPUTE: "Compute", BoundKind.BANDWIDTH: "Bandwidth"}
"""The two answers, as models are taught them."""
_LANGUAGES: Final = {Language.CUDA: "CUDA", Language.HIP: "HIP", Language.OPENMP: "OpenMP"}
_CLASSES: Final = (Operation.SP, Operation.DP, Operation.INT)


@dataclass(frozen=True)
class Question:
    """All that is said of one kernel; the device comes with the asking.

    ``program`` is the name of its folder, which tells relatives apart and is not shown to a model.
    ``arguments`` are those of the run line and ``launch`` is the launch, in words. ``source`` is
    Markdown.
    """

    program: str
    kernel: str
    language: str
    arguments: str
    launch: str
    source: str


@dataclass(frozen=True)
class Example:
    """A question with its answer: what one launch does. ``dram_bytes`` in bytes."""

    question: Question
    counts: KernelCounts

    def answer(self, device: Device) -> BoundKind:
        """The right answer on a device."""
        return classify(self.counts, device).kind


def question_of(report: KernelReport, analysis: Analysis, facts: ProgramFacts, program: str) -> Question:
    """The question about one kernel of a program. The launch is what the source tells of it."""
    return Question(
        program=program,
        kernel=report.kernel.display,
        language=_LANGUAGES[report.kernel.language],
        arguments=" ".join(analysis.arguments),
        launch=_launch_words(report.counts.shape, report.kernel.language),
        source=excerpt(report, analysis, facts),
    )


def one_word(question: Question, device: Device) -> tuple[Message, ...]:
    """Ask for one word, as a fine-tuned model is taught to answer."""
    return _system(), _asked(question, device, "word.md")


def reasoned(question: Question, device: Device, examples: tuple[Example, ...] = ()) -> tuple[Message, ...]:
    """Ask for a verdict with a probability, after examples as earlier turns (none: zero-shot)."""
    turns: list[Message] = []
    for example in examples:
        turns.append(_asked(example.question, device, "verdict.md"))
        turns.append(Message(Role.ASSISTANT, _solved(example, device)))
    return _system(), *turns, _asked(question, device, "verdict.md")


def taught(example: Example, device: Device) -> tuple[Message, ...]:
    """A conversation to fine-tune on."""
    word = WORDS[example.answer(device)]
    return *one_word(example.question, device), Message(Role.ASSISTANT, word)


def _system() -> Message:
    return Message(Role.SYSTEM, _prompt("system.md").template)


def _asked(question: Question, device: Device, request: str) -> Message:
    cache_size = device.llc_bytes or device.l2_bytes
    text = _prompt("question.md").substitute(
        device=device.name,
        **{f"{kind}_peak": f"{device.peak(kind.value).value / 1e9:.4g}" for kind in _CLASSES},  # type: ignore[call-overload]
        **{f"{kind}_ridge": f"{device.ridge(kind.value):.4g}" for kind in _CLASSES},  # type: ignore[call-overload]
        bandwidth=f"{device.dram_bytes_per_s.value / 1e9:.4g}",
        cache=f"{cache_size.value / 1e6:.3g}",
        kernel=question.kernel,
        language=question.language,
        arguments=question.arguments or "none",
        launch=question.launch,
        source=question.source,
        request=_prompt(request).template,
    )
    return Message(Role.USER, text)


def _solved(example: Example, device: Device) -> str:
    counts = example.counts
    ratios = {kind: (counts.intensity(kind) or 0.0) / device.ridge(kind.value) for kind in _CLASSES}  # type: ignore[call-overload]
    kind = example.answer(device)
    highest = max(ratios, key=lambda one: ratios[one])
    reason = f"{highest} reaches its ridge point." if kind is BoundKind.COMPUTE else "All three lie below 1."
    return _prompt("example.md").substitute(
        **{str(one): f"{counts.operations.get(one, 0.0):.2g}" for one in _CLASSES},
        **{f"{one}_ratio": f"{ratios[one]:.2g}" for one in _CLASSES},
        bytes=f"{counts.dram_bytes:.2g}",
        reason=reason,
        verdict=WORDS[kind],
    )


def _launch_words(shape: LaunchShape, language: Language) -> str:
    if not shape.known:
        return "its shape does not follow from the source"
    grid, block = ("x".join(map(str, one)) for one in (shape.grid, shape.block))
    if language is Language.OPENMP:
        return f"{shape.threads} threads, such as {grid} teams of {block}"
    return f"grid of {grid} blocks, blocks of {block} threads"


@cache
def _prompt(name: str) -> Template:
    return Template((resources.files(__package__) / "prompts" / name).read_text("utf-8").strip())
