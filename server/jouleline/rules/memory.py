"""Whether two arrays are different memory, as far as the source of the program shows it."""

from __future__ import annotations

import re

from tree_sitter import Node

from jouleline.core.declarations import Function
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import arguments_of, callee, identifiers
from .scope import Name, lookup

ALLOCATORS = frozenset("malloc calloc aligned_alloc".split())
STORING = frozenset(
    "posix_memalign cudaMalloc cudaMallocManaged cudaMallocHost hipMalloc hipMallocManaged "
    "hipHostMalloc".split()
)
"""Functions that store fresh memory in a pointer whose address they are given."""

_DATA = re.compile(r"^(.*)\.\s*data\s*\(\s*\)$|^&\s*(.*)\[\s*0\s*\]$", re.DOTALL)
_NULL = frozenset(("NULL", "nullptr", "0"))
_SETTING = frozenset(("swap", "exchange", "tie"))
_DEPTH = 4


class Memory:
    """Tells arrays of a program apart."""

    def __init__(self, program: ProgramFacts) -> None:
        self.program = program

    def distinct(self, left: Node, right: Node, depth: int = 0) -> bool:
        """Whether two expressions for arrays (a name, ``x.data()``) certainly share no memory."""
        if depth > _DEPTH:
            return False
        a, b = _base(left), _base(right)
        if a is None or b is None or text_of(a) == text_of(b):
            return False
        first, second = (lookup(_root(item), item, self.program) for item in (a, b))
        if first is None or second is None:
            return False
        owns = (self._owns(a, first), self._owns(b, second))
        if all(owns):
            return True
        others = [name for name, own in ((first, owns[0]), (second, owns[1])) if not own]
        if any(owns) and others[0].where == "parameter":
            # What a function is given existed before the function's own memory did.
            return all(name.where != "global" for name in (first, second))
        if self._is_restrict(first) or self._is_restrict(second):
            return True
        if first.where == second.where == "parameter" and first.function == second.function:
            return self._distinct_where_called(first, second, depth)
        one, two = self._follow(a, first), self._follow(b, second)
        return (one is not None or two is not None) and self.distinct(one or left, two or right, depth + 1)

    def _owns(self, place: Node, name: Name) -> bool:
        """Whether a name stands for memory of its own: a container, an array, or what was allocated."""
        if name.reference or name.where == "parameter" or "static" in text_of(name.declaration).split():
            return False
        if place.type == "field_expression":
            label = text_of(child(place, "field"))
            members = self.program.structs.get(name.base, {})
            return name.levels == 0 and "vector<" in members.get(label, "").replace(" ", "")
        if name.container:
            return name.levels == 0  # a pointer to a container is somebody else's memory
        if name.array:
            return name.levels <= 1
        values = [value for value in _values(name) if text_of(value) not in _NULL]
        stored = _stored_by(name)
        if len(values) + len(stored) != 1 or self._is_lent(name):
            return False
        return callee(stored[0]) in STORING if stored else _is_fresh(values[0])

    def _is_lent(self, name: Name) -> bool:
        """Whether something else may set a variable: a reference to it, or a function that takes one."""
        function = _function_of(name)
        if function is None:
            return True
        for place in identifiers(function, name.text):
            holder = place.parent
            if holder is not None and holder.type == "init_declarator":
                declarator = child(holder, "declarator")
                if declarator is not None and _is_reference(declarator):
                    return True
            call = holder.parent if holder is not None and holder.type == "argument_list" else None
            if call is None:
                continue
            position = sum(1 for item in arguments_of(call) if item.end_byte <= place.start_byte)
            listed = self.program.overloads.get(callee(call), ())
            if callee(call) in _SETTING or any(_takes_reference(one, position) for one in listed):
                return True
        return False

    def _follow(self, place: Node, name: Name) -> Node | None:
        """What a local pointer was set to, if it was set once."""
        if name.where != "local" or name.levels != 1 or name.container or place.type != "identifier":
            return None
        values = _values(name)
        return (
            values[0] if len(values) == 1 and not _stored_by(name) and _base(values[0]) is not None else None
        )

    def _is_restrict(self, name: Name) -> bool:
        return any(is_restrict(name, facts.source) for facts in self.program.files.values())

    def _distinct_where_called(self, first: Name, second: Name, depth: int) -> bool:
        function = first.function
        declarator = child(function, "declarator") if function is not None else None
        while declarator is not None and declarator.type != "function_declarator":
            declarator = child(declarator, "declarator")
        label = text_of(child(declarator, "declarator")) if declarator is not None else ""
        listed = child(declarator, "parameters") if declarator is not None else None
        if listed is None or not label.isidentifier() or label == "main":
            return False
        parameters = [
            item.id for item in listed.named_children if item.type.endswith("parameter_declaration")
        ]
        positions = [
            parameters.index(item.declaration.id)
            for item in (first, second)
            if item.declaration.id in parameters
        ]
        calls = self.program.calls.get(label, ())
        if len(positions) != 2 or not calls or _mentioned_otherwise(label, self.program, len(calls)):
            return False
        for call in calls:
            arguments = arguments_of(call)
            if len(arguments) != len(parameters):
                return False
            if not self.distinct(arguments[positions[0]], arguments[positions[1]], depth + 1):
                return False
        return True


