"""What a name means at a place: the declaration it refers to, and its type where that is certain.

A rule must not guess. Where preprocessor branches, templates, members or repeated definitions leave
more than one reading, the answer here is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from tree_sitter import Node

from jouleline.core.ctype import CType, Scalar
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

_CONTAINER = re.compile(r"^(?:std\s*::\s*)?(?:vector|array)\s*<\s*([\w\s:]+?)\s*(?:,[^<>]*)?>$")
_WORD = re.compile(r"[A-Za-z_]\w*")
_DECLARATORS = ("pointer_declarator", "reference_declarator", "array_declarator", "parenthesized_declarator")
_DECLARING = ("declaration", "parameter_declaration", "optional_parameter_declaration")
_BUILT_IN = frozenset(
    "float double int long short char bool unsigned signed void size_t ssize_t ptrdiff_t half __half "
    "half2 __half2 _Float16 __nv_bfloat16 __nv_bfloat162 __hip_bfloat16 __hip_bfloat162 "
    "float1 float2 float3 float4 double1 double2 double3 double4 int1 int2 int3 int4 uint1 uint2 uint3 uint4 "
    "uint uchar ushort ulong int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t dim3 "
    "clock_t std const constexpr static inline volatile register struct".split()
)


@dataclass(frozen=True, slots=True)
class Name:
    """A variable's declaration. ``base`` is the text of its type without stars.

    ``levels`` counts pointers and array extents, ``container`` says that it is a std::vector or
    std::array of ``base``; ``where`` is ``local``, ``parameter`` or ``global``.
    """

    text: str
    base: str
    levels: int
    where: str
    node: Node
    declaration: Node
    value: Node | None = None
    container: bool = False
    reference: bool = False
    array: bool = False
    function: Node | None = None

    @property
    def const(self) -> bool:
        """Whether the base type carries a qualifier such as const."""
        return any(item.type == "type_qualifier" for item in self.declaration.named_children)


def names_in(declaration: Node, where: str) -> Iterator[Name]:
    """The variables that a declaration or a parameter introduces."""
    base = text_of(child(declaration, "type"))
    container = _CONTAINER.match(base)
    for declarator in declaration.children_by_field_name("declarator"):
        inner: Node | None = declarator
        value = None
        if declarator.type == "init_declarator":
            value, inner = child(declarator, "value"), child(declarator, "declarator")
        levels, reference, array = 0, False, False
        while inner is not None and inner.type in _DECLARATORS:
            levels += inner.type in ("pointer_declarator", "array_declarator")
            array = array or inner.type == "array_declarator"
            reference = reference or inner.type == "reference_declarator"
            inner = child(inner, "declarator") or _last(inner)
        if inner is not None and inner.type == "function_declarator" and container:
            # `std::vector<float> x(n);` reads like a function's declaration.
            value, inner = child(inner, "parameters"), child(inner, "declarator")
        if inner is None or inner.type != "identifier":
            continue
        yield Name(
            text_of(inner),
            container[1] if container else base,
            levels,
            where,
            declarator,
            declaration,
            value,
            container is not None,
            reference,
            array,
        )


def _last(node: Node) -> Node | None:
    return node.named_children[-1] if node.named_children else None


def _declared_before(block: Node, place: Node) -> Iterator[Node]:
    """Declarations among the children of a block that come before a place, branches of #if included."""
    for item in block.named_children:
        if item.start_byte >= place.start_byte and item.start_byte != place.start_byte:
            return
        if item.type == "declaration" and item.start_byte < place.start_byte:
            yield item
        elif item.type.startswith("preproc_"):
            yield from _declared_before(item, place)


def lookup(name: str, place: Node, program: ProgramFacts) -> Name | None:
    """The declaration that ``name`` refers to where ``place`` stands; None if that is not certain."""
    inner, scope = place, place.parent
    while scope is not None:
        found: list[Name] = []
        match scope.type:
            case "compound_statement" | "case_statement":
                found = [
                    item
                    for node in _declared_before(scope, inner)
                    for item in names_in(node, "local")
                    if item.text == name
                ]
            case "for_statement" | "if_statement" | "while_statement":
                heads = [child(scope, "initializer"), child(scope, "condition")]
                found = [
                    item
                    for head in heads
                    if head is not None
                    for node in descendants(head, "declaration")
                    for item in names_in(node, "local")
                    if item.text == name
                ]
            case "for_range_loop":
                found = [item for item in names_in(scope, "local") if item.text == name]
            case "lambda_expression" | "function_definition":
                declarator = child(scope, "declarator")
                parameters = _parameters(declarator)
                found = [
                    replace(item, function=scope)
                    for node in (parameters.named_children if parameters is not None else ())
                    if node.type in _DECLARING
                    for item in names_in(node, "parameter")
                    if item.text == name
                ]
                if not found and declarator is not None and _is_method(scope):
                    return None  # it may be a member
        if found:
            alike = {(item.base, item.levels, item.container) for item in found}
            return found[-1] if len(alike) == 1 else None
        inner, scope = scope, scope.parent
    return _global(name, program)


