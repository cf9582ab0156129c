"""Powers with a small constant exponent, written out as products or as a square root."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import (
    FreshNames,
    arguments_of,
    has_pragma,
    indentation,
    is_dead,
    is_guarded,
    is_macro_body,
    is_pure,
    is_sound,
    kernel_code,
    line_of,
    newline,
)
from .macros import is_spelled_out
from .precision import Kind, Reader
from .single_precision import narrowed, statement_of

_POWERS = {"pow": "sqrt", "std::pow": "std::sqrt", "powf": "sqrtf", "std::powf": "sqrtf"}
_EXPONENTS = {2.0: "{0} * {0}", 3.0: "{0} * {0} * {0}", 4.0: "{0} * {0} * ({0} * {0})"}
_SIMPLE = ("identifier", "subscript_expression", "field_expression")
_SAFE_PARENTS = ("argument_list", "parenthesized_expression", "return_statement", "init_declarator")


@dataclass(frozen=True)
class _Power:
    """A call that can be written out. ``wide`` says that a float argument is to be taken as a double."""

    call: Node
    argument: Node
    exponent: float
    single: bool
    wide: bool


@dataclass(frozen=True)
class StrengthReduction:
    """``pow(x, 3)`` becomes ``x * x * x``, in the precision that the expression had."""

    name: str = "strength-reduction"
    title: str = "Write small powers as products"
    rationale: str = (
        "A call of pow costs tens to hundreds of instructions, a product one or two. Exponents 2, 3, 4 and "
        "0.5 are written out where the argument's type is certain and evaluating it has no effect."
    )
    smell: str = "A power with a small constant exponent takes dozens of instructions: write the product."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each statement in kernel code."""
        regions = kernel_code(source, program)
        if not regions:
            return []
        reader = Reader(source, program)
        found: dict[int, tuple[Node, list[_Power]]] = {}
        for region in regions:
            becomes_float = [edit.start for _, edits in narrowed(region, reader) for edit in edits]
            end = 0
            for call in descendants(region, "call_expression"):
                if call.start_byte < end or is_dead(call) or is_macro_body(call) or not is_sound(call):
                    continue
                power = _power(call, reader, becomes_float)
                if power is not None:
                    statement = statement_of(call)
                    found.setdefault(statement.start_byte, (statement, []))[1].append(power)
                    end = call.end_byte
        rewrites, fresh = [], FreshNames()
        for start, (statement, powers) in sorted(found.items()):
            edits = _edits(statement, powers, source, fresh)
            if edits:
                line = line_of(source, start)
                rewrites.append(Rewrite(self.name, line, self.title, self.rationale, edits, rounding=True))
        return rewrites


def _power(call: Node, reader: Reader, becomes_float: list[int]) -> _Power | None:
    function, arguments = text_of(child(call, "function")), arguments_of(call)
    if function not in _POWERS or len(arguments) != 2 or call.has_error:
        return None
    if {"pow", "powf", "sqrt", "sqrtf"} & reader.own:
        return None
    argument, exponent = arguments
    try:
        value = float(text_of(exponent).lower().removesuffix("f"))
    except ValueError:
        return None
    if exponent.type != "number_literal" or not (
        is_pure(argument) and is_spelled_out(argument, reader.program)
    ):
        return None
    kind = reader.read(argument).kind
    if kind is Kind.HARD:
        return None
    single = function.endswith("powf")
    if single and kind not in (Kind.FLOAT, Kind.INT):
        return None
    if value == 0.5:
        exact = kind is Kind.DOUBLE or (single and kind is Kind.FLOAT)
        return _Power(call, argument, value, single, wide=False) if exact else None
    if value not in _EXPONENTS:
        return None
    in_float = single or any(call.start_byte <= at <= call.end_byte for at in becomes_float)
    wide = kind is Kind.INT or (kind is Kind.FLOAT and not in_float)
    return _Power(call, argument, value, single or (in_float and kind is not Kind.DOUBLE), wide)


def _edits(
    statement: Node, powers: list[_Power], source: ParsedSource, fresh: FreshNames
) -> tuple[Edit, ...]:
    edits: list[Edit] = []
    before = b""
    for power in powers:
        if power.exponent == 0.5:
            edits += _root_edits(power)
            continue
        argument = source.code(power.argument).decode("utf-8", "surrogateescape")
        if power.argument.type in _SIMPLE:
            cast = "(float)" if power.single else "(double)"
            head = f"{cast}{argument}" if power.wide else argument
            product = _EXPONENTS[power.exponent].format(argument).replace(argument, head, 1)
            if power.wide and power.exponent == 4:
                product = f"{head} * {argument} * ({head} * {argument})"
        elif not before and (name := _name_for(power, statement, source, fresh)):
            kind = "float" if power.single else "double"
            before = f"const {kind} {name} = {argument};".encode("utf-8", "surrogateescape")
            product = _EXPONENTS[power.exponent].format(name)
        else:
            continue
        if not _binds(power.call):
            product = f"({product})"
        edits.append(
            Edit(power.call.start_byte, power.call.end_byte, product.encode("utf-8", "surrogateescape"))
        )
    if before:
        start = statement.start_byte
        edits.append(Edit(start, start, before + newline(source) + indentation(source, start)))
    return tuple(sorted(edits))


def _root_edits(power: _Power) -> list[Edit]:
    function = child(power.call, "function")
    listed = child(power.call, "arguments")
    if function is None or listed is None:
        return []
    return [
        Edit(function.start_byte, function.end_byte, _POWERS[text_of(function)].encode()),
        Edit(power.argument.end_byte, listed.end_byte - 1, b""),
    ]


def _binds(call: Node) -> bool:
    """Whether a product in the call's place needs no parentheses."""
    parent = call.parent
    if parent is None or parent.type in _SAFE_PARENTS:
        return parent is not None
    if parent.type == "assignment_expression":
        return True
    operator = text_of(child(parent, "operator"))
    left = child(parent, "left")
    if parent.type != "binary_expression":
        return False
    return operator in ("+", "-") or (operator == "*" and left is not None and left.id == call.id)


def _name_for(power: _Power, statement: Node, source: ParsedSource, fresh: FreshNames) -> str | None:
    """A name for the argument's value before the statement; None where it cannot be put there."""
    if statement.parent is None or statement.parent.type != "compound_statement":
        return None
    if has_pragma(statement):
        return None
    if source.text.line_bytes(source.text.point(statement.start_byte).line)[
        : source.text.point(statement.start_byte).column
    ].strip():
        return None
    if is_guarded(power.call, statement) or ancestor(power.call, "lambda_expression") is not None:
        return None
    if any(True for _ in descendants(statement, "comma_expression")):
        return None  # its parts run in order, and one may change what another reads
    base = "base"
    if statement.type == "declaration":
        listed = statement.children_by_field_name("declarator")
        if len(listed) != 1 or listed[0].type != "init_declarator":
            return None
        declared = text_of(child(listed[0], "declarator"))
        base = f"{declared}_base" if declared.isidentifier() else base
    elif statement.type not in ("expression_statement", "return_statement"):
        return None
    return fresh.take(base, statement)
