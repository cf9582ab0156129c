"""A sweep that computes a new array and copies all of it back: swap the two instead."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.directives import PRAGMAS
from jouleline.core.polynomial import Polynomial
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .accesses import Access, NotUnderstoodError, Walk
from .analysis import (
    FreshNames,
    callee,
    has_branches,
    has_pragma,
    identifiers,
    indentation,
    is_dead,
    is_macro_body,
    line_of,
    newline,
    pragmas,
)
from .copies import Copy, copies
from .indices import Facts, Range, extremes
from .macros import is_spelled_out
from .memory import ALLOCATORS, STORING, Memory, is_restrict
from .scope import Name, Types, lookup

_LOOPS = ("for_statement", "while_statement", "do_statement")


@dataclass(frozen=True)
class SwapBuffers:
    """Right without knowing what the arrays hold where the sweep does not write.

    The first sweep still copies; from then on both arrays agree wherever the sweep does not write,
    and what it does write it writes again in every sweep, so that swapping the names gives the same
    values. After the loop one copy makes both arrays equal again, and each name gets its own array back.
    """

    name: str = "swap-buffers"
    title: str = "Swap the two arrays instead of copying one to the other in every sweep"
    rationale: str = (
        "The copy moves both arrays through memory once more in every sweep. It is replaced where every "
        "sweep writes the same elements of the new array, all accesses lie in the copied range, and no "
        "other pointer reaches the arrays; a first and a last copy keep both arrays as they were."
    )
    smell: str = (
        "Every sweep copies the whole array back, which reads and writes each byte once more: swap the two "
        "pointers."
    )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each loop of sweeps."""
        found: list[Rewrite] = []
        end, fresh = 0, FreshNames()
        for loop in descendants(source.root, *_LOOPS):
            if loop.start_byte < end or is_dead(loop) or is_macro_body(loop):
                continue
            rewrite = _rewrite(self, loop, source, program, fresh)
            if rewrite is not None:
                found.append(rewrite)
                end = loop.end_byte
        return found


def _rewrite(
    rule: SwapBuffers, loop: Node, source: ParsedSource, program: ProgramFacts, fresh: FreshNames
) -> Rewrite | None:
    function, body = ancestor(loop, "function_definition"), child(loop, "body")
    if function is None or function.has_error or body is None or body.type != "compound_statement":
        return None
    if loop.parent is None or loop.parent.type != "compound_statement" or has_branches(loop):
        return None
    if _in_parallel(loop, source) or has_pragma(loop) or not is_spelled_out(function, program):
        return None
    for copy in copies(body, loop, source, program):
        if _is_proved(copy, loop, body, source, program):
            edits = _edits(copy, loop, source, program, fresh)
            if edits is not None:
                line = line_of(source, copy.start)
                return Rewrite(rule.name, line, rule.title, rule.rationale, edits)
    return None


def _in_parallel(loop: Node, source: ParsedSource) -> bool:
    """Whether the loop itself runs in a region, where each thread would swap."""
    for directive, node in pragmas(source):
        statement = node.next_named_sibling
        while statement is not None and statement.type in ("comment", *PRAGMAS):
            statement = statement.next_named_sibling
        if statement is None or not statement.start_byte <= loop.start_byte < statement.end_byte:
            continue
        if directive.words != ("target", "data"):
            return True
    return False


# The proof


def _is_proved(copy: Copy, loop: Node, body: Node, source: ParsedSource, program: ProgramFacts) -> bool:
    old, new = (lookup(name, loop, program) for name in (copy.old, copy.new))
    if old is None or new is None or not _swappable(old, new, loop, source):
        return False
    places = [next(identifiers(loop, name), None) for name in (copy.old, copy.new)]
    if places[0] is None or places[1] is None or not Memory(program).distinct(places[0], places[1]):
        return False
    if _leaves(body, copy.statement, top=True):
        return False
    walk = Walk(source, program, loop, (copy.old, copy.new))
    after = None
    try:
        for item in body.named_children:
            if item.id == copy.statement.id:
                after = len(walk.accesses)
                continue
            if copy.start <= item.start_byte < copy.statement.start_byte:
                continue
            walk.statement(item, walk.names)
        heads = [child(loop, name) for name in ("initializer", "condition", "update")]
        for head in heads:
            if head is not None and any(
                True for name in (copy.old, copy.new) for _ in identifiers(head, name)
            ):
                return False
    except NotUnderstoodError:
        return False
    if after is None or not _only_inside(loop, walk.others, places[0], places[1], program):
        return False
    return _same_every_sweep(walk.accesses, after, copy)


def _only_inside(loop: Node, others: list[Node], old: Node, new: Node, program: ProgramFacts) -> bool:
    """Whether the other memory that is used cannot be that of the two arrays."""
    types, memory = Types(program), Memory(program)
    kind = types.of_name(lookup(text_of(old), loop, program))
    for other in others:
        named = types.of_name(lookup(text_of(other), loop, program)) if other.type == "identifier" else None
        if kind is not None and named is not None and named.is_pointer:
            apart = (
                named.element.scalar is not kind.element.scalar
                and min(named.element.bytes, kind.element.bytes) > 1
            )
            if apart:
                continue  # objects of different types do not share memory
        if not memory.distinct(other, old) or not memory.distinct(other, new):
            return False
    return True


