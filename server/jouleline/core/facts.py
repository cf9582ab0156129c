"""What a program's files declare: macros, constants, types, functions and calls.

Facts of one file are gathered in one walk of its tree; a program's are those of all its files.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from tree_sitter import Node

from .conditionals import CONDITIONALS
from .ctype import UNKNOWN, CType, TypeNames
from .evaluate import evaluate, evaluate_text
from .polynomial import Polynomial
from .syntax import ParsedSource, ancestor, descendants, text_of
from .syntax import field as child

_WORD = re.compile(r"[A-Za-z_]\w*")
_TYPE_TEXT = re.compile(r"[A-Za-z_][\w:]*(?:\s+[A-Za-z_][\w:]*)*\s*\**")
_COMMENT = re.compile(r"//.*|/\*.*?\*/")
# Between an attribute and what it belongs to; longer comments there are rarer than long files.
_GAP = re.compile(rb"(?:\s|//[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
FARTHEST_ATTRIBUTE = 400
# A macro of more names is a generated table, and no size or index.
_MOST_MACRO_NAMES = 100
_POINTER_TYPES = ("pointer_declarator", "reference_declarator", "array_declarator")
_STRUCT_NESTING = 4
_BRACKETED = "parenthesized_declarator"
_VALUE_PARAMETERS = ("parameter_declaration", "optional_parameter_declaration")
_SPACES = {b"__shared__": "shared", b"__constant__": "constant", b"__device__": "global"}


@dataclass(frozen=True)
class Declared:
    """A declared name: its type's text (stars and array levels included), and its initial value.

    ``extents`` are its sizes as an array, outermost first, None where there is none: in ``a[][4]``
    and ``(*a)[4]``. ``constant`` says that it is declared ``const`` or ``constexpr``. ``space`` is
    ``shared``, ``constant``, ``global`` (device memory) or empty.
    """

    name: str
    type: str
    value: Node | None
    node: Node
    space: str = ""
    extents: tuple[Node | None, ...] = ()
    constant: bool = False


@dataclass(frozen=True)
class Function:
    """A function definition; ``attributes`` are the CUDA words in front of it.

    ``value_parameters`` are those of the ``template_parameters`` that are no types.
    """

    name: str
    node: Node
    return_type: str
    attributes: frozenset[bytes]
    source: ParsedSource
    template_parameters: tuple[str, ...] = ()
    value_parameters: frozenset[str] = frozenset()

    @property
    def body(self) -> Node | None:
        """The function's compound statement."""
        return child(self.node, "body")

    @cached_property
    def parameters(self) -> tuple[Declared, ...]:
        """The parameters that have a name."""
        declarator, _ = _declarator(self.node)
        listed = child(declarator, "parameters") if declarator is not None else None
        return tuple(
            declared
            for parameter in (listed.named_children if listed else ())
            if parameter.type in ("parameter_declaration", "optional_parameter_declaration")
            for declared in declarations(parameter, self.source)
        )

    @cached_property
    def mutated(self) -> frozenset[str]:
        """The names that the function assigns to or steps after their declaration."""
        return mutated_names(self.node)


@dataclass(frozen=True, slots=True)
class Macro:
    """A function-like macro: its parameters, and its body as text."""

    parameters: tuple[str, ...]
    body: str

    def written(self, arguments: Sequence[str]) -> str:
        """The body with the arguments in the parameters' places."""
        given = dict(zip(self.parameters, arguments, strict=False))
        return _WORD.sub(lambda word: given.get(word[0], word[0]), self.body)


