"""What the rules share: directives, regions, uses of a name, and edits that keep the layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tree_sitter import Node

from jouleline.core.declarations import Function, function_of
from jouleline.core.directives import PRAGMAS, Directive, directives, opens_kernel, statement_after
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

MATH = frozenset(
    "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh "
    "atanh erf erfc tgamma lgamma fabs floor ceil round trunc rint nearbyint pow atan2 hypot fmod fmin fmax "
    "fdim copysign remainder fma".split()
)
"""Functions of the C library that have a variant with ``f`` at the end for float."""
HARMLESS = (
    MATH
    | {f"{name}f" for name in MATH}
    | frozenset(
        "min max abs printf fprintf puts omp_get_wtime omp_get_thread_num omp_get_max_threads".split()
    )
)
"""Functions that change no variable and no array of the program."""


def line_of(source: ParsedSource, offset: int) -> int:
    """The line of an offset, from 1."""
    return source.text.point(offset).line + 1


def newline(source: ParsedSource) -> bytes:
    """The file's line break."""
    return b"\r\n" if b"\r\n" in source.text.data else b"\n"


def indentation(source: ParsedSource, offset: int) -> bytes:
    """The blanks in front of the line that holds ``offset``."""
    line = source.text.line_bytes(source.text.point(offset).line)
    return line[: len(line) - len(line.lstrip(b" \t"))]


def line_start(source: ParsedSource, offset: int) -> int:
    """The offset at which the line that holds ``offset`` starts."""
    return source.text.line_starts[source.text.point(offset).line]


def remove_lines(source: ParsedSource, start: int, end: int) -> Edit:
    """Delete the whole lines from the one of ``start`` to the one of ``end``."""
    last = source.text.point(end).line + 1
    starts = source.text.line_starts
    return Edit(line_start(source, start), starts[last] if last < len(starts) else len(source.text.data), b"")


def remove_statement(source: ParsedSource, statement: Node) -> Edit:
    """Delete a statement, with its lines where nothing else stands on them."""
    first, last = source.text.point(statement.start_byte), source.text.point(statement.end_byte)
    head = source.text.line_bytes(first.line)[: first.column]
    tail = source.text.line_bytes(last.line)[last.column :]
    if head.strip() or tail.strip():
        return Edit(statement.start_byte, statement.end_byte, b"")
    return remove_lines(source, statement.start_byte, statement.end_byte)


def is_dead(node: Node) -> bool:
    """Whether a node stands in ``#if 0``."""
    inner, outer = node, node.parent
    while outer is not None:
        if outer.type == "preproc_if" and text_of(child(outer, "condition")) == "0":
            alternative = child(outer, "alternative")
            if alternative is None or alternative.id != inner.id:
                return True
        inner, outer = outer, outer.parent
    return False


def is_macro_body(node: Node) -> bool:
    """Whether a node stands in a macro's definition."""
    return ancestor(node, "preproc_def", "preproc_function_def") is not None


def is_sound(node: Node) -> bool:
    """Whether the function around a node parses without an error: else its names may mean anything."""
    function = node if node.type == "function_definition" else ancestor(node, "function_definition")
    return function is not None and not function.has_error


def is_guarded(node: Node, statement: Node) -> bool:
    """Whether a condition inside a statement decides if a node is evaluated."""
    inner, outer = node, node.parent
    while outer is not None and inner.id != statement.id:
        first = child(outer, "condition") or child(outer, "left")
        branching = outer.type == "conditional_expression" or text_of(child(outer, "operator")) in (
            "&&",
            "||",
        )
        if outer.type in ("lambda_expression", "for_statement") or (branching and not _is(first, inner)):
            return True
        inner, outer = outer, outer.parent
    return False


def has_alias(function: Node, name: str) -> bool:
    """Whether a reference in a function, or a function that it is passed to, may change a variable."""
    for node in identifiers(function, name):
        holder = node.parent
        if holder is None:
            return True
        if holder.type == "init_declarator" and not _is(child(holder, "declarator"), node):
            declarator = child(holder, "declarator")
            if declarator is not None and declarator.type == "reference_declarator":
                return True
        if holder.type in ("argument_list", "initializer_list"):
            call = holder.parent
            if call is None or call.type != "call_expression" or callee(call) not in HARMLESS:
                return True
    return False


