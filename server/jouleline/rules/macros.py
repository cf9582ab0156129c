"""Which macros hide code: a rule understands only what it can see spelled out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from tree_sitter import Node

from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import declares, sources_of

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_PLAIN = re.compile(r"[-+]?\.?\d(?:[\w.']|(?<=[eEpP])[-+])*|\"[^\"\\]*\"")
"""A number or a plain string, as a macro's body."""
_FORMULA = re.compile(r"\.?\d(?:[\w.']|(?<=[eEpP])[-+])*|[A-Za-z_]\w*|[-+*/%()<>&|^~]|\s+")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TYPE_BODY = re.compile(r"[\w\s:<>,*]+")


def opaque_macros(program: ProgramFacts) -> frozenset[str]:
    """The object-like macros that are more than a constant: an identifier of that name may be any code.

    A constant is a number, a string, another constant, or a formula of such in parentheses.
    """
    return _opaque_macros(sources_of(program))


@lru_cache(maxsize=8)
def _opaque_macros(sources: tuple[ParsedSource, ...]) -> frozenset[str]:
    bodies: dict[str, list[str]] = {}
    gone: set[str] = set()
    for source in sources:
        for node in descendants(source.root, "preproc_def", "preproc_call"):
            if node.type == "preproc_def":
                body = _COMMENT.sub("", text_of(child(node, "value"))).strip()
                bodies.setdefault(text_of(child(node, "name")), []).append(body)
            elif text_of(child(node, "directive")).replace(" ", "") == "#undef":
                gone.update(text_of(child(node, "argument")).split()[:1])
    settled: dict[str, bool] = dict.fromkeys(gone & bodies.keys(), False)
    changed = True
    while changed:
        # A name that depends on itself is never settled.
        changed = False
        for name in bodies.keys() - settled.keys():
            if all(_is_constant(body, settled) for body in bodies[name]):
                settled[name] = changed = True
    return frozenset(name for name in bodies if not settled.get(name))


def _is_constant(body: str, settled: Mapping[str, bool]) -> bool:
    if _PLAIN.fullmatch(body) or settled.get(body):
        return True
    words = [match[0] for match in _FORMULA.finditer(body)]
    if "".join(words) != body or not _is_wrapped(body):
        return False
    return all(settled.get(word, False) for word in words if word[0].isalpha() or word[0] == "_")


def _is_wrapped(body: str) -> bool:
    """Whether one pair of parentheses holds all of a text, so that no operator beside it binds a part."""
    depth = 0
    for position, letter in enumerate(body):
        depth += (letter == "(") - (letter == ")")
        if depth <= 0:
            return depth == 0 and position > 0 and position == len(body) - 1
    return False


def is_spelled_out(node: Node, program: ProgramFacts) -> bool:
    """Whether no macro below a node, constants and names of types aside, hides what is compiled.

    A macro with parameters does if it names a variable of the function that it is not given.
    """
    opaque, macros = opaque_macros(program), program.function_macros
    if not opaque and not macros:
        return True
    function = node if node.type == "function_definition" else ancestor(node, "function_definition") or node
    for item in descendants(node, "identifier", "type_identifier", "field_identifier"):
        name = text_of(item)
        if name in macros:
            hidden = set(_NAME.findall(macros[name].body)) - set(macros[name].parameters)
            if any(word in opaque or declares(function, word) for word in hidden):
                return False
        if name not in opaque:
            continue
        if item.type != "type_identifier" or not _TYPE_BODY.fullmatch(program.macros.get(name, "")):
            return False
    return True
