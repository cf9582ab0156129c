"""Cross-validation by base program: what is fitted never meets a relative of what it is tested on.

A program's versions in CUDA, HIP and OpenMP are one *base program*: they share kernels, sizes and
arguments, so one of them in the training set would give the others away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_MODELS: Final = ("cuda", "hip", "omp", "openmp", "sycl")


@dataclass(frozen=True, slots=True)
class Fold:
    """Indices into the programs that were split: what to fit on, and what to test on."""

    train: tuple[int, ...]
    test: tuple[int, ...]


def base_program(program: str) -> str:
    """A program's name without the programming model at its end: ``bh`` of ``bh-cuda``."""
    base, dash, model = program.rpartition("-")
    return base if dash and base and model.lower() in _MODELS else program


def fold_of(program: str, folds: int, seed: int = 0) -> int:
    """The one fold, from 0 to ``folds`` - 1, in which a program is tested.

    It follows from the base program's name alone: a corpus that grows moves no program to another fold.

    Raises:
        ValueError: if there are fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"cross-validation takes at least two folds, not {folds}")
    digest = hashlib.sha256(f"{seed}:{base_program(program)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds


def split(programs: Sequence[str], folds: int = 5, seed: int = 0) -> tuple[Fold, ...]:
    """Folds over items that are named by their programs; each item is tested in exactly one.

    Folds hold about equally many base programs, not exactly: with few of them one may test nothing.

    Raises:
        ValueError: if there are fewer than two folds.
    """
    tested = [fold_of(program, folds, seed) for program in programs]
    return tuple(
        Fold(
            train=tuple(index for index, fold in enumerate(tested) if fold != number),
            test=tuple(index for index, fold in enumerate(tested) if fold == number),
        )
        for number in range(folds)
    )