def _is_method(function: Node) -> bool:
    if ancestor(function, "class_specifier", "struct_specifier") is not None:
        return True
    declarator = child(function, "declarator")
    while declarator is not None and declarator.type in _DECLARATORS:
        declarator = child(declarator, "declarator") or _last(declarator)
    named = child(declarator, "declarator") if declarator is not None else None
    return named is not None and named.type == "qualified_identifier"


def _parameters(declarator: Node | None) -> Node | None:
    while declarator is not None:
        if parameters := child(declarator, "parameters"):
            return parameters
        declarator = child(declarator, "declarator") or (
            _last(declarator) if declarator.type in _DECLARATORS else None
        )
    return None


def _global(name: str, program: ProgramFacts) -> Name | None:
    declared = program.variables.get(name)
    if declared is None or name in program.macros:
        return None
    node = declared.node if declared.node.type in _DECLARING else ancestor(declared.node, *_DECLARING)
    if node is None:
        return None
    return next((item for item in names_in(node, "global") if item.text == name), None)


class Types:
    """Types of a program that are certain: built in, or defined once and in no branch of #if."""

    def __init__(self, program: ProgramFacts) -> None:
        self.program = program
        self._settled = _settled_names(tuple(facts.source for facts in program.files.values()))

    def of_text(self, text: str, depth: int = 0) -> CType | None:
        """The type that a specifier names."""
        if "<" in text or depth > 4 or {"long", "double"} <= set(_WORD.findall(text)):
            return None
        for word in _WORD.findall(text):
            if word in _BUILT_IN:
                continue
            if word in self.program.structs:
                return self.program.types.resolve(text) if self._settled.get(word) == 1 else None
            alias = self.program.types.aliases.get(word)
            if alias is None or self._settled.get(word) != 1 or self.of_text(alias, depth + 1) is None:
                return None
        kind = self.program.types.resolve(text)
        return kind if kind is not None and (kind.scalar is not Scalar.OTHER or kind.struct) else None

    def of_name(self, name: Name | None) -> CType | None:
        """The type of a variable; a container counts as a pointer to its elements."""
        if name is None or _is_template_parameter(name):
            return None
        kind = self.of_text(name.base)
        return kind.pointer(name.levels + name.container) if kind is not None else None


def _is_template_parameter(name: Name) -> bool:
    node: Node | None = name.declaration
    words = set(_WORD.findall(name.base))
    while node is not None and (node := ancestor(node, "template_declaration")) is not None:
        listed = child(node, "parameters")
        if words & set(_WORD.findall(text_of(listed))):
            return True
    return False


@lru_cache(maxsize=8)
def _settled_names(sources: tuple[ParsedSource, ...]) -> dict[str, int]:
    """How many definitions each type name has; one in a branch of #if counts as many."""
    counts: dict[str, int] = {}
    kinds = ("alias_declaration", "type_definition", "struct_specifier", "class_specifier", "preproc_def")
    for source in sources:
        for node in descendants(source.root, *kinds):
            if node.type in ("struct_specifier", "class_specifier") and child(node, "body") is None:
                continue
            weight = 2 if _is_conditional(node) else 1
            for label in (child(node, "name"), *node.children_by_field_name("declarator")):
                if label is not None:
                    name = text_of(label).strip("*& ")
                    counts[name] = counts.get(name, 0) + weight
    return counts


def _is_conditional(node: Node) -> bool:
    """Whether a definition stands in a branch of #if; a guard around a whole header does not count."""
    branch = ancestor(node, "preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif")
    if branch is None:
        return False
    guard = text_of(child(branch, "name"))
    whole = branch.parent is not None and branch.parent.type == "translation_unit"
    first = next((item for item in branch.named_children if item.type == "preproc_def"), None)
    is_guard = branch.type == "preproc_ifdef" and whole and text_of(child(first, "name") if first else None)
    return not (is_guard and is_guard == guard and first is not None and first.id != node.id)
