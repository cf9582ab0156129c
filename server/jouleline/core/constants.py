"""The values of literals and of arithmetic on them, the same text for all spellings of a number."""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import Final

_SUFFIX: Final = re.compile(r"(?<=[0-9a-fA-F.])(?:[uUlLzZ]+|[fFlL]|(?:bf|f)(?:16|32|64|128))$")
_ARITHMETIC: Final = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip


def number(text: str) -> str | None:
    """The value of a literal as text, the same for all spellings; None if it is no number."""
    plain = text.replace("'", "")
    if not plain.lower().startswith("0x"):
        plain = _SUFFIX.sub("", _SUFFIX.sub("", plain))
    else:
        plain = plain.rstrip("uUlLzZ")
    try:
        octal = re.fullmatch("0[0-7]+", plain)
        return str(int(plain, 8) if octal else int(plain, 0))
    except ValueError:
        pass
    try:
        value = float(plain)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None  # C's INFINITY and NAN are names of macros
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def evaluated(text: str) -> str | None:
    """The value of arithmetic on literals, as :func:`number` gives it; None for anything else."""
    simple = number(text.strip().strip("()").strip())
    if simple is not None:
        return simple
    cleaned = re.sub(r"(?<=[0-9.])(?:[uUlL]+|[fF])\b", "", text)
    try:
        value = _value(ast.parse(cleaned.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError):
        return None
    return number(repr(value))


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            a, b = _value(left), _value(right)
            if isinstance(op, ast.LShift) and b > 62:
                raise ValueError
            if isinstance(op, ast.Div) and isinstance(a, int) and isinstance(b, int):
                return a // b
            return _ARITHMETIC[type(op)](a, b)  # type: ignore[no-any-return]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
    raise ValueError
