"""A normal form of expressions, in which two spellings of one meaning are the same text.

Names are replaced by what they stand for: a constant by its value, an argument of the program by
``argv[1]``, anything else by ``_``. So a renamed variable, a swapped comparison, another literal of
the same value, a cast and a hoisted subexpression change nothing; another constant does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .constants import evaluated, number
from .syntax import NEGATED, ParsedSource, ancestor, bare_name, descendants, text_of
from .syntax import field as child

UNKNOWN: Final = "_"

_MOST_NESTED: Final = 12
_TURNED: Final = {">": "<", ">=": "<="}
_UNORDERED: Final = frozenset(("+", "*", "==", "!=", "&&", "||", "&", "|", "^"))
# Different names of one function: single precision and the namespaces do not matter here.
_SAME: Final = {
    **dict.fromkeys(("atoi", "atol", "atoll", "strtol", "strtoll", "strtoul", "strtoull"), "whole"),
    **dict.fromkeys(("stoi", "stol", "stoll", "stoul", "stoull"), "whole"),
    **dict.fromkeys(("atof", "strtod", "strtof", "stod", "stof"), "real"),
    **dict.fromkeys(("fabs", "fabsf", "abs", "labs"), "abs"),
    **dict.fromkeys(("sqrtf", "sqrt"), "sqrt"),
}
_PARSES: Final = frozenset(("whole", "real"))
_PASSED: Final = ("parenthesized_expression", "cast_expression", "condition_clause", "static_cast")


@dataclass
class _Known:
    """What names are given in one function, or outside of all: the expressions, and their types."""

    given: dict[str, list[Node]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    types: dict[str, str] = field(default_factory=dict)
    argv: str = ""
    argc: str = ""

    def sole(self, name: str) -> Node | None:
        """The only expression that a name is ever given."""
        found = self.given.get(name, ())
        return found[0] if len(found) == 1 and name not in self.changed else None


class Names:
    """What the names of a program stand for."""

    def __init__(self, files: Mapping[str, ParsedSource]) -> None:
        self.macros: dict[str, str] = {}
        self.defined: set[str] = set()
        self.functions: dict[str, list[Node]] = {}
        self._outside = _Known()
        self._inside: dict[int, _Known] = {}
        for source in files.values():
            self._gather(source.root)

    def _gather(self, root: Node) -> None:
        for node in descendants(root, "preproc_def"):
            self.macros[text_of(child(node, "name"))] = text_of(child(node, "value")).strip()
        for node in descendants(root, "preproc_def", "preproc_function_def"):
            self.defined.add(text_of(child(node, "name")))
        for function in descendants(root, "function_definition"):
            name = function_name(function)
            self.functions.setdefault(name, []).append(function)
            known = self._inside[function.id] = _Known()
            declarator = child(function, "declarator")
            if declarator is not None:
                _parameters(declarator, known, main=name == "main")
        for node in descendants(root, "declaration", "field_declaration"):
            known = self._known(node)
            kind = text_of(child(node, "type"))
            for one in node.children_by_field_name("declarator"):
                self._declare(one, kind, known)
        for node in descendants(root, "assignment_expression"):
            left, right = child(node, "left"), child(node, "right")
            if left is None or left.type != "identifier" or right is None:
                continue
            name, known = text_of(left), self._known(node)
            if text_of(child(node, "operator")) == "=":
                known.given.setdefault(name, []).append(right)
            else:
                known.changed.add(name)
        for node in descendants(root, "update_expression", "pointer_expression"):
            argument = child(node, "argument")
            if argument is not None and argument.type == "identifier" and not text_of(node).startswith("*"):
                self._known(node).changed.add(text_of(argument))
        for node in descendants(root, "binary_expression"):
            right = child(node, "right")
            if text_of(child(node, "operator")) == ">>" and right is not None and right.type == "identifier":
                self._known(node).changed.add(text_of(right))

    def _declare(self, declarator: Node, kind: str, known: _Known) -> None:
        name, value = text_of(inner_name(declarator)), child(declarator, "value")
        if not name:
            return
        known.types[name] = kind
        if declarator.type == "init_declarator" and value is not None:
            known.given.setdefault(name, []).append(value)

    def _known(self, node: Node) -> _Known:
        function = node if node.type == "function_definition" else ancestor(node, "function_definition")
        return self._outside if function is None else self._inside.get(function.id, self._outside)

    def constants(self) -> Iterable[tuple[str, str, Node | None]]:
        """Names that stand for one number throughout, with its value and where it is given."""
        for name, text in self.macros.items():
            if value := self._constant(text):
                yield name, value, None
        for known in (self._outside, *self._inside.values()):
            for name in known.given:
                given = known.sole(name)
                if given is not None and (value := self._constant(text_of(given))):
                    yield name, value, given

    def _constant(self, text: str) -> str | None:
        for _ in range(_MOST_NESTED):
            if (value := evaluated(text)) is not None:
                return value
            replaced = re.sub(r"[A-Za-z_]\w*", lambda word: self._literal(word[0]), text)
            if replaced == text:
                return None
            text = replaced
        return None

    def _literal(self, name: str) -> str:
        if name in self.macros:
            return self.macros[name] or name
        given = self._outside.sole(name)
        return text_of(given).strip("{}") if given is not None else name

    def floating(self, node: Node) -> bool:
        """Whether an expression has to do with floating-point numbers."""
        known = self._known(node)
        for leaf in descendants(node, "identifier", "number_literal", "field_identifier"):
            text = text_of(leaf)
            if leaf.type == "number_literal":
                if re.search(r"[.]|[0-9][eE][-+]?[0-9]|[fF]$", text) and not text.lower().startswith("0x"):
                    return True
                continue
            kind = known.types.get(text) or self._outside.types.get(text, "")
            if re.search(r"\b(?:double|float|real|REAL|Real|half|scalar)\b", kind):
                return True
            if _SAME.get(text) in ("abs", "sqrt") and text not in ("abs", "labs"):
                return True
            if text in self.macros and re.search(r"[.]|[0-9][eE][-+]?[0-9]", self.macros[text]):
                return True
        return False

    def normal(self, node: Node | None, depth: int = 0) -> str:
        """The normal form of an expression."""
        if node is None or depth > _MOST_NESTED:
            return UNKNOWN
        deeper = depth + 1
        match node.type:
            case "number_literal" | "char_literal":
                return number(text_of(node)) or text_of(node)
            case "true" | "false" | "string_literal" | "concatenated_string":
                return text_of(node)
            case "identifier" | "qualified_identifier":
                return self._name(node, depth)
            case "init_statement" | "expression_statement" if node.named_child_count == 1:
                return self.normal(node.named_children[0], deeper)
            case "cast_expression" | "initializer_list" | "parenthesized_expression" | "condition_clause":
                return self.normal(child(node, "value") or _last(node), deeper)
            case "binary_expression":
                return self._binary(node, deeper)
            case "unary_expression":
                return self._unary(node, deeper)
            case "subscript_expression":
                base = self.normal(child(node, "argument"), deeper)
                return f"argv{_brackets(node)}" if base == "argv" else UNKNOWN
            case "call_expression":
                return self._call(node, deeper)
            case "conditional_expression":
                parts = [child(node, name) for name in ("condition", "consequence", "alternative")]
                return f"({' ? '.join(self.normal(part, deeper) for part in parts)})"
            case "assignment_expression":
                return self.normal(child(node, "right"), deeper)
            case _:
                return UNKNOWN

    def _name(self, node: Node, depth: int) -> str:
        text = text_of(node)
        known = self._known(node)
        if text in (known.argv, known.argc) and text:
            return "argv" if text == known.argv else "argc"
        for place in (known, self._outside):
            given = place.sole(text)
            if given is not None:
                return self.normal(given, depth + 1)
            if text in place.given or text in place.types:
                return UNKNOWN
        if text in self.macros:
            return self._constant(self.macros[text]) or UNKNOWN
        return UNKNOWN

    def stands_for(self, text: str, place: Node) -> str:
        """The normal form of what one word, a name or a literal, means at a place of the program."""
        if (value := evaluated(text)) is not None:
            return value
        for known in (self._known(place), self._outside):
            given = known.sole(text)
            if given is not None:
                return self.normal(given)
        return self._constant(self.macros[text]) or UNKNOWN if text in self.macros else UNKNOWN

    def assigned(self, name: Node) -> list[Node]:
        """The expressions that a name is given in its function."""
        return self._known(name).given.get(text_of(name), [])

    def assignments(self, name: Node) -> Iterator[Node]:
        """All that changes a name in its function: initial values, assignments, increments."""
        yield from self.assigned(name)
        function, text = ancestor(name, "function_definition"), text_of(name)
        if function is None:
            return
        for node in descendants(function, "assignment_expression", "update_expression"):
            target = child(node, "left") or child(node, "argument")
            if text_of(target) == text:
                yield node

    def opposite(self, node: Node) -> str:
        """The normal form of a condition's negation."""
        sign = text_of(child(node, "operator"))
        if node.type == "binary_expression" and sign in NEGATED:
            left, right = self.normal(child(node, "left")), self.normal(child(node, "right"))
            return compared(left, NEGATED[sign], right)
        return f"!{self.normal(node)}"

    def _binary(self, node: Node, depth: int) -> str:
        sign = text_of(child(node, "operator"))
        left = self.normal(child(node, "left"), depth)
        right = self.normal(child(node, "right"), depth)
        value = evaluated(f"{left}{sign}{right}") if sign in ("+", "-", "*", "/", "<<") else None
        if value is not None:
            return value
        if sign in _TURNED:
            left, right, sign = right, left, _TURNED[sign]
        if sign in _UNORDERED:
            left, right = sorted((left, right))
        if left == right == UNKNOWN and sign in ("+", "-", "*", "/"):
            return UNKNOWN
        return f"({left} {sign} {right})"

    def _unary(self, node: Node, depth: int) -> str:
        sign, argument = text_of(child(node, "operator")), child(node, "argument")
        while argument is not None and argument.type == "parenthesized_expression":
            argument = _last(argument)
        if sign in ("!", "not") and argument is not None and argument.type == "binary_expression":
            opposite = NEGATED.get(text_of(child(argument, "operator")))
            if opposite is not None:
                left = self.normal(child(argument, "left"), depth)
                right = self.normal(child(argument, "right"), depth)
                return compared(left, opposite, right)
        inside = self.normal(argument, depth)
        if sign == "-" and (value := evaluated(f"-{inside}")) is not None:
            return value
        return inside if inside == UNKNOWN and sign != "!" else f"{sign}{inside}"

    def _call(self, node: Node, depth: int) -> str:
        name = called(node)
        arguments = child(node, "arguments")
        parts = [self.normal(part, depth) for part in (arguments.named_children if arguments else ())]
        name = _SAME.get(name, name)
        if name in _PASSED:
            return parts[0] if parts else UNKNOWN
        if name in _PARSES:
            return f"{name}({parts[0] if parts else ''})"
        if name in self.functions:
            return "ours()"
        return f"{name}({', '.join(parts)})"