class FreshNames:
    """Names for new variables: not used in their function, and not given twice in one pass."""

    def __init__(self) -> None:
        self._taken: dict[int, set[str]] = {}

    def take(self, name: str, place: Node) -> str:
        """A name like ``name`` that is free in the function around a place."""
        function = ancestor(place, "function_definition") or place
        kinds = ("identifier", "field_identifier", "type_identifier")
        taken = self._taken.get(function.start_byte)
        if taken is None:
            taken = {text_of(node) for node in descendants(function, *kinds)}
            self._taken[function.start_byte] = taken
        fresh, number = name, 1
        while fresh in taken:
            number += 1
            fresh = f"{name}{number}"
        taken.add(fresh)
        return fresh


def has_branches(node: Node) -> bool:
    """Whether #if, #define or #include stand inside a node: then its text is not what is compiled."""
    kinds = "preproc_if preproc_ifdef preproc_def preproc_function_def preproc_include".split()
    return any(True for _ in descendants(node, *kinds))


# Directives and kernels


@dataclass(frozen=True)
class Region:
    """A directive with its pragma's node and the statement it applies to."""

    directive: Directive
    pragma: Node
    statement: Node


@lru_cache(maxsize=64)
def pragmas(source: ParsedSource) -> tuple[tuple[Directive, Node], ...]:
    """The OpenMP directives of a file, in the order of the text."""
    return tuple((directive, node) for directive, node in directives(source) if not is_dead(node))


def statement_beside(node: Node) -> Node | None:
    """The statement a pragma applies to; None where a branch of ``#if`` decides which it is."""
    following = statement_after(node)
    if following is None or following.type.startswith("preproc_") or following.parent != node.parent:
        return None
    return following


def has_pragma(statement: Node) -> bool:
    """Whether a pragma stands in front of a statement."""
    previous = statement.prev_named_sibling
    while previous is not None and previous.type == "comment":
        previous = previous.prev_named_sibling
    return previous is not None and previous.type in PRAGMAS


@lru_cache(maxsize=64)
def regions(source: ParsedSource) -> tuple[Region, ...]:
    """The directives of a file with the statements they apply to."""
    return tuple(
        Region(directive, node, statement)
        for directive, node in pragmas(source)
        if (statement := statement_beside(node)) is not None
    )


def end_of_clauses(loop: Region, source: ParsedSource) -> int:
    """Where a further clause goes: the end of the directive, but before a comment behind it."""
    text = source.text.data[loop.directive.start : loop.directive.end]
    comment = min((at for at in (text.find(b"//"), text.find(b"/*")) if at >= 0), default=len(text))
    return loop.directive.start + len(text[:comment].rstrip())


def sources_of(program: ProgramFacts) -> tuple[ParsedSource, ...]:
    """The files of a program: what facts about all of it are kept by."""
    return tuple(facts.source for facts in program.files.values())


def definitions(program: ProgramFacts) -> Mapping[str, Sequence[Function]]:
    """All definitions of each function name of a program, overloads included."""
    return _definitions(sources_of(program))


@lru_cache(maxsize=4)
def _definitions(sources: tuple[ParsedSource, ...]) -> Mapping[str, Sequence[Function]]:
    found: dict[str, list[Function]] = {}
    for source in sources:
        for node in descendants(source.root, "function_definition"):
            if (function := function_of(node, source)) is not None:
                found.setdefault(function.name, []).append(function)
    return found


def callee(call: Node) -> str:
    """The bare name of what a call calls."""
    return text_of(child(call, "function")).split("<")[0].split("::")[-1].strip()


def arguments_of(call: Node) -> list[Node]:
    """A call's arguments."""
    listed = child(call, "arguments")
    return [item for item in listed.named_children if item.type != "comment"] if listed is not None else []


def kernel_code(source: ParsedSource, program: ProgramFacts) -> Sequence[Node]:
    """The nodes of a file that run in kernels, in text order: regions, and functions called from them.

    No node lies in another.
    """
    return _kernel_code(sources_of(program)).get(source.root.id, ())


@lru_cache(maxsize=4)
def _kernel_code(sources: tuple[ParsedSource, ...]) -> Mapping[int, Sequence[Node]]:
    known = _definitions(sources)
    found: dict[int, dict[tuple[int, int], Node]] = {source.root.id: {} for source in sources}
    waiting: list[Node] = []

    def add(node: Node) -> None:
        file = found.get(_root(node).id)
        key = (node.start_byte, node.end_byte)
        if file is not None and key not in file:
            file[key] = node
            waiting.append(node)

    for source in sources:
        for region in regions(source):
            if opens_kernel(region.directive):
                add(region.statement)
    for listed in known.values():
        for function in listed:
            if {b"__global__", b"__device__"} & function.attributes:
                add(function.node)
    while waiting:
        for call in descendants(waiting.pop(), "call_expression"):
            for function in known.get(callee(call), ()):
                add(function.node)
    return {file: _outermost(nodes) for file, nodes in found.items()}


