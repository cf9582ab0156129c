"""The functions on fp16 and bf16 numbers, and on pairs of them, that CUDA and HIP have headers for.

Names are those of ``cuda_fp16.h`` and ``cuda_bf16.h`` of CUDA 13.0, of which HIP's headers declare a part.
Conversions are known by :func:`~jouleline.core.ctype.result_of_conversion`, as all others are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from .counts import Operation
from .ctype import HALF, HALF2, INT, CType


@dataclass(frozen=True, slots=True)
class HalfFunction:
    """What a call costs, and the type of its value: that of its arguments where it is one of halves."""

    result: CType
    operations: tuple[tuple[Operation, int], ...] = ()


_ARITHMETIC: Final = {"add": 1, "sub": 1, "mul": 1, "fma": 2, "min": 0, "max": 0, "neg": 0, "abs": 0}
_MODES: Final = ("", "_rn", "_sat", "_relu", "_nan")
_ROUNDINGS: Final = ("ceil", "floor", "rint", "trunc")
_COMPARISONS: Final = tuple(f"{name}{u}" for name in ("eq", "ne", "le", "ge", "lt", "gt") for u in ("", "u"))
_EXPANDED: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "hsqrt": (0, 0, 0, 1), "hrsqrt": (0, 0, 0, 1), "hrcp": (0, 0, 0, 1), "hlog": (8, 1, 0, 1),
    "hlog2": (4, 0, 0, 1), "hlog10": (8, 1, 0, 1), "hexp": (8, 2, 0, 1), "hexp2": (0, 2, 0, 1),
    "hexp10": (10, 2, 0, 1), "htanh": (0, 13, 1, 2), "htanh_approx": (0, 0, 0, 1), "hsin": (4, 16, 8, 0),
    "hcos": (2, 16, 9, 0), "__hdiv": (0, 1, 0, 1),
}  # fmt: skip
"""Half-precision, single-precision, integer and special operations for each number, on the usual way.

Counted in the code that nvcc 13.0 makes of fp16 for sm_86: the function unit's value in single precision,
which is rounded, and then corrected in half precision for the few arguments that need it. Those of bf16
are shorter by the corrections.
"""
_COMPLEX_FMA: Final = 8


def _family() -> Iterator[tuple[str, HalfFunction]]:
    for pair, result in (("", HALF), ("2", HALF2)):
        for name, amount in _ARITHMETIC.items():
            half = HalfFunction(result, ((Operation.HALF, amount * result.numbers),) if amount else ())
            yield from ((f"__h{name}{pair}{mode}", half) for mode in _MODES)
        for name, amounts in _EXPANDED.items():
            classes = (Operation.HALF, Operation.SP, Operation.INT, Operation.SPECIAL)
            cost = tuple((one, n * result.numbers) for one, n in zip(classes, amounts, strict=True) if n)
            yield name.replace("h", f"h{pair}", 1), HalfFunction(result, cost)
        yield from ((f"h{pair}{name}", HalfFunction(result)) for name in _ROUNDINGS)
        truth = HALF2 if pair else INT
        yield from ((f"__h{name}{pair}", HalfFunction(truth)) for name in (*_COMPARISONS, "isnan", "isinf"))
    for name in _COMPARISONS:
        yield f"__h{name}2_mask", HalfFunction(INT)
        yield f"__hb{name}2", HalfFunction(INT)
    yield "__hcmadd", HalfFunction(HALF2, ((Operation.HALF, _COMPLEX_FMA),))
    yield "__lowhigh2highlow", HalfFunction(HALF2)


FUNCTIONS: Final[Mapping[str, HalfFunction]] = MappingProxyType(dict(_family()))
"""By name. Minima, maxima, roundings and comparisons cost nothing in the counted classes, as in ``fp32``."""