def compared(left: str, sign: str, right: str) -> str:
    """The normal form of a comparison."""
    if sign in _TURNED:
        left, right, sign = right, left, _TURNED[sign]
    if sign in _UNORDERED:
        left, right = sorted((left, right))
    return f"({left} {sign} {right})"


def _parameters(declarator: Node, known: _Known, *, main: bool) -> None:
    found = [
        (text_of(inner_name(named)), text_of(child(one, "type")))
        for one in descendants(declarator, "parameter_declaration", "optional_parameter_declaration")
        if (named := child(one, "declarator")) is not None
    ]
    known.types.update(found)
    if main and len(found) >= 2:
        known.argc, known.argv = found[0][0], found[1][0]


def inner_name(declarator: Node | None) -> Node | None:
    """The identifier within a declarator."""
    if declarator is None:
        return None
    return next(descendants(declarator, "identifier", "field_identifier", "qualified_identifier"), None)


def function_name(function: Node) -> str:
    """The bare name of a function that is defined."""
    declarator = child(function, "declarator")
    inner = next(descendants(declarator, "function_declarator"), None) if declarator is not None else None
    named = child(inner, "declarator") if inner is not None else None
    return text_of(named).rpartition("::")[2]


def called(call: Node) -> str:
    """The bare name of the function that is called."""
    function = child(call, "function")
    if function is None:
        return ""
    if function.type == "field_expression":
        function = child(function, "field") or function
    return bare_name(text_of(function))


def _brackets(node: Node) -> str:
    index = "".join(text_of(part) for part in node.children_by_field_name("indices"))
    return index if index.startswith("[") else text_of(node)[text_of(node).find("[") :]


def _last(node: Node) -> Node | None:
    return node.named_children[-1] if node.named_children else None


def guards(names: Names, node: Node, within: Node | None = None) -> tuple[str, ...]:
    """The conditions under which a node is reached inside ``within`` (default: its function)."""
    found: list[str] = []
    inner, parent = node, node.parent
    while parent is not None and parent != within and parent.type != "function_definition":
        if parent.type in ("if_statement", "conditional_expression"):
            condition = child(parent, "condition")
            if condition != inner:
                stated = names.normal(condition)
                found.append(f"not {stated}" if inner == child(parent, "alternative") else stated)
        inner, parent = parent, parent.parent
    return tuple(found)