def is_restrict(name: Name, source: ParsedSource) -> bool:
    """Whether a pointer is declared __restrict__, which the parsed text does not show."""
    node = name.declaration
    if text_of(node) != source.masked.data[node.start_byte : node.end_byte].decode("utf-8", "replace"):
        return False
    end = name.node.end_byte
    return b"restrict" in source.text.data[node.start_byte : end]


def _mentioned_otherwise(label: str, program: ProgramFacts, calls: int) -> bool:
    """Whether a function is used other than by calls and its one definition, as by its address."""
    mentions = sum(1 for facts in program.files.values() for _ in identifiers(facts.source.root, label))
    return mentions > calls + 1


def _takes_reference(function: Function, position: int) -> bool:
    if position >= len(function.parameters):
        return True
    return _is_reference(function.parameters[position].node)


def _is_reference(declarator: Node) -> bool:
    return any(True for _ in descendants(declarator, "reference_declarator"))


def _base(node: Node | None) -> Node | None:
    """The place whose memory an expression denotes from its start: ``x`` of ``x.data()``."""
    while node is not None:
        match node.type:
            case "identifier":
                return node
            case "parenthesized_expression" if len(node.named_children) == 1:
                node = node.named_children[0]
            case "cast_expression":
                node = child(node, "value")
            case "field_expression":
                return node if text_of(child(node, "argument")).isidentifier() else None
            case "call_expression" if _DATA.match(text_of(node)) and not arguments_of(node):
                function = child(node, "function")
                node = child(function, "argument") if function is not None else None
            case "pointer_expression" if _DATA.match(text_of(node)):
                element = child(node, "argument")
                node = child(element, "argument") if element is not None else None
            case _:
                return None
    return None


def _root(place: Node) -> str:
    return text_of(child(place, "argument")) if place.type == "field_expression" else text_of(place)


def _function_of(name: Name) -> Node | None:
    return ancestor(name.declaration, "function_definition")


def _values(name: Name) -> list[Node]:
    """All that a local variable is set to in its function."""
    values = [name.value] if name.value is not None else []
    function = _function_of(name)
    if function is not None:
        for node in descendants(function, "assignment_expression", "update_expression"):
            target = child(node, "left") or child(node, "argument")
            if target is not None and target.type == "identifier" and text_of(target) == name.text:
                values.append(child(node, "right") or node)
    return values


def _stored_by(name: Name) -> list[Node]:
    """The calls that are given the address of a variable, and other uses of its address."""
    function = _function_of(name)
    places = descendants(function, "pointer_expression") if function is not None else ()
    return [
        ancestor(node, "call_expression") or node
        for node in places
        if text_of(child(node, "operator")) == "&" and text_of(child(node, "argument")) == name.text
    ]


def _is_fresh(value: Node) -> bool:
    while value.type in ("cast_expression", "parenthesized_expression"):
        inner = child(value, "value") or (value.named_children[0] if value.named_children else None)
        if inner is None:
            return False
        value = inner
    if value.type == "call_expression" and callee(value).endswith("_cast"):
        arguments = arguments_of(value)
        return len(arguments) == 1 and _is_fresh(arguments[0])
    return value.type == "new_expression" or (value.type == "call_expression" and callee(value) in ALLOCATORS)
