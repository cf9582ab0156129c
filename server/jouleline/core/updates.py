"""Atomic updates: the operations that are easiest to leave out, for few outputs show them all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from .directives import Directive, directives, statement_after
from .normal_form import called, inner_name
from .syntax import ParsedSource, ancestor, descendants, field, text_of

_ATOMIC_CALL: Final = re.compile(
    r"atomic(?:Add|Sub|Min|Max|Inc|Dec|And|Or|Xor|Exch|CAS)(?:_\w+)?|fetch_(?:add|sub|and|or|xor|max|min)"
    r"|__(?:sync|atomic)_(?:fetch|add|sub|or|and|compare|exchange)\w*|compare_exchange_\w+"
)
_PRAGMA: Final = re.compile(r"^[ \t]*#[ \t]*pragma[ \t]+omp[ \t]+atomic\b[^\n]*\n", re.MULTILINE)
_REDUCTION: Final = re.compile(r"\breduction\s*\(([^)]*)\)")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_ALONE: Final = frozenset(("atomic", "critical", "single", "master", "masked", "ordered", "section"))
_PRIVATE: Final = ("private", "firstprivate", "lastprivate", "linear", "reduction")


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


def bare_updates(before: Mapping[str, ParsedSource], after: Mapping[str, ParsedSource]) -> list[Update]:
    """Updates in a candidate's parallel regions from which the baseline kept other threads away.

    There they were atomic, critical or a reduction. Whether a race shows depends on the size and on luck, so
    that none is seen proves nothing. What each thread has for itself needs no such care: a private variable,
    or the element of the thread's own number or of the loop's own index.
    """
    kept = {update.target for update in atomic_updates(before)} | {
        one.target for one in _parallel_updates(before) if one.guarded
    }
    had = Counter(one.target for one in _parallel_updates(before) if not one.guarded)
    found = []
    for one in _parallel_updates(after):
        if one.guarded or one.target not in kept:
            continue
        had[one.target] -= 1
        if had[one.target] < 0:
            found.append(Update(one.target, one.file, one.line))
    return found


@dataclass(frozen=True, slots=True)
class _ParallelUpdate(Update):
    """An update within a parallel region; ``guarded`` if no other thread can be in its way."""

    guarded: bool


def _parallel_updates(files: Mapping[str, ParsedSource]) -> Iterator[_ParallelUpdate]:
    for file, source in files.items():
        if b"omp" not in source.text.data:
            continue
        applied = _directives_by_statement(source)
        for node in descendants(source.root, "assignment_expression", "update_expression"):
            target = field(node, "left") or field(node, "argument")
            if target is None or not _is_update(node, target):
                continue
            name = text_of(inner_name(target))
            guarded = _is_guarded(node, target, name, applied)
            if guarded is not None:
                yield _ParallelUpdate(name, file, node.start_point.row + 1, guarded)


def _directives_by_statement(source: ParsedSource) -> dict[int, list[Directive]]:
    found: dict[int, list[Directive]] = {}
    for directive, node in directives(source):
        if (statement := statement_after(node)) is not None:
            found.setdefault(statement.id, []).append(directive)
    return found


def _is_update(node: Node, target: Node) -> bool:
    compound = node.type == "update_expression" or text_of(field(node, "operator")) != "="
    return compound or _reads_itself(node, target)


def _is_guarded(update: Node, target: Node, name: str, applied: Mapping[int, list[Directive]]) -> bool | None:
    """Whether an update is safe from other threads; None outside of parallel regions."""
    own: set[str] = set()
    node: Node | None = update
    guarded = False
    while node is not None and node.type != "function_definition":
        for directive in applied.get(node.id, ()):
            guarded = guarded or bool(_ALONE & {*directive.words}) or _is_private(directive, name)
            if directive.has("for") or directive.has("distribute") or directive.has("loop"):
                own |= {text_of(one) for one in _loop_variables(node)}
            if directive.has("parallel") or directive.has("teams"):
                own |= _declared(node)
                return guarded or name in own or bool(_index(target) & _private_names(node, own))
        node = node.parent
    return None


def _is_private(directive: Directive, name: str) -> bool:
    if any(clause.name == "num_threads" and clause.argument.strip() == "1" for clause in directive.clauses):
        return True
    lists = (clause.argument for clause in directive.clauses if clause.name in _PRIVATE)
    return any(name in _WORD.findall(text.rpartition(":")[2] if "[" not in text else text) for text in lists)


def _loop_variables(loop: Node) -> Iterator[Node]:
    head = field(loop, "initializer")
    if head is not None:
        for one in descendants(head, "init_declarator", "assignment_expression"):
            name = inner_name(field(one, "declarator") or field(one, "left") or one)
            if name is not None:
                yield name


def _declared(region: Node) -> set[str]:
    names = (inner_name(field(one, "declarator") or one) for one in descendants(region, "init_declarator"))
    plain = (
        inner_name(one)
        for declaration in descendants(region, "declaration")
        for one in declaration.children_by_field_name("declarator")
    )
    return {text_of(name) for name in (*names, *plain) if name is not None}


def _private_names(region: Node, own: set[str]) -> set[str]:
    """Names in an index that no two threads share the value of: loop indices and the thread's number."""
    numbered = {
        text_of(inner_name(field(one, "declarator") or one))
        for one in descendants(region, "init_declarator")
        if "omp_get_thread_num" in text_of(field(one, "value"))
    }
    loops = {
        text_of(name)
        for loop in descendants(region, "for_statement")
        for name in _loop_variables(loop)
        if loop.id == region.id
    }
    return (own & loops) | numbered | {"omp_get_thread_num"}


def _index(target: Node) -> set[str]:
    """The names that alone make the index of an element; none where it is looked up or computed."""
    found: set[str] = set()
    for index in descendants(target, "subscript_argument_list", "subscript_expression"):
        text = text_of(index) if index.type == "subscript_argument_list" else ""
        if text and not re.search(r"[%/&|^?]|\[.*\[", text):
            found |= {*_WORD.findall(text)}
    return found


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
