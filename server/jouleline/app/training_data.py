"""Fine-tuning data from a labelled corpus: conversations in splits that share no base program."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from jouleline.core.device import Device
from jouleline.core.folds import fold_of
from jouleline.core.kernel import Language
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.roofline import BoundKind

from .analyse import analyse, parse_files, split_run_line
from .excerpt import kernel_text
from .labels import LabelledKernel
from .matching import match
from .program import Program, ProgramError, read_program
from .question import Example, question_of, taught

SINGLE_SPLIT_FOLDS: Final = 10
"""Without cross-validation a tenth of the base programs is tested on, and a tenth validates."""
LEAST_FOLDS: Final = 3


class Split(StrEnum):
    """What a conversation is for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Labelled:
    """A labelled kernel as an example. ``row`` counts the labels from 0; ``text`` is the kernel's own."""

    row: int
    program: str
    base: str
    language: Language
    kind: BoundKind
    text: str
    example: Example


@dataclass(frozen=True)
class Collected:
    """The examples of a corpus, and how many labels were left out for which reason."""

    examples: tuple[Labelled, ...]
    left_out: Mapping[str, int]


def collect(
    labels: Sequence[LabelledKernel],
    corpus: Path,
    device: Device,
    tell: Callable[[str, float], None] = lambda _message, _done: None,
) -> Collected:
    """Make an example of each labelled kernel that is found in its program's source.

    What was measured decides the answer only: launches and sizes in a question follow from the source
    and the run line.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault((label.kernel.program, label.kernel.arguments), []).append(row)
    examples: list[Labelled] = []
    left_out: Counter[str] = Counter()
    for done, ((name, arguments), rows) in enumerate(groups.items()):
        tell(f"reading {name}", done / len(groups))
        try:
            program = read_program([corpus / name])
        except ProgramError:
            left_out["the program is not in the corpus"] += len(rows)
            continue
        found = _examples(program, arguments, {row: labels[row] for row in rows}, device)
        left_out["the kernel was not found in its program"] += len(rows) - len(found)
        examples += found
    examples.sort(key=lambda one: one.row)
    return Collected(tuple(examples), {reason: count for reason, count in left_out.items() if count})


def _examples(
    program: Program, arguments: str, labels: Mapping[int, LabelledKernel], device: Device
) -> list[Labelled]:
    parsed, _ = parse_files(program.files)
    facts = ProgramFacts({name: file.facts for name, file in parsed.items()})
    analysis = analyse(parsed, device, split_run_line(arguments), macros=program.macros)
    found = []
    for row, label in labels.items():
        index = match(label.kernel, analysis.kernels)
        if index is None:
            continue
        report, named = analysis.kernels[index], label.kernel
        example = Example(question_of(report, analysis, facts, named.program), label.counts)
        text = " ".join(kernel_text(report.kernel, analysis, report.file).split())
        kind = example.answer(device)
        found.append(Labelled(row, named.program, named.base, named.language, kind, text, example))
    return found


def split_of(program: str, folds: int, tested: int, seed: int = 0) -> Split:
    """The split of a program when fold ``tested`` of ``folds`` is tested and the next one validates.

    It follows from the base program alone, as in every cross-validation of this project.

    Raises:
        ValueError: if there are fewer folds than splits.
    """
    if folds < LEAST_FOLDS:
        raise ValueError(f"train, validation and test take at least {LEAST_FOLDS} folds, not {folds}")
    match (fold_of(program, folds, seed) - tested) % folds:
        case 0:
            return Split.TEST
        case 1:
            return Split.VALIDATION
        case _:
            return Split.TRAIN


def splits(
    examples: Iterable[Labelled], folds: int, tested: int, seed: int = 0
) -> dict[Split, tuple[Labelled, ...]]:
    """Examples by split, none of which knows a kernel of another.

    Programs copy kernels from each other, so base programs are not enough: a kernel whose text is tested
    does not validate, and neither it nor one that validates trains.
    """
    sorted_out: dict[Split, list[Labelled]] = {split: [] for split in Split}
    for example in examples:
        sorted_out[split_of(example.program, folds, tested, seed)].append(example)
    seen: set[str] = set()
    kept: dict[Split, tuple[Labelled, ...]] = {}
    for split in (Split.TEST, Split.VALIDATION, Split.TRAIN):
        kept[split] = tuple(one for one in sorted_out[split] if one.text not in seen)
        seen |= {one.text for one in sorted_out[split]}
    return {split: kept[split] for split in Split}


def balanced(examples: Sequence[Labelled], seed: int = 0) -> tuple[Labelled, ...]:
    """As the paper's 340 kernels: one of each program and class, and as many of each language and class.

    HIP counts as a language of its own where there is any. Which ones are drawn follows from ``seed``.
    """
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw, not a secret
    shuffled = list(examples)
    draw.shuffle(shuffled)
    once = {(one.program, one.kind): one for one in shuffled}
    cells: dict[tuple[Language, BoundKind], list[Labelled]] = {
        (language, kind): [] for language in {one.language for one in examples} for kind in BoundKind
    }
    for one in once.values():
        cells[one.language, one.kind].append(one)
    fewest = min((len(cell) for cell in cells.values()), default=0)
    chosen = [one for cell in cells.values() for one in cell[:fewest]]
    return tuple(sorted(chosen, key=lambda one: one.row))


def json_lines(examples: Iterable[Labelled], device: Device) -> bytes:
    """The conversations in the format of chat fine-tuning: one JSON object with ``messages`` a line."""
    conversations = (
        [{"role": str(one.role), "content": one.content} for one in taught(example.example, device)]
        for example in examples
    )
    return b"".join(json.dumps({"messages": said}).encode() + b"\n" for said in conversations)