def _swappable(old: Name, new: Name, loop: Node, source: ParsedSource) -> bool:
    """Whether both are plain pointers of one type that belong to the function."""
    if (old.base, old.levels) != (new.base, new.levels) or old.levels != 1 or old.const or new.const:
        return False
    function = ancestor(loop, "function_definition")
    for name in (old, new):
        if name.where == "global" or name.container or name.array or name.reference or name.base == "auto":
            return False
        if "static" in text_of(name.declaration).split() or is_restrict(name, source):
            return False
        if name.where == "parameter" and (
            name.function is None or function is None or name.function.id != function.id
        ):
            return False
        if any(item.type == "type_qualifier" for item in descendants(name.node, "type_qualifier")):
            return False
        if function is None or not _address_is_private(function, name.text):
            return False
    return function is not None and not any(True for _ in descendants(function, "lambda_expression"))


def _address_is_private(function: Node, name: str) -> bool:
    """Whether nothing keeps the address of a pointer; functions that store memory in it do not."""
    for node in descendants(function, "pointer_expression"):
        if text_of(child(node, "operator")) != "&" or text_of(child(node, "argument")) != name:
            continue
        call = ancestor(node, "call_expression")
        if call is None or callee(call) not in STORING | ALLOCATORS:
            return False
    return True


def _leaves(node: Node, copy: Node, *, top: bool) -> bool:
    """Whether a sweep may end before its copy, or the function may end inside the loop."""
    if node.type in (
        "return_statement",
        "goto_statement",
        "throw_statement",
        "labeled_statement",
        "co_return_statement",
    ):
        return True
    if node.type in ("break_statement", "continue_statement"):
        return top and node.start_byte < copy.start_byte
    inner = top and node.type not in (*_LOOPS, "for_range_loop", "switch_statement")
    return any(_leaves(item, copy, top=inner) for item in node.named_children)


def _same_every_sweep(accesses: list[Access], after: int, copy: Copy) -> bool:
    writes = [item for item in accesses if item.array == copy.new and item.write]
    if not writes:
        return False
    for position, item in enumerate(accesses):
        if not _is_within(item, copy):
            return False
        if item.array == copy.old:
            if item.write:
                return False
        elif (
            position >= after
            or (item.write and item.conditional)
            or (
                not item.write
                and not any(_shape(item) == _shape(write) and write.order < item.order for write in writes)
            )
        ):
            return False
    return True


def _shape(item: Access) -> tuple[Polynomial, tuple[Range, ...]]:
    return item.index, item.ranges


def _is_within(item: Access, copy: Copy) -> bool:
    facts = Facts(item.ranges)
    ends = extremes(item.index, item.ranges, facts)
    if ends is None:
        return False
    return facts.nonnegative(ends[0] - copy.low) and facts.nonnegative(copy.high - ends[1])


# The edits


def _edits(
    copy: Copy, loop: Node, source: ParsedSource, program: ProgramFacts, fresh: FreshNames
) -> tuple[Edit, ...] | None:
    old, new = copy.old, copy.new
    declared = lookup(old, loop, program)
    if declared is None:
        return None
    keep_old, keep_new, swapped, equal = (
        fresh.take(name, loop) for name in (f"{old}_own", f"{new}_own", f"{old}_swapped", "copied")
    )
    eol = newline(source)
    outer, inner = indentation(source, loop.start_byte), indentation(source, copy.statement.start_byte)
    step = inner[len(outer) :] if inner.startswith(outer) and len(inner) > len(outer) else b"    "
    kind = declared.base
    text = source.text.data[copy.start : copy.statement.end_byte]
    before = [
        f"{kind} *const {keep_old} = {old}, *const {keep_new} = {new};",
        f"bool {equal} = false; // from the first copy on, both hold the same where a sweep does not write",
    ]
    swap = [
        f"if ({equal}) {{",
        f"\t{kind} *const {swapped} = {old};",
        f"\t{old} = {new};",
        f"\t{new} = {swapped};",
        "} else {",
    ]
    restore = [f"\t{old} = {keep_old};", f"\t{new} = {keep_new};", "}"]

    def lines(listed: list[str], indent: bytes) -> bytes:
        return eol.join(indent + item.replace("\t", step.decode()).encode() for item in listed)

    copied = _indented(text, inner, inner + step, eol)
    back = _indented(_exchanged(copy, source), inner, outer + step, eol)
    middle = lines(swap, inner).lstrip() + eol + copied + eol + lines([f"\t{equal} = true;", "}"], inner)
    if source.text.point(copy.start).column == 0:
        middle = inner + middle  # the pragma stood at the start of its line
    return (
        Edit(loop.start_byte, loop.start_byte, lines(before, outer).lstrip() + eol + outer),
        Edit(copy.start, copy.statement.end_byte, middle),
        Edit(
            loop.end_byte,
            loop.end_byte,
            eol + outer + f"if ({equal}) {{".encode() + eol + back + eol + lines(restore, outer),
        ),
    )


def _exchanged(copy: Copy, source: ParsedSource) -> bytes:
    """The copying statement with the two names exchanged."""
    other = {copy.old: copy.new, copy.new: copy.old}
    data = source.text.data[copy.start : copy.statement.end_byte].decode("utf-8", "surrogateescape")
    pattern = re.compile(rf"(?<![\w.>])(?:{re.escape(copy.old)}|{re.escape(copy.new)})\b")
    return pattern.sub(lambda match: other[match[0]], data).encode("utf-8", "surrogateescape")


def _indented(text: bytes, old: bytes, new: bytes, eol: bytes) -> bytes:
    """Lines of code moved from one indentation to another; pragmas stay where they stand."""
    lines = text.splitlines()
    moved = []
    for position, line in enumerate(lines):
        bare = line[len(old) :] if position and line.startswith(old) else line.lstrip() if position else line
        moved.append(line if line.startswith(b"#") else new + bare)
    return eol.join(moved)
