"""Atomic updates: the operations that are easiest to leave out, for few outputs show them all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from .normal_form import called, inner_name
from .syntax import ParsedSource, ancestor, descendants, field, text_of

_ATOMIC_CALL: Final = re.compile(
    r"atomic(?:Add|Sub|Min|Max|Inc|Dec|And|Or|Xor|Exch|CAS)(?:_\w+)?|fetch_(?:add|sub|and|or|xor|max|min)"
    r"|__(?:sync|atomic)_(?:fetch|add|sub|or|and|compare|exchange)\w*|compare_exchange_\w+"
)
_PRAGMA: Final = re.compile(r"^[ \t]*#[ \t]*pragma[ \t]+omp[ \t]+atomic\b[^\n]*\n", re.MULTILINE)
_REDUCTION: Final = re.compile(r"\breduction\s*\(([^)]*)\)")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Update:
    """An atomic update of what is called ``target``."""

    target: str
    file: str
    line: int


def atomic_updates(files: Mapping[str, ParsedSource]) -> Iterator[Update]:
    """All atomic updates of a program."""
    for file, source in files.items():
        text = source.text.data.decode("utf-8", "replace")
        for match in _PRAGMA.finditer(text):
            statement = text[match.end() :].partition(";")[0]
            if word := _WORD.search(statement.lstrip("+-({* \t\n").removeprefix("#pragma")):
                yield Update(word[0], file, text.count("\n", 0, match.start()) + 1)
        for call in descendants(source.root, "call_expression"):
            if _ATOMIC_CALL.fullmatch(called(call)):
                words = _WORD.search(_target(call))
                yield Update(words[0] if words else "", file, call.start_point[0] + 1)


def lost_updates(before: Mapping[str, ParsedSource], after: Mapping[str, ParsedSource]) -> list[Update]:
    """Atomic updates of the baseline in whose place a candidate does nothing.

    A reduction, an update of a private copy, or an update without the atomic is something: whether it
    is right, other gates see. Where the target has another name, any further update will do.
    """
    old = list(atomic_updates(before))
    if not old:
        return []
    had, has = _updated(before), _updated(after)
    new = Counter(update.target for update in atomic_updates(after))
    was = Counter(update.target for update in old)
    lost = [
        one
        for one in old
        if new[one.target] < was[one.target]
        and (one.target not in has or has[one.target] < had.get(one.target, 0))
    ]
    fewer = sum(has.values()) + _calls(after) < sum(had.values()) + _calls(before)
    return lost if fewer else []


def _calls(files: Mapping[str, ParsedSource]) -> int:
    found = (descendants(source.root, "call_expression") for source in files.values())
    return sum(_ATOMIC_CALL.fullmatch(called(call)) is not None for calls in found for call in calls)


def _updated(files: Mapping[str, ParsedSource]) -> dict[str, int]:
    """How often what is called so is updated in a loop or reduced."""
    found: dict[str, int] = {}
    for source in files.values():
        for node in descendants(source.root, "assignment_expression", "update_expression"):
            compound = node.type == "update_expression" or text_of(field(node, "operator")) != "="
            target = field(node, "left") or field(node, "argument")
            if not compound and not (target is not None and _reads_itself(node, target)):
                continue
            if ancestor(node, "for_statement", "while_statement", "do_statement", "for_range_loop") is None:
                continue
            if node.parent is not None and node.parent.type == "for_statement":
                continue
            if word := text_of(inner_name(target) if target is not None else None):
                found[word] = found.get(word, 0) + 1
        for match in _REDUCTION.finditer(source.text.data.decode("utf-8", "replace")):
            for word in _WORD.findall(match[1].rpartition(":")[2]):
                found[word] = found.get(word, 0) + 1
    return found


def _reads_itself(node: Node, target: Node) -> bool:
    name = text_of(inner_name(target))
    right = field(node, "right")
    return right is not None and any(text_of(one) == name for one in descendants(right, "identifier"))


def _target(call: Node) -> str:
    function = field(call, "function")
    if function is not None and function.type == "field_expression":
        return text_of(field(function, "argument"))
    arguments = field(call, "arguments")
    return text_of(arguments.named_children[0]) if arguments is not None and arguments.named_children else ""
