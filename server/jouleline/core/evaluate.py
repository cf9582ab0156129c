"""Evaluate C++ expressions to polynomials, as far as their values can be known without running.

A name evaluates to what its scope says, to a symbol of its own, or to nothing when its value
depends on data. Integer quotients of what is not known are taken as exact quotients: sizes and
trip counts lose at most one in the rounding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Final

from tree_sitter import Node, Parser

from .masking import mask
from .polynomial import ZERO, Polynomial
from .syntax import bare_name, cpp_language, descendants, operands, operator_of, text_of
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


def _set_bits(width: int, bits: float) -> int:
    return (int(bits) & ((1 << width) - 1)).bit_count()


def _leading_zeros(width: int, bits: float) -> int:
    return width - (int(bits) & ((1 << width) - 1)).bit_length()


_MATH: Final[Mapping[tuple[str, int], Callable[..., float]]] = {
    **dict.fromkeys((("ceil", 1), ("ceilf", 1)), math.ceil),
    **dict.fromkeys((("floor", 1), ("floorf", 1)), math.floor),
    **dict.fromkeys((("sqrt", 1), ("sqrtf", 1)), math.sqrt),
    **dict.fromkeys((("abs", 1), ("fabs", 1), ("fabsf", 1)), abs),
    **dict.fromkeys((("log2", 1), ("log2f", 1)), math.log2),
    **{
        (name + suffix, 1): getattr(math, name)
        for name in "acos asin atan cos sin tan exp log log10".split()
        for suffix in ("", "f")
    },
    **dict.fromkeys((("pow", 2), ("powf", 2)), math.pow),
    **{(f"__popc{suffix}", 1): partial(_set_bits, width) for suffix, width in (("", 32), ("ll", 64))},
    **dict.fromkeys((("__ffs", 1), ("__ffsll", 1)), lambda bits: (int(bits) & -int(bits)).bit_length()),
    **{(f"__clz{suffix}", 1): partial(_leading_zeros, width) for suffix, width in (("", 32), ("ll", 64))},
    **dict.fromkeys((("min", 2), ("fmin", 2), ("fminf", 2)), min),
    **dict.fromkeys((("max", 2), ("fmax", 2), ("fmaxf", 2)), max),
}
"""Functions of known numbers, by name and number of arguments."""
_TRANSPARENT_CALLS: Final = frozenset("int float double size_t unsigned long uint32_t static_cast".split())
_INTEGER_TYPE: Final = re.compile(
    r"(?:(?:const|std::|unsigned|signed|long|short|int|char|size_t|u?int\d+_t|uint)\s*)+"
)
# The "<" of a template stands right after its name, that of a comparison of two lists rarely does.
_TEMPLATE_LIST: Final = re.compile(r"(?<=\w)<([^<>;]*)>(?=\s*(?:[(,>&*]|::|$))")
_ROUNDED: Final = frozenset("% / >> &".split())
_SIZES: Final = {"char": 1, "bool": 1, "short": 2, "int": 4, "float": 4, "double": 8, "long": 8}


@lru_cache(maxsize=4096)
def number(text: str) -> float | None:
    """The value of a numeric literal, sign and suffixes allowed; None for anything else."""
    if text[:1] in ("-", "+"):  # the grammar reads "-3" as one literal
        known = number(text[1:].lstrip()) if text[1:2] not in ("-", "+") else None
        return -known if known is not None and text[0] == "-" else known
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
    # As a condition: as an initial value, "i < 0 && j >= 0" parses as an assignment to a template.
    wrapped = mask(b"void f() { if (" + text.encode("utf-8", "replace") + b"); }").data
    tree = Parser(cpp_language()).parse(wrapped)
    statement = next(descendants(tree.root_node, "if_statement"), None)
    condition = child(statement, "condition") if statement is not None else None
    return child(condition, "value") if condition is not None else None


@lru_cache(maxsize=256)
def parse_loop(text: str) -> Node | None:
    """The node of a ``for`` statement whose head is given as text (a macro's body)."""
    tree = Parser(cpp_language()).parse(mask(b"void f() { " + text.encode("utf-8", "replace") + b" ; }").data)
    return next(descendants(tree.root_node, "for_statement"), None)


def split_arguments(text: str) -> list[str]:
    """Split a list at its top-level commas: ``dim3(a, b), f<c, d>(e)`` has two parts."""
    return list(_split(text))


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[str, ...]:
    shape = text
    while (nested := _TEMPLATE_LIST.sub(lambda match: "(" + "_" * len(match[1]) + ")", shape)) != shape:
        shape = nested
    parts, depth, start = [], 0, 0
    for index, character in enumerate(shape):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return (*parts, last) if last or parts else ()


def evaluate_text(text: str, lookup: Lookup) -> Polynomial | None:
    """The value of an expression given as text; None where nothing stands."""
    node = parse_expression(text) if text.strip() else None
    return None if node is None else evaluate(node, lookup)


def macro_values(written: Callable[[str], str]) -> Lookup:
    """What macros are worth in one condition, each evaluated once; ``written`` is what one stands for.

    One that stands for nothing is worth 0, and so is a macro's name within its own text.
    """
    known: dict[str, Polynomial | None] = {}

    def value(name: str) -> Polynomial | None:
        if name not in known:
            known[name] = ZERO
            text = written(name)
            if text.strip():
                known[name] = evaluate_text(text, value)
        return known[name]

    return value


def evaluate(node: Node | None, lookup: Lookup) -> Polynomial | None:
    """The value of an expression; None when it depends on data."""
    try:
        return _evaluate(node, lookup)
    except RecursionError:  # nested deeper than anyone writes by hand
        return None


def _evaluate(node: Node | None, lookup: Lookup) -> Polynomial | None:
    if node is None:
        return None
    match node.type:
        case "identifier":
            return lookup(text_of(node))
        case "number_literal":
            value = number(text_of(node))
            return None if value is None else Polynomial.constant(value)
        case "binary_expression":
            return _binary(node, lookup)
        case "field_expression":
            return lookup(text_of(node))
        case "qualified_identifier":
            known = lookup(f"({text_of(node)})")  # a member of a class: in a namespace there is one of a name
            return known if known is not None else lookup(text_of(node).split("::")[-1])
        case "true" | "false":
            return Polynomial.constant(float(node.type == "true"))
        case "unary_expression":
            return unary(operator_of(node), _evaluate(child(node, "argument"), lookup))
        case "cast_expression":
            return _converted(text_of(child(node, "type")), _evaluate(child(node, "value"), lookup))
        case "conditional_expression":
            return _conditional(node, lookup)
        case "call_expression":
            return _call(node, lookup)
        case "sizeof_expression":
            name = text_of(node).removeprefix("sizeof").strip("() ").split()
            size = _SIZES.get(name[-1]) if name else None
            return lookup(text_of(node)) if size is None else Polynomial.constant(size)
        case kind if kind in _PASS_THROUGH and node.named_child_count == 1:
            return _evaluate(node.named_children[0], lookup)
    return None


def evaluate_constant(node: Node | None, lookup: Lookup, *, real: bool) -> Polynomial | None:
    """The value that a variable is declared with; a quotient that makes a ``real`` number is not rounded."""
    while node is not None and node.type in _PASS_THROUGH and node.named_child_count == 1:
        node = node.named_children[0]
    if not real or node is None or node.type != "binary_expression" or operator_of(node) != "/":
        return evaluate(node, lookup)
    left, right = (evaluate(child(node, side), lookup) for side in ("left", "right"))
    divisor = right.number if right is not None else None
    return left * (1 / divisor) if left is not None and divisor else evaluate(node, lookup)


def unary(operator: str, value: Polynomial | None) -> Polynomial | None:
    """The value of a unary operation; None when it cannot be known."""
    known = value.number if value is not None else None
    match operator:
        case "+":
            return value
        case "-":
            return None if value is None else -value
        case "!" if known is not None:
            return Polynomial.constant(float(not known))
        case "~" if known is not None and known.is_integer():
            return Polynomial.constant(-known - 1)
    return None


def _converted(kind: str, value: Polynomial | None) -> Polynomial | None:
    """A value after a conversion: to an integer type, a known one loses its fraction."""
    known = value.number if value is not None else None
    if known is None or not math.isfinite(known) or not _INTEGER_TYPE.fullmatch(kind.strip()):
        return value
    return Polynomial.constant(math.trunc(known))


def _binary(node: Node, lookup: Lookup) -> Polynomial | None:
    left_node, operator, right_node = operands(node)
    left = _evaluate(left_node, lookup)
    right = None if left is None else _evaluate(right_node, lookup)
    if left is None or right is None:
        return None
    divisor = right.number if operator == "/" else None
    if divisor and (_is_real(left_node) or _is_real(right_node)):
        return left * (1 / divisor)
    if operator in _ROUNDED and (left.number is None or right.number is None):
        known = lookup(f"({left}){operator}({right})")  # one that the scope has met, and calls so
        if known is not None:
            return known
    return combine(operator, left, right)


def _is_real(node: Node | None) -> bool:
    """Whether an expression is floating point as written: ``n / 256.0`` and ``(float)n`` are.

    Names are taken as integers, which sizes and indices are.
    """
    if node is None:
        return False
    match node.type:
        case "number_literal":
            text = text_of(node).lower()
            return not text.startswith("0x") and ("." in text or "e" in text)
        case "cast_expression":
            return text_of(child(node, "type")) in ("float", "double")
        case "call_expression":
            name = text_of(child(node, "function"))
            return name in ("float", "double") or "<float>" in name or "<double>" in name
        case "binary_expression":
            return _is_real(child(node, "left")) or _is_real(child(node, "right"))
        case "unary_expression":
            return _is_real(child(node, "argument"))
        case "parenthesized_expression" if node.named_child_count == 1:
            return _is_real(node.named_children[0])
    return False


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
    condition = _evaluate(child(node, "condition"), lookup)
    if condition is not None and condition.number is not None:
        branch = "consequence" if condition.number else "alternative"
        return _evaluate(child(node, branch), lookup)
    first, second = (_evaluate(child(node, one), lookup) for one in ("consequence", "alternative"))
    apart = (first - second).number if first is not None and second is not None else None
    if apart is None or abs(apart) > 1:
        return None
    return first if apart < 0 else second  # a quotient that is rounded up: as if it were exact


def _call(node: Node, lookup: Lookup) -> Polynomial | None:
    callee = text_of(child(node, "function"))
    name = bare_name(callee)
    arguments = child(node, "arguments")
    values = [_evaluate(item, lookup) for item in (arguments.named_children if arguments else ())]
    if len(values) == 1 and name in _TRANSPARENT_CALLS:
        return _converted(callee.rpartition("<")[2].rstrip("> "), values[0])
    numbers = [value.number for value in values if value is not None and value.number is not None]
    function = _MATH.get((name, len(numbers)))
    if function is None or len(numbers) < len(values):
        # A call whose value only the scope may know, such as atoi(argv[1]).
        return lookup(text_of(node))
    try:
        known = function(*numbers)
    except (ValueError, OverflowError):  # pow(0, -1), ceil of infinity, log2 of a negative number
        return None
    return Polynomial.constant(known) if math.isfinite(known) else None
