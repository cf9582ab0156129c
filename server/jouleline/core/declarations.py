"""Declarations and function definitions: their names, types, initial values and CUDA words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from tree_sitter import Node

from .evaluate import parse_expression, split_arguments
from .inductions import Changes
from .kept import cached_property
from .syntax import ParsedSource, bare_name, descendants, text_of
from .syntax import field as child

# Between an attribute and what it belongs to; longer comments there are rarer than long files.
_GAP = re.compile(rb"(?:\s|//[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
FARTHEST_ATTRIBUTE = 400
_OWNER = re.compile(r"(\w+)\s*(?:<[^()]*>)?\s*::\s*~?\w+$")
_POINTER_TYPES = ("pointer_declarator", "reference_declarator", "array_declarator")
_FUNCTION_DECLARATORS = ("function_declarator", "abstract_function_declarator")
_NO_VALUES = frozenset("void bool char short int long float double unsigned signed auto size_t".split())
_PLAIN = ("identifier", "pointer_declarator", "reference_declarator")
_NAMES = ("identifier", "field_identifier")
_BRACKETED = "parenthesized_declarator"
_VALUE_PARAMETERS = ("parameter_declaration", "optional_parameter_declaration")
_ATTRIBUTE = b"__"
"""What each of them starts with."""
_SPACES = {b"__shared__": "shared", b"__constant__": "constant", b"__device__": "global"}


class Declared(NamedTuple):
    """A declared name: its type's text (stars and array levels included), and its initial value.

    ``extents`` are its sizes as an array, outermost first, None where there is none: in ``a[][4]``
    and ``(*a)[4]``. ``constant`` says that it is declared ``const`` or ``constexpr``. ``space`` is
    ``shared``, ``constant``, ``global`` (device memory) or empty. A ``reference`` is declared with ``&``.
    """

    name: str
    type: str
    value: Node | None
    node: Node
    space: str = ""
    extents: tuple[Node | None, ...] = ()
    constant: bool = False
    reference: bool = False


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
    def is_kernel(self) -> bool:
        """Whether it is a ``__global__`` function."""
        return b"__global__" in self.attributes

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
            if parameter.type in _VALUE_PARAMETERS
            for declared in declarations(parameter, self.source)
        )

    @cached_property
    def by_reference(self) -> bool:
        """Whether the function returns a reference."""
        declarator = child(self.node, "declarator")
        return declarator is not None and declarator.type == "reference_declarator"

    @cached_property
    def expression(self) -> Node | None:
        """What the function returns, if it does nothing else."""
        inside = (
            [] if self.body is None else [one for one in self.body.named_children if one.type != "comment"]
        )
        if len(inside) != 1 or inside[0].type != "return_statement":
            return None
        return inside[0].named_children[0] if inside[0].named_children else None

    @cached_property
    def changes(self) -> Changes:
        """What the function assigns to or steps after its declaration, in all of it and in its loops."""
        return Changes(self.node)

    @cached_property
    def words(self) -> frozenset[str]:
        """The names that occur in the function's body."""
        named = descendants(self.body, "identifier", "field_identifier") if self.body is not None else ()
        return frozenset(map(text_of, named))

    @cached_property
    def owner(self) -> str:
        """The class that the function is a member of; empty for none."""
        declarator, _ = _declarator(self.node)
        if found := _OWNER.search(text_of(child(declarator, "declarator")) if declarator is not None else ""):
            return found[1]
        parent = self.node.parent
        if parent is not None and parent.type == "template_declaration":
            parent = parent.parent
        if parent is None or parent.type != "field_declaration_list" or parent.parent is None:
            return ""
        return text_of(child(parent.parent, "name")).split("<")[0]


def declarations(node: Node, source: ParsedSource, *, inside: bool = False) -> list[Declared]:
    """The names that a declaration, parameter or structured-for declaration introduces.

    ``inside`` of a kernel nobody declares functions: ``float a(f(x));`` is a variable with an initial value.
    """
    base = text_of(child(node, "type"))
    # A parameter is where its argument is.
    words = _attributes(node, node.end_byte, source) if node.type not in _VALUE_PARAMETERS else ()
    space = next((name for word, name in _SPACES.items() if word in words), "") if words else ""
    constant = False
    if node.named_child_count > 2:  # more than a type and a name
        qualifiers = (item for item in node.named_children if item.type == "type_qualifier")
        constant = any(text_of(item) in ("const", "constexpr") for item in qualifiers)
    found = []
    for declarator in node.children_by_field_name("declarator"):
        value = None
        inner: Node | None = declarator
        if inner is not None and inner.type == "init_declarator":
            value = child(inner, "value")
            inner = child(inner, "declarator")
        stars, reference = 0, False
        extents: list[Node | None] = []
        while inner is not None and (kind := inner.type) not in _NAMES:
            if inside and kind == "function_declarator" and _takes_values(inner):
                value, inner = _given(inner), child(inner, "declarator")
                continue
            if kind not in _POINTER_TYPES and not _is_bracketed(inner):
                inner = None
                break
            if kind == "array_declarator" or (kind == "pointer_declarator" and extents):
                extents.append(child(inner, "size"))
            stars += kind in ("array_declarator", "pointer_declarator")
            reference |= kind == "reference_declarator"
            inner = child(inner, "declarator") or (inner.named_children[-1] if inner.named_children else None)
        if inner is None:
            continue
        found.append(
            Declared(
                text_of(inner),
                base + "*" * stars,
                value,
                declarator,
                space,
                tuple(extents[::-1]),
                constant,
                reference,
            )
        )
    return found


