"""Solved examples for few-shot questions, and which of them a question may come with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from jouleline.core.counts import Evidence, KernelCounts, LaunchShape, Operation
from jouleline.core.device import Device
from jouleline.core.folds import base_program
from jouleline.core.roofline import BoundKind

from .question import Example, Question

_UNKNOWN_SHAPE: Final = LaunchShape((1, 1, 1), (1, 1, 1), known=False)


@cache
def own_examples() -> tuple[Example, ...]:
    """The kernels of our own samples, with counts worked out by hand (``samples/known.toml``)."""
    text = (resources.files(__package__) / "prompts" / "examples.toml").read_text("utf-8")
    return tuple(_example(table) for table in tomllib.loads(text)["example"])


def _example(table: Mapping[str, Any]) -> Example:
    question = {key: table[key] for key in ("program", "kernel", "language", "arguments", "launch", "source")}
    return Example(Question(**question), example_counts(table))


def example_counts(table: Mapping[str, Any]) -> KernelCounts:
    """The counts of a table with ``sp``, ``dp``, ``int`` (operations) and ``dram_bytes``."""
    operations = {kind: float(table[kind]) for kind in (Operation.SP, Operation.DP, Operation.INT)}
    return KernelCounts(operations, float(table["dram_bytes"]), (), _UNKNOWN_SHAPE, Evidence.PROFILE)


def choose(
    examples: Iterable[Example], question: Question, shots: int, device: Device
) -> tuple[Example, ...]:
    """Up to ``shots`` examples for a question, the two classes in turn, its own language first.

    None is of the question's base program (``x-cuda`` and ``x-omp`` are one), nor has its source: that
    would give the answer away.
    """
    allowed = [
        example
        for example in examples
        if base_program(example.question.program) != base_program(question.program)
        and example.question.source != question.source
    ]
    # sorted keeps the order of equals, so the choice depends on nothing but its inputs.
    allowed.sort(key=lambda example: example.question.language != question.language)
    classes = {kind: [one for one in allowed if one.answer(device) is kind] for kind in BoundKind}
    chosen: list[Example] = []
    turn = list(BoundKind)
    while len(chosen) < shots and any(classes.values()):
        kind = turn[0]
        turn.reverse()
        if classes[kind]:
            chosen.append(classes[kind].pop(0))
    return tuple(chosen)
