"""What operators and literals are: the operations that one costs, the value of the other."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from tree_sitter import Node

from . import costs
from .ctype import DOUBLE, FLOAT, INT, LONG, CType, Scalar
from .evaluate import number
from .polynomial import Polynomial
from .syntax import operator_of
from .values import Value

DIVISIONS: Final = frozenset(("/", "%"))
_LOGICAL: Final = frozenset(("&&", "||"))
TRUTHS: Final = _LOGICAL | {"<", ">", "<=", ">=", "==", "!="}
"""Operators whose value is 0 or 1."""


@lru_cache(maxsize=1024)
def literal(text: str) -> Value:
    """What a number is worth, as C++ types it."""
    value = number(text)
    known = Polynomial.constant(value) if value is not None else None
    lower = text.lower()
    if lower.startswith(("0x", "0b")):
        return Value(LONG if "l" in lower else INT, known)
    if "." in lower or "e" in lower:
        return Value(FLOAT if lower.endswith("f") else DOUBLE, known)
    return Value(LONG if lower.endswith("l") else INT, known)


def operator_cost(operator: str, kind: CType, right: Polynomial | None) -> float:
    """Operations of the operands' class that an operator costs; ``right`` where the compiler knows it."""
    scalar = kind.arithmetic
    if operator not in DIVISIONS:
        if operator in _LOGICAL or (operator in TRUTHS and scalar is not Scalar.INT):
            return 0
        return kind.numbers if scalar is Scalar.HALF else 1
    constant = right.number if right is not None else None
    if scalar in (Scalar.INT, Scalar.OTHER):
        if constant is None or constant <= 0:
            if kind.size > INT.size:
                return costs.LONG_DIVISION
            return costs.MODULO if operator == "%" else costs.DIVISION[Scalar.INT]
        return 1 if math.log2(constant).is_integer() else costs.CONSTANT_DIVISION
    if operator == "/":
        exact = bool(constant) and math.frexp(abs(constant or 1))[0] == 0.5  # a power of two
        return kind.numbers * (1 if exact else costs.DIVISION[scalar])
    return 1


def is_place(node: Node | None) -> bool:
    """Whether an expression denotes a place in memory, or a member."""
    return node is not None and node.type in (
        "subscript_expression",
        "call_expression",
        "pointer_expression",
        "field_expression",
    )


def is_product(*nodes: Node | None) -> bool:
    """Whether one of the expressions is a product."""
    return any(
        node is not None and node.type == "binary_expression" and operator_of(node) == "*" for node in nodes
    )
