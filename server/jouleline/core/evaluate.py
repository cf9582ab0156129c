"""Evaluate C++ expressions to polynomials, as far as their values can be known without running.

A name evaluates to what its scope says, to a symbol of its own, or to nothing when its value
depends on data. Integer quotients of what is not known are taken as exact quotients: sizes and
trip counts lose at most one in the rounding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from tree_sitter import Node, Parser

from .masking import mask
from .polynomial import Polynomial
from .syntax import cpp_language, text_of
from .syntax import field as child

Lookup = Callable[[str], Polynomial | None]
"""The value of a name, a member such as ``blockIdx.x`` or a call; None when it depends on data."""

_NUMBER: Final = re.compile(
    r"(?P<hex>0[xX][0-9a-fA-F']+)|(?P<bin>0[bB][01']+)"
    r"|(?P<dec>(?:\d[\d']*)?\.?\d*(?:[eE][+-]?\d+)?)"
)
_PASS_THROUGH: Final = frozenset(
    "parenthesized_expression argument_list initializer_list condition_clause expression_statement".split()
)
_MATH: Final[Mapping[str, Callable[[float], float]]] = {
    "ceil": math.ceil,
    "ceilf": math.ceil,
    "floor": math.floor,
    "floorf": math.floor,
    "sqrt": lambda x: math.sqrt(max(x, 0)),
    "sqrtf": lambda x: math.sqrt(max(x, 0)),
    "abs": abs,
    "fabs": abs,
    "log2": lambda x: math.log2(x) if x > 0 else 0.0,
}
_TRANSPARENT_CALLS: Final = frozenset("int float double size_t unsigned long uint32_t static_cast".split())
_SIZES: Final = {"char": 1, "bool": 1, "short": 2, "int": 4, "float": 4, "double": 8, "long": 8}


def number(text: str) -> float | None:
    """The value of a numeric literal, suffixes allowed; None for anything else."""
    match = _NUMBER.match(text)
    if not match or not match[0]:
        return None
    digits = match[0].replace("'", "")
    try:
        if match["hex"]:
            return float(int(digits, 16))
        if match["bin"]:
            return float(int(digits, 2))
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            return float(int(digits, 8))
        value = float(digits)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


@lru_cache(maxsize=4096)
def parse_expression(text: str) -> Node | None:
    """The node of an expression given as text (a macro's body, a launch configuration)."""
    wrapped = mask(b"auto _ = (" + text.encode("utf-8", "replace") + b");").data
    tree = Parser(cpp_language()).parse(wrapped)
    declaration = tree.root_node.named_children[0] if tree.root_node.named_children else None
    if declaration is None or declaration.type != "declaration":
        return None
    declarator = child(declaration, "declarator")
    return child(declarator, "value") if declarator is not None else None


def split_arguments(text: str) -> list[str]:
    """Split a list at its top-level commas: ``dim3(a, b), f<c, d>(e)`` has two parts."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return [*parts, last] if last or parts else []


def evaluate_text(text: str, lookup: Lookup) -> Polynomial | None:
    """The value of an expression given as text."""
    node = parse_expression(text)
    return None if node is None else evaluate(node, lookup)


def evaluate(node: Node | None, lookup: Lookup) -> Polynomial | None:
    """The value of an expression; None when it depends on data."""
    if node is None:
        return None
    match node.type:
        case "number_literal":
            value = number(text_of(node))
            return None if value is None else Polynomial.constant(value)
        case "true" | "false":
            return Polynomial.constant(float(node.type == "true"))
        case "identifier" | "qualified_identifier":
            return lookup(text_of(node).split("::")[-1])
        case "field_expression":
            return lookup(text_of(node))
        case "binary_expression":
            return _binary(node, lookup)
        case "unary_expression":
            value_of = evaluate(child(node, "argument"), lookup)
            operator = text_of(child(node, "operator"))
            if value_of is None or operator not in "+-":
                return None
            return -value_of if operator == "-" else value_of
        case "cast_expression":
            return evaluate(child(node, "value"), lookup)
        case "conditional_expression":
            return _conditional(node, lookup)
        case "call_expression":
            return _call(node, lookup)
        case "sizeof_expression":
            name = text_of(node).removeprefix("sizeof").strip("() ").split()
            size = _SIZES.get(name[-1]) if name else None
            return None if size is None else Polynomial.constant(size)
        case kind if kind in _PASS_THROUGH and node.named_child_count == 1:
            return evaluate(node.named_children[0], lookup)
    return None


def _binary(node: Node, lookup: Lookup) -> Polynomial | None:
    left = evaluate(child(node, "left"), lookup)
    right = evaluate(child(node, "right"), lookup)
    if left is None or right is None:
        return None
    return combine(text_of(child(node, "operator")), left, right)


def combine(operator: str, left: Polynomial, right: Polynomial) -> Polynomial | None:
    """The value of a binary operation; None when it cannot be known."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right if len(left.terms) * len(right.terms) <= 256 else None
    a, b = left.number, right.number
    if b is None or (operator in "/%" and b == 0):
        if operator == "/" and left == right:
            return Polynomial.constant(1)
        return Polynomial.symbol(f"({left}){operator}({right})") if operator == "/" else None
    if a is None:
        if operator == "/":
            return left * (1 / b)
        if operator == "<<" and 0 <= b < 64:
            return left * math.pow(2, b)
        if operator == ">>" and 0 <= b < 64:
            return left * math.pow(0.5, b)
        return None
    return _fold(operator, a, b)


def _fold(operator: str, a: float, b: float) -> Polynomial | None:
    whole = a.is_integer() and b.is_integer()
    match operator:
        case "/":
            return Polynomial.constant(math.trunc(a / b) if whole else a / b)
        case "%" if whole:
            return Polynomial.constant(math.fmod(a, b))
        case "<<" | ">>" if whole and 0 <= b < 64:
            return Polynomial.constant(a * 2.0**b if operator == "<<" else math.floor(a / 2.0**b))
        case "&" | "|" | "^" if whole and max(abs(a), abs(b)) < 2**63:
            left, right = int(a), int(b)
            value = left & right if operator == "&" else left | right
            return Polynomial.constant(left ^ right if operator == "^" else value)
        case "<" | ">" | "<=" | ">=" | "==" | "!=":
            return Polynomial.constant(float(compare(operator, a, b)))
        case "&&":
            return Polynomial.constant(float(bool(a) and bool(b)))
        case "||":
            return Polynomial.constant(float(bool(a) or bool(b)))
    return None


def compare(operator: str, a: float, b: float) -> bool:
    """Whether a relation holds between two numbers."""
    outcomes = {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "==": a == b, "!=": a != b}
    return outcomes[operator]


def _conditional(node: Node, lookup: Lookup) -> Polynomial | None:
    condition = evaluate(child(node, "condition"), lookup)
    if condition is None or condition.number is None:
        return None
    branch = "consequence" if condition.number else "alternative"
    return evaluate(child(node, branch), lookup)


def _call(node: Node, lookup: Lookup) -> Polynomial | None:
    name = text_of(child(node, "function")).split("<")[0].split("::")[-1]
    arguments = child(node, "arguments")
    values = [evaluate(item, lookup) for item in (arguments.named_children if arguments else ())]
    if len(values) == 1 and (name in _TRANSPARENT_CALLS):
        return values[0]
    if any(value is None or value.number is None for value in values):
        # A call whose value only the scope may know, such as atoi(argv[1]).
        return lookup(text_of(node))
    numbers = [value.number for value in values if value is not None and value.number is not None]
    if len(numbers) == 2 and name in ("min", "max", "fmin", "fmax", "fminf", "fmaxf"):
        return Polynomial.constant((min if "min" in name else max)(numbers))
    if len(numbers) == 2 and name in ("pow", "powf") and abs(numbers[0]) < 1e6:
        power = math.pow(numbers[0], numbers[1]) if abs(numbers[1]) < 64 else math.inf
        return Polynomial.constant(power) if math.isfinite(power) else None
    if len(numbers) == 1 and name in _MATH:
        return Polynomial.constant(_MATH[name](numbers[0]))
    return None
