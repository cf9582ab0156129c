"""Compare numbers as they were printed: by value, within a tolerance, and without rounding our own."""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Final

from .workload import Tolerance

# No double prints by accident as a whole number beyond this, so such a number is a hash or a bit pattern.
_EXACT_FROM: Final = 2**53
_LARGEST_EXPONENT: Final = 999_999_999
# Forty digits: a long double has 21, and the rounding of a difference must not decide it.
_ARITHMETIC: Final = Context(prec=40, Emax=_LARGEST_EXPONENT, Emin=-_LARGEST_EXPONENT, traps=[])
_SHOWN_CHARACTERS: Final = 80
_WHOLE: Final = re.compile(r"[+-]?[0-9]+\.?")


def number_difference(expected: str, actual: str, tolerance: Tolerance) -> str | None:
    """How two printed numbers differ; None if they agree within the tolerance."""
    if is_nan(expected) or is_nan(actual):
        return None if is_nan(expected) and is_nan(actual) else f"expected {expected}, got {actual}"
    wanted, got = value_of(expected), value_of(actual)
    if wanted is None or got is None:
        return None if expected == actual else f"expected {cut(expected)}, got {cut(actual)}"
    if wanted == got:
        return None
    plain = f"expected {cut(expected)}, got {cut(actual)}"
    if wanted.is_infinite() or got.is_infinite():
        return plain
    if _are_exact(expected, actual) and max(wanted.copy_abs(), got.copy_abs()) >= _EXACT_FROM:
        return f"{plain} (whole numbers of this size must be equal)"
    difference = _ARITHMETIC.subtract(wanted, got).copy_abs()
    share = _ARITHMETIC.multiply(_decimal(tolerance.relative), wanted.copy_abs())
    allowed = _ARITHMETIC.add(_decimal(tolerance.absolute), share)
    if difference <= allowed:
        return None
    if not allowed:
        return f"{plain} (must be equal)" if not (tolerance.relative or tolerance.absolute) else plain
    if tolerance.absolute or not wanted:
        return f"{plain} (difference {float(difference):.2g}, allowed {float(allowed):.2g})"
    relative = _ARITHMETIC.divide(difference, wanted.copy_abs())
    return f"{plain} (relative difference {float(relative):.2g}, allowed {tolerance.relative:.2g})"


def _are_exact(expected: str, actual: str) -> bool:
    return _WHOLE.fullmatch(expected) is not None and _WHOLE.fullmatch(actual) is not None


def is_nan(number: str) -> bool:
    return number.lstrip("+-").lower() == "nan"


def value_of(number: str) -> Decimal | None:
    """The value of a printed number; None if it has no finite decimal form that we can hold."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return None


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def relative_error(expected: str, actual: str) -> float:
    """How far a printed number is from another, relative to that; 0.0 where that cannot be said."""
    wanted, got = value_of(expected), value_of(actual)
    if wanted is None or got is None or not wanted.is_finite() or not got.is_finite() or wanted == got:
        return 0.0
    if not wanted:
        return 1.0
    difference = _ARITHMETIC.subtract(wanted, got).copy_abs()
    return float(_ARITHMETIC.divide(difference, wanted.copy_abs()))


def cut(text: str) -> str:
    """A text short enough to be shown."""
    # Stray bytes were kept as surrogates, which no terminal and no JSON takes.
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= _SHOWN_CHARACTERS else clean[:_SHOWN_CHARACTERS] + "..."
