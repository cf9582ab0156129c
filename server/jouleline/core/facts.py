"""What a file declares: macros, constants, types, functions and calls.

The facts of one file are gathered in one walk of its tree, which leaves out what tells nothing to the rest of
the program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from .conditionals import CONDITIONALS
from .declarations import Declared, Function, declarations, function_of
from .kept import cached_property
from .syntax import ParsedSource, bare_name, descendants, replacement, symbols, text_of, without_comments
from .syntax import field as child

_SPELLED = re.compile(r"[A-Za-z_]\w*|\"(?:[^\"\\]|\\.)*\"")
_PASTE = re.compile(r"\s*##\s*")
_TYPE_TEXT = re.compile(r"[A-Za-z_][\w:]*(?:\s+[A-Za-z_][\w:]*)*\s*\**")
# A macro of more names is a generated table, and no size or index.
_MOST_MACRO_NAMES = 100
_STRUCT_NESTING = 4
_KINDS = CONDITIONALS.union(
    "preproc_def preproc_function_def declaration alias_declaration type_definition struct_specifier "
    "class_specifier function_definition enumerator".split()
)
_VALUES = ("declaration", "initializer_list")
# What a statement or a value must have in it to declare more than variables of its own.
_DECLARES = (b"{", b"#", b"using", b"typedef")


@dataclass(frozen=True, slots=True)
class Macro:
    """A function-like macro: its parameters, and its body as text."""

    parameters: tuple[str, ...]
    body: str

    def written(self, arguments: Sequence[str]) -> str:
        """The body with the arguments in the parameters' places."""
        given = dict(zip(self.parameters, arguments, strict=False))
        if self.parameters[-1:] == ("...",):
            given["__VA_ARGS__"] = ", ".join(arguments[len(self.parameters) - 1 :])
        return _PASTE.sub("", _SPELLED.sub(lambda word: given.get(word[0], word[0]), self.body))


