"""Float arithmetic that runs in double because of a literal or a function's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.ctype import FLOAT, CType
from jouleline.core.declarations import function_of
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import arguments_of, callee, is_dead, is_macro_body, is_sound, kernel_code, line_of
from .macros import is_spelled_out
from .precision import STEPPED, Kind, Reader, is_exact_in_float, literal
from .scope import names_in

_COMPARISONS = frozenset(("<", ">", "<=", ">=", "==", "!="))
_ASSIGNMENTS = frozenset(("=", "+=", "-=", "*=", "/="))
_OPERATIONS = ("parenthesized_expression", "unary_expression", "binary_expression")


@dataclass(frozen=True)
class SinglePrecision:
    """Where a value ends up in a float and no double variable takes part, nothing is gained in double."""

    name: str = "single-precision"
    title: str = "Use float literals and float math functions"
    rationale: str = (
        "A double literal or math function pulls float arithmetic into double, which GPUs run at 1/2 to 1/64 "
        "of the speed and CPUs at half the vector width. Only expressions without a double variable whose "
        "result is stored as float are changed."
    )
    smell: str = (
        "Float values are computed in double here only because of literals or function names, which takes "
        "many times the energy on most GPUs: write these for float."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each statement in kernel code."""
        regions = kernel_code(source, program)
        if not regions:
            return []
        reader = Reader(source, program)
        by_statement: dict[int, dict[Edit, None]] = {}
        for region in regions:
            for node, edits in narrowed(region, reader):
                by_statement.setdefault(statement_of(node).start_byte, {}).update(dict.fromkeys(edits))
        return [
            Rewrite(
                self.name,
                line_of(source, start),
                self.title,
                self.rationale,
                tuple(sorted(edits)),
                rounding=True,
            )
            for start, edits in sorted(by_statement.items())
        ]


_SINKS = (
    "init_declarator",
    "assignment_expression",
    "return_statement",
    "cast_expression",
    "call_expression",
    "binary_expression",
)


def narrowed(region: Node, reader: Reader) -> Iterator[tuple[Node, list[Edit]]]:
    """The places below a node where double arithmetic ends in a float, with the edits that avoid it."""
    for node in descendants(region, *_SINKS):
        if is_dead(node) or is_macro_body(node) or not is_sound(node):
            continue
        edits = [edit for sink in _sinks(node, reader) for edit in sink]
        if edits:
            yield node, edits


def statement_of(node: Node) -> Node:
    """The outermost expression, declaration or return around a node: what a reader calls its line."""
    while node.parent is not None and node.parent.type not in (
        "compound_statement",
        "for_statement",
        "while_statement",
        "if_statement",
        "else_clause",
        "case_statement",
        "translation_unit",
    ):
        if node.type in ("function_definition", "lambda_expression"):
            break
        node = node.parent
    return node


def _sinks(node: Node, reader: Reader) -> Iterator[tuple[Edit, ...]]:
    """The edits of the expressions that ``node`` turns into a float, or compares with one."""
    value: Node | None = None
    match node.type:
        case "init_declarator":
            value = _initial(node, reader)
        case "assignment_expression":
            if text_of(child(node, "operator")) not in _ASSIGNMENTS:
                return
            if reader.read(child(node, "left")).kind is not Kind.FLOAT:
                return
            value = child(node, "right")
        case "return_statement":
            value = _returned(node, reader)
        case "cast_expression":
            is_float = reader.read(node).kind is Kind.FLOAT and not _decides(node, reader)
            value = child(node, "value") if is_float else None
        case "call_expression":
            yield from _arguments(node, reader)
            return
        case "binary_expression":
            value = _compared(node, reader)
    if value is None or value.has_error or not is_spelled_out(node, reader.program):
        return
    found = reader.read(value)
    added = node.type == "assignment_expression" and text_of(child(node, "operator")) != "="
    compared = node.type == "binary_expression"
    if not (added or compared) and _is_folded(value):
        return
    if found.kind is Kind.SOFT and not (added and found.extended):
        yield found.edits


def _is_folded(value: Node) -> bool:
    """Whether the compiler computes a value, and makes a float of it, before anything runs: ``0.5 * 2``."""
    if value.type in _OPERATIONS:
        return all(_is_folded(inner) for inner in value.named_children)
    return value.type == "number_literal"


def _decides(node: Node, reader: Reader) -> bool:
    """Whether a choice or a whole number is made of a value, so that its last digit may change all."""
    inner, outer = node, node.parent
    while outer is not None and not outer.type.endswith("_statement"):
        match outer.type:
            case "subscript_argument_list" | "condition_clause":
                return True
            case "conditional_expression" if (test := child(outer, "condition")) and test.id == inner.id:
                return True
            case "binary_expression" if text_of(child(outer, "operator")) in (*_COMPARISONS, "&&", "||"):
                return True
            case "unary_expression" if text_of(child(outer, "operator")) == "!":
                return True
            case "cast_expression" if reader.read(outer).kind is Kind.INT:
                return True
            case "call_expression" if callee(outer).removesuffix("f") in STEPPED or (
                reader.read(outer).kind is Kind.INT
            ):
                return True
        inner, outer = outer, outer.parent
    return False


def _initial(node: Node, reader: Reader) -> Node | None:
    """The initial value of a float variable."""
    value, declaration = child(node, "value"), node.parent
    if declaration is None or declaration.type != "declaration":
        return None
    for name in names_in(declaration, "local"):
        if name.node.id == node.id and _is_float(reader.types.of_name(name)):
            if value is not None and value.type == "argument_list":
                return value.named_children[0] if len(value.named_children) == 1 else None
            return value
    return None


def _is_float(kind: CType | None) -> bool:
    return kind is not None and kind == FLOAT


def _returned(node: Node, reader: Reader) -> Node | None:
    around = ancestor(node, "function_definition", "lambda_expression")
    if around is None or around.type != "function_definition":
        return None
    function = function_of(around, reader.source)
    if function is None or function.template_parameters or not node.named_children:
        return None
    kind = reader.types.of_text(function.return_type)
    return node.named_children[0] if _is_float(kind) else None


def _arguments(call: Node, reader: Reader) -> Iterator[tuple[Edit, ...]]:
    """Arguments that a function of the program takes as float, or that a cast turns into one."""
    arguments = arguments_of(call)
    function = reader.function(call)
    if function is None:
        plain = child(call, "function")
        is_cast = plain is not None and (
            plain.type == "primitive_type" or text_of(plain).startswith("static_cast<")
        )
        if (
            is_cast
            and len(arguments) == 1
            and reader.read(call).kind is Kind.FLOAT
            and not _decides(call, reader)
        ):
            found = reader.read(arguments[0])
            if found.kind is Kind.SOFT and not _is_folded(arguments[0]):
                yield found.edits
        return
    for parameter, argument in zip(function.parameters, arguments, strict=False):
        if argument.has_error or not _is_float(reader.types.of_text(parameter.type)):
            continue
        found = reader.read(argument)
        if found.kind is Kind.SOFT and not _is_folded(argument):
            yield found.edits


def _compared(node: Node, reader: Reader) -> Node | None:
    """The literal that a float is compared with, if it is the same number as a float."""
    if text_of(child(node, "operator")) not in _COMPARISONS:
        return None
    left, right = child(node, "left"), child(node, "right")
    for value, other in ((left, right), (right, left)):
        if value is None or other is None or value.type != "number_literal":
            continue
        text = text_of(value)
        if literal(text).kind is Kind.SOFT and is_exact_in_float(text.replace("'", "")):
            return value if reader.read(other).kind is Kind.FLOAT else None
    return None