def _outermost(nodes: Mapping[tuple[int, int], Node]) -> Sequence[Node]:
    kept: list[Node] = []
    for _, node in sorted(nodes.items(), key=lambda item: (item[0][0], -item[0][1])):
        if not kept or node.start_byte >= kept[-1].end_byte:
            kept.append(node)
    return kept


def _root(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


# Uses of a name


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a name.

    ``kind`` is read, write, update (both), or escape (its address is taken, or a lambda takes it along).
    ``subscript`` is the element that is used; None where the variable itself is.
    """

    kind: str
    node: Node
    subscript: Node | None = None


def identifiers(region: Node, name: str) -> Iterator[Node]:
    """The identifiers of that text below a node; members and labels have other node types."""
    # The name is looked for in the text: a walk through a whole file for each of its names takes seconds.
    text, word = region.text or b"", name.encode()
    at = text.find(word)
    while word and at >= 0:
        start = region.start_byte + at
        node = region.descendant_for_byte_range(start, start + len(word))
        if node is not None and node.type == "identifier" and node.end_byte - node.start_byte == len(word):
            yield node
        at = text.find(word, at + len(word))


def uses(region: Node, name: str) -> list[Use]:
    """The uses of a variable below a node, in text order; its own declaration is not one."""
    return [use for node in identifiers(region, name) if (use := _use(node)) is not None]


def _use(node: Node) -> Use | None:
    place, subscript = node, None
    parent = node.parent
    while parent is not None:
        if parent.type == "subscript_expression" and _is(child(parent, "argument"), place):
            place = subscript = parent
        elif parent.type == "parenthesized_expression":
            place = parent
        else:
            break
        parent = parent.parent
    if parent is None:
        return Use("escape", node, subscript)
    kind = "read"
    match parent.type:
        case "assignment_expression" if _is(child(parent, "left"), place):
            kind = "write" if text_of(child(parent, "operator")) == "=" else "update"
        case "update_expression":
            kind = "update"
        case "pointer_expression" if text_of(child(parent, "operator")) == "&":
            kind = "escape"
        case "init_declarator" | "declaration" | "parameter_declaration" | "for_range_loop" if _is(
            child(parent, "declarator"), place
        ):
            return None
        case "array_declarator" | "pointer_declarator" | "reference_declarator":
            return None if _is(child(parent, "declarator"), place) else Use("read", node, subscript)
        case "lambda_capture_specifier":
            kind = "escape"
    return Use(kind, node, subscript)


def _is(left: Node | None, right: Node) -> bool:
    return left is not None and left.id == right.id


def declares(region: Node, name: str) -> bool:
    """Whether a variable of that name is declared below a node: then uses there may mean another one."""
    return any(_use(node) is None for node in identifiers(region, name))


def written_names(region: Node) -> frozenset[str]:
    """The variables that are assigned, stepped, or may be changed through their address below a node."""
    found = set()
    for node in descendants(region, "assignment_expression", "update_expression", "pointer_expression"):
        if node.type == "pointer_expression" and text_of(child(node, "operator")) != "&":
            continue
        target = child(node, "left") or child(node, "argument")
        if (name := root_name(target)) is not None:
            found.add(name)
    return frozenset(found)


def root_name(node: Node | None) -> str | None:
    """The variable that a place belongs to: ``a`` for ``a``, ``a[i].x``, ``*a`` and ``(a + 1)[i]``."""
    while node is not None:
        match node.type:
            case "identifier":
                return text_of(node)
            case "subscript_expression" | "field_expression" | "pointer_expression":
                node = child(node, "argument")
            case "parenthesized_expression":
                node = node.named_children[0] if node.named_children else None
            case "binary_expression":
                node = child(node, "left")
            case "cast_expression":
                node = child(node, "value")
            case _:
                return None
    return None


def is_pure(node: Node) -> bool:
    """Whether evaluating an expression has no effect: no call, assignment or step in it."""
    kinds = "call_expression assignment_expression update_expression lambda_expression new_expression"
    return not any(
        True for _ in descendants(node, *kinds.split(), "delete_expression", "co_await_expression")
    )
