"""How far counts are from measured ones, in powers of two."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .scores import quantile


@dataclass(frozen=True, slots=True)
class CountErrors:
    """Errors log2(predicted / measured) where neither is zero, and how often only one of them is.

    ``median`` and ``p90`` are of the error's size and ``bias`` is the median with its sign (positive:
    predicted too much); None without such kernels. ``missed`` were predicted as zero and measured as
    something, ``invented`` the other way round, ``both_zero`` rightly as zero.
    """

    kernels: int
    median: float | None
    p90: float | None
    bias: float | None
    missed: int
    invented: int
    both_zero: int


def count_errors(pairs: Iterable[tuple[float, float]]) -> CountErrors:
    """The errors of (predicted, measured) pairs, neither negative."""
    errors: list[float] = []
    missed = invented = both_zero = 0
    for predicted, measured in pairs:
        if predicted > 0 and measured > 0:
            errors.append(math.log2(predicted) - math.log2(measured))
        elif measured > 0:
            missed += 1
        elif predicted > 0:
            invented += 1
        else:
            both_zero += 1
    sizes = [abs(error) for error in errors]
    return CountErrors(
        len(errors),
        quantile(sizes, 0.5),
        quantile(sizes, 0.9),
        quantile(errors, 0.5),
        missed,
        invented,
        both_zero,
    )