def rows_declared(assignment: Node) -> Declared | None:
    """The pointer to rows in ``T (*a)[n] = ...``, which reads as an assignment; None of other assignments."""
    extents: list[Node | None] = []
    inner = child(assignment, "left")
    while inner is not None and inner.type == "subscript_expression":
        indices = child(inner, "indices")
        extents.insert(
            0, indices.named_children[0] if indices is not None and indices.named_children else None
        )
        inner = child(inner, "argument")
    listed = child(inner, "arguments") if inner is not None and inner.type == "call_expression" else None
    pointer = listed.named_children[0] if listed is not None and listed.named_child_count == 1 else None
    if not extents or inner is None or pointer is None or pointer.type != "pointer_expression":
        return None
    name, kind = text_of(child(pointer, "argument")), text_of(child(inner, "function"))
    levels = "*" * (len(extents) + 1)
    return Declared(name, kind + levels, child(assignment, "right"), assignment, "", (None, *extents))


def _takes_values(declarator: Node) -> bool:
    """Whether what reads as parameters may be initial values, as names and sums are, and ``int n`` is not."""
    listed = child(declarator, "parameters")
    parameters = listed.named_children if listed is not None else ()
    return not (_is_bracketed(declarator) or any(map(_is_typed, parameters)))


def _is_typed(parameter: Node) -> bool:
    named = child(parameter, "declarator")
    words = text_of(child(parameter, "type")).split()
    return not _NO_VALUES.isdisjoint(words) and (named is None or named.type in _PLAIN)


def _given(declarator: Node) -> Node | None:
    """The one initial value in parentheses that reads as parameters."""
    text = text_of(child(declarator, "parameters"))[1:-1]
    return parse_expression(text) if len(split_arguments(text)) == 1 else None


def _is_bracketed(node: Node) -> bool:
    """Whether a declarator is ``(*f)(int)`` or the part of it in parentheses."""
    inner = child(node, "declarator") if node.type == "function_declarator" else node
    return inner is not None and inner.type == _BRACKETED


def _attributes(node: Node, end: int, source: ParsedSource) -> frozenset[bytes]:
    """The CUDA words in front of a node (only blanks and comments are between) and up to ``end``."""
    start, masked = node.start_byte, source.masked
    nearest = start - FARTHEST_ATTRIBUTE
    if source.text.data.find(_ATTRIBUTE, max(0, nearest), end) < 0:
        return frozenset()  # as nearly everywhere
    starts, words = masked.blanked.starts, []
    index = starts.before(end)
    while index and (first := starts[index - 1]) >= nearest:
        index -= 1
        item = masked.blanked.known[index]  # which may have started elsewhere
        if first < start:
            if not _GAP.fullmatch(masked.data, first + item.end - item.start, start):
                break
            start = first
        if item.kind == "attribute":
            words.append(item.text)
    return frozenset(words)


def function_of(node: Node, source: ParsedSource) -> Function | None:
    """The function that a definition node defines; None where the name cannot be made out."""
    declarator, pointers = _declarator(node)
    if declarator is None:
        return None
    name = text_of(child(declarator, "declarator"))
    names = _template_parameters(node)
    return Function(
        bare_name(name),
        node,
        _return_type(node) + "*" * pointers,
        _attributes(node, declarator.start_byte, source),
        source,
        tuple(names),
        frozenset(name for name, kind in names.items() if kind in _VALUE_PARAMETERS),
    )


def closure_of(node: Node, source: ParsedSource) -> Function:
    """The function that a lambda expression defines, which has no name of its own."""
    return Function("lambda", node, "auto", frozenset(), source)


def _return_type(node: Node) -> str:
    """The name of a definition's type.

    A whole class stands there where the parser took what follows it for a function.
    """
    kind = child(node, "type")
    defines = kind is not None and child(kind, "body") is not None
    return text_of(child(kind, "name") if kind is not None and defines else kind)


def _template_parameters(node: Node) -> dict[str, str]:
    """The template parameters of a function or class, and of which kind of node each is."""
    template = node.parent if node.parent and node.parent.type == "template_declaration" else None
    listed = template.named_children[0].named_children if template else []
    return {_parameter_name(item): item.type for item in listed if item.named_children}


def template_parameters(node: Node) -> list[str]:
    """The template parameters of a function or class."""
    return list(_template_parameters(node))


def type_parameters(node: Node) -> list[str]:
    """Those template parameters of a function or class that are types."""
    return [name for name, kind in _template_parameters(node).items() if kind not in _VALUE_PARAMETERS]


def _declarator(node: Node) -> tuple[Node | None, int]:
    """The function declarator of a definition, and how many stars its return type has there."""
    declarator = child(node, "declarator")
    pointers = 0
    while declarator is not None and declarator.type in _POINTER_TYPES:
        pointers += declarator.type == "pointer_declarator"
        declarator = child(declarator, "declarator") or declarator.named_children[-1]
    if declarator is None or declarator.type not in _FUNCTION_DECLARATORS:
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
