"""The functions on complex numbers of ``cuComplex.h``, and of HIP's ``hip_complex.h``, which mirrors it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from . import costs
from .counts import Operation
from .ctype import DOUBLE, DOUBLE2, FLOAT, FLOAT2, CType, Scalar

_NAME: Final = re.compile(r"(?:cu|hip)(C\w+?)(f?)")


@dataclass(frozen=True, slots=True)
class _Steps:
    """What a function does as the header writes it: plain operations, divisions, inverses and roots."""

    plain: int = 0
    divisions: int = 0
    inverses: int = 0
    roots: int = 0
    real: bool = False


_STEPS: Final[Mapping[str, _Steps]] = {
    "Cadd": _Steps(2),
    "Csub": _Steps(2),
    "Cmul": _Steps(6),
    "Cfma": _Steps(8),
    "Cdiv": _Steps(16, inverses=2),
    "Cabs": _Steps(4, divisions=1, roots=1, real=True),
    "Conj": _Steps(),
    "Creal": _Steps(real=True),
    "Cimag": _Steps(real=True),
}


def function(name: str) -> tuple[CType, Mapping[Operation, int]] | None:
    """The type of a call's value and the operations it costs; None for other functions."""
    found = _NAME.fullmatch(name)
    steps = _STEPS.get(found[1]) if found is not None else None
    if found is None or steps is None:
        return None
    scalar, operation = (Scalar.SP, Operation.SP) if found[2] else (Scalar.DP, Operation.DP)
    floating, integers = (costs.SINGLE if found[2] else costs.DOUBLE)["sqrt"]
    total: Counter[Operation] = Counter({operation: steps.plain})
    for times, each in (
        (steps.divisions, costs.QUOTIENT[scalar]),
        (steps.inverses, costs.INVERSE[scalar]),
        (steps.roots, {operation: floating, Operation.INT: integers, Operation.SPECIAL: 1}),
    ):
        total.update({one: times * amount for one, amount in each.items()})
    whole, part = (FLOAT2, FLOAT) if found[2] else (DOUBLE2, DOUBLE)
    return part if steps.real else whole, {one: amount for one, amount in total.items() if amount}
