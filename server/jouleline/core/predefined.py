"""The numbers that ``math.h``, ``float.h`` and ``math_constants.h`` have names for, with their types."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .ctype import DOUBLE, FLOAT
from .polynomial import Polynomial
from .values import Value

_NUMBERS: Final[Mapping[str, float]] = {
    "M_E": math.e, "M_LOG2E": 1 / math.log(2), "M_LOG10E": 1 / math.log(10), "M_LN2": math.log(2),
    "M_LN10": math.log(10), "M_PI": math.pi, "M_PI_2": math.pi / 2, "M_PI_4": math.pi / 4,
    "M_1_PI": 1 / math.pi, "M_2_PI": 2 / math.pi, "M_2_SQRTPI": 2 / math.sqrt(math.pi),
    "M_SQRT2": math.sqrt(2), "M_SQRT1_2": math.sqrt(0.5), "DBL_MAX": (2 - 2.0**-52) * 2.0**1023,
    "DBL_MIN": 2.0**-1022, "DBL_EPSILON": 2.0**-52,
}  # fmt: skip
_SINGLE: Final[Mapping[str, float]] = {
    "FLT_MAX": (2 - 2.0**-23) * 2.0**127, "FLT_MIN": 2.0**-126, "FLT_EPSILON": 2.0**-23,
}  # fmt: skip
_KNOWN: Final[Mapping[str, Value]] = MappingProxyType(
    {
        **{name: Value(DOUBLE, Polynomial.constant(number)) for name, number in _NUMBERS.items()},
        **{name: Value(FLOAT, Polynomial.constant(number)) for name, number in _SINGLE.items()},
        **dict.fromkeys(("INFINITY", "NAN", "HUGE_VALF"), Value(FLOAT)),
        "HUGE_VAL": Value(DOUBLE),
    }
)
_OF_CUDA: Final = re.compile(r"CUDART_(?!VERSION\b)\w+?(_F)?")


def predefined(name: str) -> Value | None:
    """The number of a name such as ``M_PI``; None for other names."""
    known = _KNOWN.get(name)
    if known is None and (found := _OF_CUDA.fullmatch(name)) is not None:
        return Value(FLOAT if found[1] else DOUBLE)
    return known
