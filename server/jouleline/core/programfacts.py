"""What a program declares: the facts of its files together, and what follows from them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tree_sitter import Node

from .conditionals import Conditionals
from .ctype import UNKNOWN, CType, TypeNames, lane_of
from .declarations import Declared, Function, template_parameters
from .evaluate import evaluate, evaluate_text, split_arguments
from .facts import FileFacts, Macro, macro_of
from .fragments import fragment_of
from .kept import cached_property
from .polynomial import Polynomial
from .statement_macros import StatementMacros
from .syntax import bare_name, replacement, text_of
from .syntax import field as child

_WORD = re.compile(r"[A-Za-z_]\w*")
_NAME = re.compile(r"[A-Za-z_][\w:]*(?:<.*>)?")
_MOST_RENAMED = 8
# As hip/hip_runtime.h defines it.
_OF_HIP = {"HIP_DYNAMIC_SHARED": Macro(("type", "var"), "extern __shared__ type var[];")}
_TYPE_TEXT = re.compile(r"[A-Za-z_][\w:]*(?:\s+[A-Za-z_][\w:]*)*\s*\**")
# A macro of more names is a generated table, and no size or index.
_MOST_MACRO_NAMES = 100
_STRUCT_NESTING = 4
# What two views of a program have in common that differ in macros alone, and if these name no types.
_APART_FROM_MACROS = "variables functions structs statics overloads classes enumerators embedded".split()
_APART_FROM_TYPES = (*_APART_FROM_MACROS, "types", "_resolved", "_enumerated")
T = TypeVar("T")


def _first(tables: Iterable[Mapping[str, T]]) -> dict[str, T]:
    merged: dict[str, T] = {}
    for table in tables:
        for name, item in table.items():
            merged.setdefault(name, item)
    return merged


def _all(tables: Iterable[Mapping[str, Sequence[T]]]) -> dict[str, tuple[T, ...]]:
    merged: dict[str, list[T]] = {}
    for table in tables:
        for name, items in table.items():
            merged.setdefault(name, []).extend(items)
    return {name: tuple(items) for name, items in merged.items()}


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
    def is_fast(self) -> bool:
        """Whether it is compiled with fast math, of which compilers tell by a macro."""
        return "__FAST_MATH__" in self.given

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
        """Function-like macros by name, those of HIP's headers among them."""
        own = _first(facts.function_macros for facts in self.files.values())
        return {**_OF_HIP, **own} if any(facts.source.says_hip for facts in self.files.values()) else own

    @cached_property
    def statement_macros(self) -> StatementMacros:
        """The macros that stand for statements."""
        return StatementMacros.of(self.macros, self.function_macros)

    def written_out(self, function: Function) -> Function:
        """One of the program's functions with the macros in its body written out."""
        known = self._written_out.get(function.node.id)
        if known is None:
            known = self._written_out[function.node.id] = self.statement_macros.function(function)
            if (name := self.names.get(id(function.source))) is not None:
                self.names[id(known.source)] = name
        return known

    @cached_property
    def names(self) -> dict[int, str]:
        """The files' names by the identity of their texts, and of what was written out of them."""
        return {id(facts.source): name for name, facts in self.files.items()}

    @cached_property
    def _written_out(self) -> dict[int, Function]:
        return {}

    @cached_property
    def structs(self) -> Mapping[str, Mapping[str, str]]:
        """Member types by struct name and member."""
        return _first(facts.structs for facts in self.files.values())

    @cached_property
    def overloads(self) -> Mapping[str, tuple[Function, ...]]:
        """All function definitions by bare name, in the order of files and text."""
        return _all(facts.overloads for facts in self.files.values())

    @cached_property
    def classes(self) -> Mapping[str, Node]:
        """The definitions of structs and classes by name."""
        return _first(facts.classes for facts in self.files.values())

    @cached_property
    def statics(self) -> Mapping[str, Mapping[str, Node]]:
        """The values of static members by struct name and member."""
        return _first(facts.statics for facts in self.files.values())

    def static_value(self, kind: CType, member: str) -> str | None:
        """What a static member of a class is worth, as text; None if that is not given in the class."""
        value = self.statics.get(kind.struct, {}).get(member)
        if value is None:
            fragment = fragment_of(kind)
            return fragment.member(member) if fragment is not None else None
        given = zip(
            template_parameters(self.classes[kind.struct]), split_arguments(kind.arguments), strict=False
        )
        bindings = dict(given)
        return _WORD.sub(lambda word: bindings.get(word[0], word[0]), text_of(value))

    @cached_property
    def enumerators(self) -> Mapping[str, Node]:
        """Enumerators by name."""
        return _first(facts.enumerators for facts in self.files.values())

    @cached_property
    def definitions(self) -> Mapping[str, tuple[Node, ...]]:
        """The directives that define each macro."""
        return _all(facts.definitions for facts in self.files.values())

    def seen_from(self, file: str, offset: int) -> ProgramFacts:
        """The program as a place in a file sees it: of a macro's definitions the last in front counts."""
        in_force: dict[str, Node] = {}
        for name, nodes in self._redefined.get(file, {}).items():
            before = [node for node in nodes if node.start_byte < offset]
            in_force[name] = before[-1] if before else nodes[0]
        if not in_force:
            return self
        key = (file, *(node.id for node in in_force.values()))
        if key not in self._seen:
            facts = self.files[file]
            macros, with_parameters = dict(facts.macros), dict(facts.function_macros)
            for name, node in in_force.items():
                if node.type == "preproc_function_def":
                    with_parameters[name] = macro_of(node, facts.source)
                else:
                    macros[name] = replacement(node)
            here = replace(facts, macros=macros, function_macros=with_parameters)
            made = self._seen[key] = replace(self, files={**self.files, file: here})
            texts = (table.get(name, "") for name in in_force for table in (macros, facts.macros))
            shared = _APART_FROM_MACROS if any(map(_TYPE_TEXT.fullmatch, texts)) else _APART_FROM_TYPES
            made.__dict__.update({name: getattr(self, name) for name in shared})
        return self._seen[key]

    def redefines(self, file: str) -> bool:
        """Whether a macro of a file means one thing in one place and another in the next."""
        return file in self._redefined

    @cached_property
    def _redefined(self) -> dict[str, dict[str, list[Node]]]:
        """By file, the macros that have several definitions which are compiled and differ."""
        conditionals = Conditionals(self.definitions, self.given)
        found: dict[str, dict[str, list[Node]]] = {}
        for file, facts in self.files.items():
            for name, nodes in facts.definitions.items():
                active = [node for node in nodes if conditionals.active(node)] if len(nodes) > 1 else []
                if len({text_of(node).strip() for node in active}) > 1:
                    found.setdefault(file, {})[name] = active
        return found

    @cached_property
    def _seen(self) -> dict[tuple[object, ...], ProgramFacts]:
        return {}

    @cached_property
    def embedded(self) -> Mapping[str, Mapping[str, tuple[Node | None, ...]]]:
        """Extents of the struct members that are arrays."""
        return _first(facts.embedded for facts in self.files.values())

    @cached_property
    def calls(self) -> Mapping[str, tuple[Node, ...]]:
        """Call expressions by the bare name of what they call."""
        return _all(facts.calls for facts in self.files.values())

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
        sizes = [self._member_size(struct, name, text, names) for name, text in members.items()]
        if not sizes:
            return 4
        align = max(min(size, 8) for size, _ in sizes)
        return -(-sum(size * count for size, count in sizes) // align) * align

    def _member_size(self, struct: str, name: str, text: str, names: TypeNames) -> tuple[int, int]:
        """The bytes of a member's elements, and how many there are."""
        kind = names.resolve(text) or UNKNOWN
        extents = self.embedded.get(struct, {}).get(name, ())
        if extents:
            kind = kind._replace(indirections=max(0, kind.indirections - len(extents)))
        return kind.bytes or 4, round(math.prod(self.extent(item) or 1 for item in extents))

    def bytes_before(self, struct: str, member: str) -> int:
        """The bytes of the members in front of one of a struct."""
        total = 0
        for name, text in self.structs.get(struct, {}).items():
            if name == member:
                break
            size, count = self._member_size(struct, name, text, self.types)
            total += size * count
        return total

    def extent(self, size: Node | None) -> float | None:
        """The extent of an array as far as macros and constants of the program tell."""
        known = evaluate(size, lambda name: self._constant(name, self._enumerated))
        number = known.number if known is not None else None
        return number if number is not None and math.isfinite(number) and number >= 1 else None

    def enumerator(self, name: str) -> Polynomial | None:
        """The value of an enumerator; None if there is none of that name, or its value is not known."""
        return self._enumerated.get(name)

    @cached_property
    def _enumerated(self) -> dict[str, Polynomial]:
        """As it is given, else one more than the one in front of it."""
        lists = {one.parent.id: one.parent for one in self.enumerators.values() if one.parent is not None}
        found: dict[str, Polynomial] = {}
        for _ in range(2):  # the second time, with those of files that come later
            for listed in lists.values():
                value: Polynomial | None = Polynomial.constant(-1)
                for one in listed.named_children:
                    if one.type != "enumerator":
                        continue
                    if (given := child(one, "value")) is not None:
                        value = evaluate(given, lambda name: self._constant(name, found))
                    elif value is not None:
                        value = value + 1
                    if value is not None:
                        found.setdefault(text_of(child(one, "name")), value)
        return found

    def _constant(self, name: str, enumerated: Mapping[str, Polynomial], depth: int = 0) -> Polynomial | None:
        if depth > _STRUCT_NESTING:
            return None
        if text := self.macros.get(name) or ("(" in name and self.expression_of(name)):
            return evaluate_text(text, lambda inner: self._constant(inner, enumerated, depth + 1))
        declared = self.variables.get(name)
        if declared is None:
            return enumerated.get(name)
        if not declared.constant:
            return None
        return evaluate(declared.value, lambda inner: self._constant(inner, enumerated, depth + 1))

    def renamed(self, name: str) -> str:
        """What a name stands for that macros give to something: ``sqrtf`` for ``SQRT``."""
        for _ in range(_MOST_RENAMED):
            other = self.macros.get(name, "")
            if not _NAME.fullmatch(other):
                break
            name = other
        return name

    def expression_of(self, call: str) -> str | None:
        """What a call given as text is worth, as text: of a macro, or of a function that only returns it.

        None for other calls.
        """
        callee, _, given = call.partition("(")
        name = bare_name(callee)
        macro = self.function_macros.get(name)
        if macro is None:
            known = self.overloads.get(name, ())
            if len(known) != 1 or known[0].owner or (returned := known[0].expression) is None:
                return None
            macro = Macro(tuple(one.name for one in known[0].parameters), text_of(returned))
        arguments = split_arguments(given.rpartition(")")[0])
        # "(n) - 1" may be read as a cast, "(n + 1) - 1" may not.
        return macro.written([one if _WORD.fullmatch(one) else f"({one})" for one in arguments])

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
        if (lane := lane_of(value.struct)) is not None:
            return lane
        if name == "x" and (fragment := fragment_of(value)) is not None:
            return (self.type_of(fragment.element) or UNKNOWN).pointer()
        declared = self.structs.get(value.struct, {}).get(name)
        around = self.classes.get(value.struct) if declared and value.arguments else None
        if declared and around is not None:
            given = dict(zip(template_parameters(around), split_arguments(value.arguments), strict=False))
            declared = _WORD.sub(lambda word: given.get(word[0], word[0]), declared)
        return (self.type_of(declared) if declared else None) or UNKNOWN


def _reached(name: str, direct: Mapping[str, list[str]]) -> dict[str, None]:
    found: dict[str, None] = {}
    waiting = [name]
    while waiting and len(found) < _MOST_MACRO_NAMES:
        for word in direct[waiting.pop()]:
            if word not in found:
                found[word] = None
                waiting += [word] if word in direct else []
    return found
