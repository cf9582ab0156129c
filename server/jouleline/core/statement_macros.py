"""Macros that stand for statements, written out where a body uses them.

``#define STEP(a, b) { a += b; b = ROTATE(a, 7); }`` is counted as what it stands for. Other macros are
values, which need no writing out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tree_sitter import Node

from .declarations import Function
from .evaluate import parse_expression, split_arguments
from .facts import Macro
from .kept import cached_property
from .syntax import ParsedSource, parse

_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_NAME: Final = re.compile(rb"[A-Za-z_]\w*")
_DEPTH: Final = re.compile(r"[();]")
_LITERAL: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'"
_COMMENT: Final = re.compile(rf"//[^\n]*|/\*.*?(?:\*/|\Z)|{_LITERAL}", re.DOTALL)
# Literals, numbers and directives are kept as they are.
_TOKEN: Final = re.compile(
    rf"{_LITERAL}|^[ \t]*#(?:[^\\\n]|\\.)*|\d[\w.]*|(?P<name>[A-Za-z_]\w*)",
    re.DOTALL | re.MULTILINE,
)
_BEGINS_STATEMENT: Final = re.compile(
    r"(?:if|switch)\b|(?:const|constexpr|static|volatile|register|unsigned|signed|int|long|short|char|float|double"
    r"|bool|auto|size_t|__shared__)\s+\w[^()]*[=\[]"
)
_OPENING: Final = re.compile(r"\s*\(")
_BRACKET: Final = re.compile(rf"{_LITERAL}|[()]")
_COMPOUND: Final = (
    "binary_expression",
    "conditional_expression",
    "comma_expression",
    "assignment_expression",
)
# Nobody writes or runs longer bodies.
_MOST_TEXT: Final = 200_000
_DEEPEST: Final = 100
_LONGEST_OPERAND: Final = 1000


class _TooLongError(Exception):
    """What macros stand for is longer than anything that people run."""


@dataclass(frozen=True)
class StatementMacros:
    """The macros of a program that stand for statements: object-like ones as text."""

    macros: Mapping[str, Macro | str] = field(default_factory=dict)

    @staticmethod
    def of(macros: Mapping[str, str], function_macros: Mapping[str, Macro]) -> StatementMacros:
        """Those among object-like and function-like macros, with those that are made of them."""
        bodies = {**macros, **{name: macro.body for name, macro in function_macros.items()}}
        found = {name for name, body in bodies.items() if _is_statement(body)}
        rest = {name: set(_WORD.findall(body)) for name, body in bodies.items() if name not in found}
        while more := [name for name, words in rest.items() if not words.isdisjoint(found)]:
            found.update(more)
            for name in more:
                del rest[name]
        return StatementMacros({name: function_macros.get(name) or macros[name] for name in found})

    def written_out(self, source: ParsedSource, start: int, end: int) -> ParsedSource | None:
        """The file with the macros in ``start:end`` (bytes) written out; None if none is there.

        Lines stay what they are, and so does what is in front of ``start``.
        """
        data = source.text.data
        if end - start > _MOST_TEXT:
            return None
        if not self._names or self._names.isdisjoint(_NAME.findall(data, start, end)):
            return None
        text = _COMMENT.sub(_without_comment, data[start:end].decode("utf-8", "surrogateescape"))
        try:
            written = self._written(text, frozenset())
        except (_TooLongError, RecursionError):
            return None
        if written == text:
            return None
        return parse(data[:start] + written.encode("utf-8", "surrogateescape") + data[end:], source)

    def function(self, function: Function) -> Function:
        """A function with its body written out; itself if there is nothing to write out."""
        body = function.body
        source = body and self.written_out(function.source, body.start_byte, body.end_byte)
        node = source and _standing_at(function.node, source)
        return replace(function, node=node, source=source) if source and node else function

    def statement(self, source: ParsedSource, node: Node) -> tuple[ParsedSource, Node]:
        """The same of a statement in a file."""
        written = self.written_out(source, node.start_byte, node.end_byte)
        found = written and _standing_at(node, written)
        return (written, found) if written and found else (source, node)

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(name.encode() for name in self.macros)

    def _named(self, name: str) -> Macro | str | None:
        """The macro of a name, or that which it is another name of."""
        macro, seen = self.macros.get(name), {name}
        while isinstance(macro, str) and (other := macro.strip()) in self.macros and other not in seen:
            seen.add(other)
            macro = self.macros[other]
        return macro

    def _written(self, text: str, active: frozenset[str]) -> str:
        """A text with its macros written out, but for those that are being written out."""
        parts, done, position, length = list[str](), 0, 0, 0
        while token := _TOKEN.search(text, position):
            position = token.end()
            macro = self._named(token["name"]) if token["name"] not in active else None
            if isinstance(macro, Macro):
                opening = _OPENING.match(text, position)
                if opening is None:
                    continue
                end = _closing(text, opening.end() - 1)
                if end is None:
                    break  # half typed, and so is all that follows
                position, given = end, split_arguments(text[opening.end() : end - 1])
                arguments = [_operand(self._written(one, active)) for one in given]
                if len(macro.body) * sum(map(len, arguments)) > _MOST_TEXT * _DEEPEST:
                    raise _TooLongError
                macro = macro.written(arguments)
            if macro is None:
                continue
            inner = self._written(" ".join(macro.replace("\\\n", " ").split()), active | {token["name"]})
            parts += text[done : token.start()], inner, "\n" * text.count("\n", token.start(), position)
            done, length = position, length + len(inner)
            if length > _MOST_TEXT:
                raise _TooLongError
        return "".join((*parts, text[done:]))


def _standing_at(node: Node, source: ParsedSource) -> Node | None:
    """The node of a later text that starts where ``node`` does and is of its type."""
    start = node.start_byte
    found = source.root.descendant_for_byte_range(start, start + 1)
    while found is not None and (found.start_byte, found.type) != (start, node.type):
        found = found.parent
    return found


def _is_statement(body: str) -> bool:
    if _BEGINS_STATEMENT.match(body):
        return True
    depth = 0
    for mark in _DEPTH.finditer(body):
        if mark[0] == ";" and depth == 0:
            return True
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
    return False


def _without_comment(found: re.Match[str]) -> str:
    return " " + "\n" * found[0].count("\n") if found[0].startswith("/") else found[0]


def _operand(argument: str) -> str:
    """An argument as it is put in a body, which has lost the parentheses around its parameters."""
    if len(argument) > _LONGEST_OPERAND or argument.isidentifier():
        return argument
    node = parse_expression(argument)
    is_compound = node is not None and node.type in _COMPOUND and not node.has_error
    return f"({argument})" if is_compound else argument


def _closing(text: str, opening: int) -> int | None:
    """Where the parenthesis that opens there has been closed; None if it never is, or too many are in it."""
    depth = 0
    for bracket in _BRACKET.finditer(text, opening):
        depth += {"(": 1, ")": -1}.get(bracket[0], 0)
        if depth == 0:
            return bracket.end()
        if depth > _DEEPEST:
            break
    return None