@dataclass
class FileFacts:
    """The facts of one file.

    ``embedded`` are the extents of a struct's members that are arrays, by struct and member; ``rows`` are
    those of the array types that have a name.
    ``statics`` are the values of members that no object has, by struct and member.
    ``nodes`` are what the facts were gathered from; ``variants`` are the same facts without stretches
    that are not compiled, by these stretches; ``repaired`` are those of the text as the compiler sees it,
    if that is another, with the macros of other files that it was made with.
    """

    source: ParsedSource
    macros: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Declared] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    structs: dict[str, dict[str, str]] = field(default_factory=dict)
    embedded: dict[str, dict[str, tuple[Node | None, ...]]] = field(default_factory=dict)
    rows: dict[str, tuple[Node | None, ...]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    function_macros: dict[str, Macro] = field(default_factory=dict)
    overloads: dict[str, list[Function]] = field(default_factory=dict)
    classes: dict[str, Node] = field(default_factory=dict)
    statics: dict[str, dict[str, Node]] = field(default_factory=dict)
    enumerators: dict[str, Node] = field(default_factory=dict)
    definitions: dict[str, list[Node]] = field(default_factory=dict)
    conditionals: list[Node] = field(default_factory=list)
    nodes: Sequence[Node] = field(default=(), repr=False)
    variants: dict[tuple[range, ...], FileFacts] = field(default_factory=dict, repr=False)
    repaired: tuple[Mapping[str, str], FileFacts | None] | None = field(default=None, repr=False)

    @cached_property
    def calls(self) -> dict[str, list[Node]]:
        """Call expressions by the bare name of what they call, looked for when they are asked for."""
        found: dict[str, list[Node]] = {}
        for node in descendants(self.source.root, "call_expression"):
            name = bare_name(text_of(child(node, "function")))
            found.setdefault(name, []).append(node)
        return found


def gather(source: ParsedSource) -> FileFacts:
    """The facts of one parsed file."""
    return _gathered(source, list(_telling(source)))


def without(facts: FileFacts, left_out: Sequence[range]) -> FileFacts:
    """The facts of the same file but for what begins in the stretches that are ``left_out``.

    No two stretches have bytes in common.
    """
    return _gathered(facts.source, list(_outside(left_out, facts.nodes)))


def _telling(source: ParsedSource) -> Iterator[Node]:
    """The nodes that facts are gathered from, in the order of the text.

    Declarations that only a function sees are none of them. Most of a file are statements and values that
    declare nothing else: the walk does not go into these, unless they do not parse.
    """
    wanted, lists, values = symbols(*_KINDS), symbols("initializer_list"), symbols(*_VALUES)
    careful, data = source.root.has_error, source.masked.data
    marks = sorted(place for word in _DECLARES for place in _places(word, data))
    marks += [len(data), len(data)]
    function_end = mark = 0
    waiting = [source.root]
    while waiting:
        node = waiting.pop()
        start, kind_id = node.start_byte, node.kind_id
        is_local = start < function_end
        if kind_id in wanted:
            kind = node.type
            if kind == "function_definition":
                function_end = max(function_end, node.end_byte)
            if not is_local or kind != "declaration":
                yield node
        if (is_local or kind_id in values) and not (careful and node.has_error):
            while marks[mark] < start:
                mark += 1
            # A list's own brace declares nothing.
            if marks[mark + (kind_id in lists)] >= node.end_byte:
                continue
        waiting += reversed(node.named_children)


def _places(word: bytes, data: bytes) -> Iterator[int]:
    place = data.find(word)
    while place >= 0:
        yield place
        place = data.find(word, place + 1)


def _gathered(source: ParsedSource, nodes: Sequence[Node]) -> FileFacts:
    facts = FileFacts(source, nodes=nodes)
    for node in nodes:
        match node.type:
            case "preproc_def" | "preproc_function_def":
                name = text_of(child(node, "name"))
                facts.definitions.setdefault(name, []).append(node)
                if node.type == "preproc_function_def":
                    facts.function_macros[name] = macro_of(node, source)
                elif value := replacement(node):
                    facts.macros.setdefault(name, value)
            case "declaration":
                for declared in declarations(node, source):
                    facts.variables.setdefault(declared.name, declared)
            case "alias_declaration":
                facts.aliases[text_of(child(node, "name"))] = text_of(child(node, "type"))
            case "type_definition":
                _typedef(node, facts)
            case "struct_specifier" | "class_specifier":
                _struct(node, facts, text_of(child(node, "name")))
            case "function_definition":
                if function := function_of(node, source):
                    facts.functions.setdefault(function.name, function)
                    facts.overloads.setdefault(function.name, []).append(function)
            case kind if kind in CONDITIONALS:
                facts.conditionals.append(node)
            case "enumerator":
                facts.enumerators.setdefault(text_of(child(node, "name")), node)
    return facts


def _outside(left_out: Sequence[range], nodes: Iterable[Node]) -> Iterable[Node]:
    """The nodes, which are in the order of the text, that begin in none of the stretches."""
    waiting = sorted(left_out, key=lambda stretch: stretch.start, reverse=True)
    for node in nodes:
        while waiting and waiting[-1].stop <= node.start_byte:
            waiting.pop()
        if not waiting or node.start_byte not in waiting[-1]:
            yield node


def macro_of(node: Node, source: ParsedSource) -> Macro:
    listed = child(node, "parameters")
    parameters = tuple(text_of(item) for item in listed.named_children) if listed else ()
    value = child(node, "value")
    text = source.code(value).decode("utf-8", "replace") if value is not None else ""
    body = without_comments(text.replace("\r\n", "\n").replace("\\\n", " "))
    for name in parameters:
        # Read "(i) + j" as a sum: without the names' types a parser may take "(i)" for a cast.
        body = re.sub(rf"(?<![\w)>])\(\s*{re.escape(name)}\s*\)", name, body)
    return Macro(parameters, body)


def _typedef(node: Node, facts: FileFacts) -> None:
    base = child(node, "type")
    named = base
    if base is not None and child(base, "body") is not None:
        named = child(base, "name")  # typedef struct P { ... } Q; is an alias of P
        if named is None:
            _struct(base, facts, text_of(child(node, "declarator")))
    for declarator in node.children_by_field_name("declarator") if named is not None else ():
        inner, sizes = declarator, list[Node | None]()
        while inner.type == "array_declarator":
            sizes.insert(0, child(inner, "size"))
            inner = child(inner, "declarator") or inner.children[0]
        alias = text_of(inner) + "*" * len(sizes)
        if sizes:
            facts.rows.setdefault(text_of(inner), tuple(sizes))
        facts.aliases.setdefault(alias.lstrip("*& "), text_of(named) + "*" * alias.count("*"))


def _struct(node: Node | None, facts: FileFacts, name: str) -> None:
    body = child(node, "body") if node is not None else None
    if node is None or body is None or not name:
        return
    members = facts.structs.setdefault(name, {})
    facts.classes.setdefault(name, node)
    for member in body.named_children:
        if member.type == "field_declaration" and any(
            text_of(one) == "static" for one in member.named_children
        ):
            if (value := child(member, "default_value")) is not None:
                facts.statics.setdefault(name, {})[text_of(child(member, "declarator"))] = value
        elif member.type == "field_declaration":
            for declared in declarations(member, facts.source):
                members[declared.name] = declared.type
                if extents := (*declared.extents, *facts.rows.get(declared.type, ())):
                    facts.embedded.setdefault(name, {})[declared.name] = extents