@dataclass
class FileFacts:
    """The facts of one file.

    ``embedded`` are the extents of a struct's members that are arrays, by struct and member.
    ``variants`` are the same facts without stretches that are not compiled, by these stretches.
    """

    source: ParsedSource
    macros: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Declared] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    structs: dict[str, dict[str, str]] = field(default_factory=dict)
    embedded: dict[str, dict[str, tuple[Node | None, ...]]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    function_macros: dict[str, Macro] = field(default_factory=dict)
    calls: dict[str, list[Node]] = field(default_factory=dict)
    overloads: dict[str, list[Function]] = field(default_factory=dict)
    classes: dict[str, Node] = field(default_factory=dict)
    enumerators: dict[str, Node] = field(default_factory=dict)
    definitions: dict[str, list[Node]] = field(default_factory=dict)
    conditionals: list[Node] = field(default_factory=list)
    variants: dict[tuple[range, ...], FileFacts] = field(default_factory=dict, repr=False)


def gather(source: ParsedSource, left_out: Sequence[range] = ()) -> FileFacts:
    """The facts of one parsed file, but for what begins in the stretches that are ``left_out``.

    No two stretches have bytes in common.
    """
    facts = FileFacts(source)
    kinds = (
        "preproc_def preproc_function_def declaration alias_declaration type_definition struct_specifier "
        "class_specifier function_definition call_expression enumerator"
    ).split()
    for node in _outside(left_out, descendants(source.root, *kinds, *CONDITIONALS)):
        match node.type:
            case "preproc_def":
                facts.definitions.setdefault(text_of(child(node, "name")), []).append(node)
                value = _COMMENT.sub("", text_of(child(node, "value"))).strip()
                if value:
                    facts.macros.setdefault(text_of(child(node, "name")), value)
            case "preproc_function_def":
                facts.definitions.setdefault(text_of(child(node, "name")), []).append(node)
                facts.function_macros[text_of(child(node, "name"))] = _macro(node, source)
            case "declaration" if ancestor(node, "function_definition") is None:
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
            case _:
                name = text_of(child(node, "function")).split("<")[0].split("::")[-1]
                facts.calls.setdefault(name, []).append(node)
    return facts


def _outside(left_out: Sequence[range], nodes: Iterable[Node]) -> Iterable[Node]:
    """The nodes, which are in the order of the text, that begin in none of the stretches."""
    waiting = sorted(left_out, key=lambda stretch: stretch.start, reverse=True)
    for node in nodes:
        while waiting and waiting[-1].stop <= node.start_byte:
            waiting.pop()
        if not waiting or node.start_byte not in waiting[-1]:
            yield node


def _macro(node: Node, source: ParsedSource) -> Macro:
    listed = child(node, "parameters")
    parameters = tuple(text_of(item) for item in listed.named_children) if listed else ()
    value = child(node, "value")
    text = source.code(value).decode("utf-8", "replace") if value is not None else ""
    body = _COMMENT.sub("", text.replace("\r\n", "\n").replace("\\\n", " ")).strip()
    for name in parameters:
        # Read "(i) + j" as a sum: without the names' types a parser may take "(i)" for a cast.
        body = re.sub(rf"(?<![\w)])\(\s*{re.escape(name)}\s*\)", name, body)
    return Macro(parameters, body)


def declarations(node: Node, source: ParsedSource) -> list[Declared]:
    """The names that a declaration, parameter or structured-for declaration introduces."""
    base = text_of(child(node, "type"))
    words = _attributes(node, node.end_byte, source)
    space = next((name for word, name in _SPACES.items() if word in words), "")
    constant = any(text_of(item) in ("const", "constexpr") for item in node.named_children)
    found = []
    for declarator in node.children_by_field_name("declarator"):
        value = None
        inner: Node | None = declarator
        if inner is not None and inner.type == "init_declarator":
            value = child(inner, "value")
            inner = child(inner, "declarator")
        stars = 0
        extents: list[Node | None] = []
        while inner is not None and (inner.type in _POINTER_TYPES or _is_bracketed(inner)):
            if inner.type == "array_declarator" or (inner.type == "pointer_declarator" and extents):
                extents.append(child(inner, "size"))
            stars += inner.type in ("array_declarator", "pointer_declarator")
            inner = child(inner, "declarator") or (inner.named_children[-1] if inner.named_children else None)
        if inner is None or inner.type not in ("identifier", "field_identifier"):
            continue
        found.append(
            Declared(
                text_of(inner),
                base + "*" * stars,
                value,
                declarator,
                space,
                tuple(reversed(extents)),
                constant,
            )
        )
    return found


def _is_bracketed(node: Node) -> bool:
    """Whether a declarator is ``(*f)(int)`` or the part of it in parentheses."""
    inner = child(node, "declarator") if node.type == "function_declarator" else node
    return inner is not None and inner.type == _BRACKETED


def _attributes(node: Node, end: int, source: ParsedSource) -> frozenset[bytes]:
    """The CUDA words in front of a node (only blanks and comments are between) and up to ``end``."""
    start, masked = node.start_byte, source.masked
    low = bisect_left(masked.starts, start - FARTHEST_ATTRIBUTE)
    high = bisect_left(masked.starts, end, low)
    if low == high:
        return frozenset()
    first = bisect_left(masked.starts, start, low, high)
    while first > low and _GAP.fullmatch(masked.data, masked.blanked[first - 1].end, start):
        first -= 1
        start = masked.blanked[first].start
    return frozenset(item.text for item in masked.blanked[first:high] if item.kind == "attribute")


def function_of(node: Node, source: ParsedSource) -> Function | None:
    """The function that a definition node defines; None where the name cannot be made out."""
    declarator, pointers = _declarator(node)
    if declarator is None:
        return None
    name = text_of(child(declarator, "declarator"))
    template = node.parent if node.parent and node.parent.type == "template_declaration" else None
    listed = template.named_children[0].named_children if template else []
    names = {_parameter_name(item): item.type for item in listed if item.named_children}
    return Function(
        name.split("<")[0].split("::")[-1],
        node,
        text_of(child(node, "type")) + "*" * pointers,
        _attributes(node, declarator.start_byte, source),
        source,
        tuple(names),
        frozenset(name for name, kind in names.items() if kind in _VALUE_PARAMETERS),
    )


def _declarator(node: Node) -> tuple[Node | None, int]:
    """The function declarator of a definition, and how many stars its return type has there."""
    declarator = child(node, "declarator")
    pointers = 0
    while declarator is not None and declarator.type in _POINTER_TYPES:
        pointers += declarator.type == "pointer_declarator"
        declarator = child(declarator, "declarator") or declarator.named_children[-1]
    if declarator is None or declarator.type != "function_declarator":
        return None, pointers
    return declarator, pointers


def _parameter_name(node: Node) -> str:
    name = child(node, "declarator") or child(node, "name") or node.named_children[-1]
    return text_of(name)


def mutated_names(node: Node) -> frozenset[str]:
    """The names that are assigned to or stepped somewhere below ``node``."""
    targets = (
        child(item, "left") or child(item, "argument")
        for item in descendants(node, "assignment_expression", "update_expression")
    )
    return frozenset(
        text_of(target) for target in targets if target is not None and target.type == "identifier"
    )


def _typedef(node: Node, facts: FileFacts) -> None:
    base = child(node, "type")
    named = base
    if base is not None and child(base, "body") is not None:
        named = child(base, "name")  # typedef struct P { ... } Q; is an alias of P
        if named is None:
            _struct(base, facts, text_of(child(node, "declarator")))
    for declarator in node.children_by_field_name("declarator") if named is not None else ():
        alias = text_of(declarator)
        facts.aliases.setdefault(alias.lstrip("*& "), text_of(named) + "*" * alias.count("*"))


def _struct(node: Node | None, facts: FileFacts, name: str) -> None:
    body = child(node, "body") if node is not None else None
    if node is None or body is None or not name:
        return
    members = facts.structs.setdefault(name, {})
    facts.classes.setdefault(name, node)
    for member in body.named_children:
        if member.type == "field_declaration":
            for declared in declarations(member, facts.source):
                members[declared.name] = declared.type
                if declared.extents:
                    facts.embedded.setdefault(name, {})[declared.name] = declared.extents


T = TypeVar("T")


def _first(tables: Iterable[Mapping[str, T]]) -> dict[str, T]:
    merged: dict[str, T] = {}
    for table in tables:
        for name, item in table.items():
            merged.setdefault(name, item)
    return merged


@dataclass(frozen=True)
class ProgramFacts:
    """The facts of a program's files together; the first definition of a name counts.

    ``given`` are the macros that the compiler's command line defines.
    """

    files: Mapping[str, FileFacts]
    given: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def macros(self) -> Mapping[str, str]:
        """Object-like macros by name."""
        return {**_first(facts.macros for facts in self.files.values()), **self.given}

    @cached_property
    def macro_names(self) -> Mapping[str, tuple[str, ...]]:
        """The names that an object-like macro's value depends on, other macros written out."""
        direct = {name: _WORD.findall(text) for name, text in self.macros.items()}
        return {name: tuple(_reached(name, direct)) for name in direct}

    @cached_property
    def variables(self) -> Mapping[str, Declared]:
        """Variables at file scope by name."""
        return _first(facts.variables for facts in self.files.values())

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Function definitions by bare name."""
        return _first(facts.functions for facts in self.files.values())

    @cached_property
    def defined_at(self) -> Mapping[int, Function]:
        """Function definitions by the identity of their node."""
        return {function.node.id: function for function in self.functions.values()}

    @cached_property
    def function_macros(self) -> Mapping[str, Macro]:
        """Function-like macros by name."""
        return _first(facts.function_macros for facts in self.files.values())

    @cached_property
    def structs(self) -> Mapping[str, Mapping[str, str]]:
        """Member types by struct name and member."""
        return _first(facts.structs for facts in self.files.values())

    @cached_property
    def overloads(self) -> Mapping[str, tuple[Function, ...]]:
        """All function definitions by bare name, in the order of files and text."""
        merged: dict[str, list[Function]] = {}
        for facts in self.files.values():
            for name, functions in facts.overloads.items():
                merged.setdefault(name, []).extend(functions)
        return {name: tuple(functions) for name, functions in merged.items()}

    @cached_property
    def classes(self) -> Mapping[str, Node]:
        """The definitions of structs and classes by name."""
        return _first(facts.classes for facts in self.files.values())

    @cached_property
    def enumerators(self) -> Mapping[str, Node]:
        """Enumerators by name."""
        return _first(facts.enumerators for facts in self.files.values())

    @cached_property
    def definitions(self) -> Mapping[str, tuple[Node, ...]]:
        """The directives that define each macro."""
        merged: dict[str, list[Node]] = {}
        for facts in self.files.values():
            for name, nodes in facts.definitions.items():
                merged.setdefault(name, []).extend(nodes)
        return {name: tuple(nodes) for name, nodes in merged.items()}

    @cached_property
    def embedded(self) -> Mapping[str, Mapping[str, tuple[Node | None, ...]]]:
        """Extents of the struct members that are arrays."""
        return _first(facts.embedded for facts in self.files.values())

    @cached_property
    def calls(self) -> Mapping[str, tuple[Node, ...]]:
        """Call expressions by the bare name of what they call."""
        merged: dict[str, list[Node]] = {}
        for facts in self.files.values():
            for name, nodes in facts.calls.items():
                merged.setdefault(name, []).extend(nodes)
        return {name: tuple(nodes) for name, nodes in merged.items()}

    @cached_property
    def types(self) -> TypeNames:
        """The program's type names."""
        typed = {name: text for name, text in self.macros.items() if _TYPE_TEXT.fullmatch(text)}
        aliases = {**typed, **_first(facts.aliases for facts in self.files.values())}
        sizes = dict.fromkeys(self.structs, 0)
        names = TypeNames(aliases, sizes)
        for _ in range(_STRUCT_NESTING):  # a struct within a struct needs that one's size first
            for name, members in self.structs.items():
                sizes[name] = self._struct_size(name, members, names)
        return names

    def _struct_size(self, struct: str, members: Mapping[str, str], names: TypeNames) -> int:
        sizes = []
        for name, text in members.items():
            kind = names.resolve(text) or UNKNOWN
            extents = self.embedded.get(struct, {}).get(name, ())
            count = math.prod(self.extent(item) or 1 for item in extents)
            if extents:
                kind = kind._replace(indirections=max(0, kind.indirections - len(extents)))
            sizes.append((kind.bytes or 4, round(count)))
        if not sizes:
            return 4
        align = max(min(size, 8) for size, _ in sizes)
        return -(-sum(size * count for size, count in sizes) // align) * align

    def extent(self, size: Node | None) -> float | None:
        """The extent of an array as far as macros and constants of the program tell."""
        known = evaluate(size, self._constant)
        number = known.number if known is not None else None
        return number if number is not None and math.isfinite(number) and number >= 1 else None

    def _constant(self, name: str, depth: int = 0) -> Polynomial | None:
        if depth > _STRUCT_NESTING:
            return None
        if text := self.macros.get(name):
            return evaluate_text(text, lambda inner: self._constant(inner, depth + 1))
        declared = self.variables.get(name)
        if declared is None or not declared.constant:
            return None
        return evaluate(declared.value, lambda inner: self._constant(inner, depth + 1))

    def type_of(self, text: str, bindings: Mapping[str, str] | None = None) -> CType | None:
        """The type a text names, template parameters replaced by ``bindings``."""
        if bindings:
            text = _WORD.sub(lambda word: bindings.get(word[0], word[0]), text)
        if text not in self._resolved:
            self._resolved[text] = self.types.resolve(text)
        return self._resolved[text]

    @cached_property
    def _resolved(self) -> dict[str, CType | None]:
        return {}

    def member_type(self, value: CType, name: str) -> CType:
        """The type of a member of a struct or of a built-in vector."""
        return self.types.member(value, name, self.structs)


def _reached(name: str, direct: Mapping[str, list[str]]) -> dict[str, None]:
    found: dict[str, None] = {}
    waiting = [name]
    while waiting and len(found) < _MOST_MACRO_NAMES:
        for word in direct[waiting.pop()]:
            if word not in found:
                found[word] = None
                waiting += [word] if word in direct else []
    return found
