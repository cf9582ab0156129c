"""Values whose type is certainly arithmetic: no operator of a class takes part in them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tree_sitter import Node

from jouleline.core.ctype import Scalar
from jouleline.core.syntax import field as child
from jouleline.core.syntax import text_of

from .analysis import MATH, arguments_of, callee
from .precision import Kind, Reader
from .scope import lookup

_OPERATORS = frozenset("+ - * / % << >> & | ^ < > <= >= == != && ||".split())
_TRUTHS = frozenset("< > <= >= == != && ||".split())
_WHOLE = frozenset("% << >> & | ^".split())
_CHOOSING = frozenset("min max abs".split())
_DEPTH = 100


def kind_of_value(node: Node | None, reader: Reader, depth: int = 0) -> Kind | None:
    """INT for a whole number, another kind for a floating one; None unless every part is arithmetic."""
    if node is None or node.has_error or depth > _DEPTH:
        return None
    deeper = depth + 1
    match node.type:
        case "number_literal" | "char_literal" | "true" | "false" | "sizeof_expression":
            return _known(reader.read(node).kind)
        case "identifier" if lookup(text_of(node), node, reader.program) is None:
            return _known(reader.read(node).kind)  # a constant macro
        case "identifier" | "subscript_expression" | "field_expression" | "pointer_expression":
            return _of_place(node, reader, deeper)
        case "parenthesized_expression":
            inner = [item for item in node.named_children if item.type != "comment"]
            return kind_of_value(inner[0], reader, deeper) if len(inner) == 1 else None
        case "unary_expression":
            kind = kind_of_value(child(node, "argument"), reader, deeper)
            return Kind.INT if kind is not None and text_of(child(node, "operator")) == "!" else kind
        case "binary_expression":
            return _binary(node, reader, deeper)
        case "conditional_expression":
            parts = [
                kind_of_value(child(node, name), reader, deeper)
                for name in ("condition", "consequence", "alternative")
            ]
            return None if parts[0] is None else _joined(parts[1:])
        case "cast_expression":
            inside = kind_of_value(child(node, "value"), reader, deeper)
            return _known(reader.read(node).kind) if inside is not None else None
        case "call_expression":
            return _call(node, reader, deeper)
    return None


def _known(kind: Kind) -> Kind | None:
    return kind if kind is not Kind.HARD else None


def _joined(parts: Iterable[Kind | None]) -> Kind | None:
    kinds = list(parts)
    known = [kind for kind in kinds if kind is not None]
    return max(known) if known and len(known) == len(kinds) else None


def _binary(node: Node, reader: Reader, depth: int) -> Kind | None:
    operator = text_of(child(node, "operator"))
    both = _joined(kind_of_value(child(node, name), reader, depth) for name in ("left", "right"))
    if operator not in _OPERATORS or both is None:
        return None
    if operator in _TRUTHS:
        return Kind.INT
    return None if operator in _WHOLE and both is not Kind.INT else both


def _of_place(node: Node, reader: Reader, depth: int) -> Kind | None:
    """The kind of a variable, an element or a member: no operator of a class may be on the way to it."""
    kind = reader.place(node)
    if kind is None or kind.is_pointer or kind.struct or kind.scalar is Scalar.OTHER:
        return None
    return _known(reader.read(node).kind) if _is_plain(node, reader, depth) else None


def _is_plain(node: Node | None, reader: Reader, depth: int) -> bool:
    if node is None or depth > _DEPTH:
        return False
    match node.type:
        case "identifier":
            declared = lookup(text_of(node), node, reader.program)
            return declared is not None and not (declared.container and declared.levels)
        case "parenthesized_expression":
            return len(node.named_children) == 1 and _is_plain(node.named_children[0], reader, depth + 1)
        case "subscript_expression":
            base, index = child(node, "argument"), child(node, "indices")
            inner = [item for item in index.named_children if item.type != "comment"] if index else []
            whole = len(inner) == 1 and kind_of_value(inner[0], reader, depth + 1) is Kind.INT
            place = reader.place(base)
            return whole and place is not None and place.is_pointer and _is_plain(base, reader, depth + 1)
        case "field_expression":
            return _is_plain(child(node, "argument"), reader, depth + 1)
        case "pointer_expression":
            # A container counts as a pointer to its elements, but it has no star of its own.
            base = child(node, "argument")
            declared = lookup(text_of(base), node, reader.program)
            return (
                base is not None
                and base.type == "identifier"
                and declared is not None
                and not declared.container
                and declared.levels > 0
            )
    return False


def _call(node: Node, reader: Reader, depth: int) -> Kind | None:
    name, function = callee(node), child(node, "function")
    parts = [kind_of_value(item, reader, depth) for item in arguments_of(node)]
    if function is None:
        return None
    if function.type == "primitive_type" or name == "static_cast":
        return _known(reader.read(node).kind) if len(parts) == 1 and parts[0] is not None else None
    if reader.function(node) is not None:
        return _known(reader.read(node).kind)
    both = _joined(parts)
    if (
        both is None
        or name in reader.own
        or not re.fullmatch(r"(?:std::)?\w+(?:<[\w\s:]+>)?", text_of(function))
    ):
        return None
    if name in _CHOOSING:
        return both
    if name in MATH or name.removesuffix("f") in MATH:
        return Kind.DOUBLE
    return None
