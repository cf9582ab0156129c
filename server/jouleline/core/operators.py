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
from .syntax import field as child
from .syntax import operator_of, text_of
from .values import Value

DIVISIONS: Final = frozenset(("/", "%"))
_LOGICAL: Final = frozenset(("&&", "||"))
_BITWISE: Final = frozenset(("&", "|", "^"))
_SUMS: Final = frozenset(("+", "-"))
_SHIFTS: Final = frozenset(("<<", ">>"))
_WIDTHS: Final = ("32", "64")
_LONGEST_CHAIN: Final = 32
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
    if kind.struct and (many := kind.numbers) > 1:
        return many * operator_cost(operator, kind.lane, right)
    scalar = kind.arithmetic
    if operator not in DIVISIONS:
        if operator in _LOGICAL or (operator in TRUTHS and scalar is not Scalar.INT):
            return 0
        if scalar is Scalar.INT and kind.size > INT.size and not kind.is_pointer:
            return costs.LONG_PRODUCT if operator == "*" else costs.LONG_OPERATION
        return 1
    constant = right.number if right is not None else None
    if scalar in (Scalar.INT, Scalar.OTHER):
        if constant is None or constant <= 0:
            if kind.size > INT.size:
                return costs.LONG_DIVISION
            return costs.MODULO if operator == "%" else costs.DIVISION[Scalar.INT]
        return 1 if math.log2(constant).is_integer() else costs.CONSTANT_DIVISION
    if operator == "/":
        exact = bool(constant) and math.frexp(abs(constant or 1))[0] == 0.5  # a power of two
        return 1 if exact else costs.DIVISION[scalar]
    return 1


def joined(left: Node | None, operator: str, right: Node | None) -> int:
    """How many instructions an integer operation takes beside those of its operands, or saves.

    GPUs add three numbers at a time, and combine the bits of three by any formula: all of
    ``(x & y) | (~x & z)`` is one instruction.
    """
    group = _BITWISE if operator in _BITWISE else _SUMS
    if operator not in group:
        return 1
    ahead, behind = _inputs(left, group), _inputs(right, group)
    if len(ahead) == len(behind) == 1 or not ahead or not behind or len(ahead) + len(behind) > _LONGEST_CHAIN:
        return 1
    both = len({*ahead, *behind} if group is _BITWISE else [*ahead, *behind])
    return both // 2 - len(ahead) // 2 - len(behind) // 2


def is_combined(complement: Node) -> bool:
    """Whether a complement is part of a bitwise operation, which needs no instruction for it."""
    around = complement.parent
    while around is not None and around.type == "parenthesized_expression":
        around = around.parent
    return around is not None and around.type == "binary_expression" and operator_of(around) in _BITWISE


def _inputs(node: Node | None, group: frozenset[str]) -> list[str]:
    """What a chain of operators of a group works on, as texts; bits each once. None of too long a chain."""
    found: list[str] = []
    ahead = [node]
    while ahead:
        if len(found) + len(ahead) > _LONGEST_CHAIN:
            return []
        inner = _bare(ahead.pop())  # the right one first, as chains go down to the left
        sides = _sides(inner, group)
        ahead += sides
        if not sides:
            found.append(text_of(inner))
    return [*dict.fromkeys(found)] if group is _BITWISE else found


def _sides(node: Node | None, group: frozenset[str]) -> list[Node | None]:
    """What an operator of a group stands between; nothing of other expressions, and of a multiply-add."""
    if node is None or node.type != "binary_expression" or operator_of(node) not in group:
        return []
    sides = [child(node, "left"), child(node, "right")]
    return [] if group is _SUMS and is_product(*sides) else sides


def _bare(node: Node | None) -> Node | None:
    """An operand without parentheses and complements around it."""
    while node is not None:
        if node.type == "parenthesized_expression" and node.named_child_count == 1:
            node = node.named_children[0]
        elif node.type == "unary_expression" and operator_of(node) == "~":
            node = child(node, "argument")
        else:
            break
    return node


def rotated(left: Node | None, right: Node | None) -> Node | None:
    """What ``x << n | x >> (32 - n)`` and the like rotate, which one shift does; None for all else."""
    sides = [_bare(left), _bare(right)]
    if {operator_of(one) for one in sides if one is not None and one.type == "binary_expression"} != _SHIFTS:
        return None
    whats = [_bare(one and child(one, "left")) for one in sides]
    if text_of(whats[0]) != text_of(whats[1]):
        return None
    by, other = (text_of(_bare(one and child(one, "right"))).replace(" ", "") for one in sides)
    if by.isdigit() and other.isdigit():
        complete = str(int(by) + int(other)) in _WIDTHS
    else:
        complete = any(
            one == f"{width}-{two}" for width in _WIDTHS for one, two in ((by, other), (other, by))
        )
    return whats[0] if complete else None


def is_place(node: Node | None) -> bool:
    """Whether an expression denotes a place in memory, or a member."""
    while node is not None and node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[0]
    return node is not None and node.type in (
        "subscript_expression",
        "call_expression",
        "pointer_expression",
        "field_expression",
    )


def is_product(*nodes: Node | None) -> bool:
    """Whether one of the expressions is a product."""
    for node in nodes:
        if node is not None and node.type == "binary_expression" and operator_of(node) == "*":
            return True
    return False
