"""The parameters of host functions, and the template arguments that a call of them has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .declarations import Function
from .evaluate import split_arguments
from .hostdeclarations import Declarator
from .hostmacros import HostMacros
from .hostvalues import Cell, HostValue, Record, element_name
from .syntax import descendants
from .syntax import field as child

PACK: Final = "..."
"""The type of a parameter that is a pack, and of the record of what is given for it."""
_LIST: Final = re.compile(r"<(.*)>", re.DOTALL)


@dataclass
class HostTemplates(HostMacros):
    """Finds template arguments: those that are written, and those that follow from a call's arguments."""

    _parameters: dict[int, tuple[Declarator, ...]] = field(default_factory=dict)

    def template_arguments(self, text: str) -> tuple[str, ...]:
        """Template arguments as texts: types written out, values as numbers where they are known."""
        resolved = []
        for part in split_arguments(text):
            if part in self.types:
                resolved.append(self.types[part])
                continue
            kind = self.program.type_of(self.bound(part))
            known = None
            if (
                not part.replace("_", "a").isidentifier()
                or part in self.names
                or kind is None
                or kind.size == 4
            ):
                value = self.evaluate_text(part)
                known = value if isinstance(value, int) else None
            resolved.append(self.plain_type(self.bound(part)) if known is None else str(known))
        return tuple(resolved)

    def parameters(self, function: Node) -> tuple[Declarator, ...]:
        """The parameters of a function or lambda."""
        known = self._parameters.get(function.id)
        if known is None:
            declarator = child(function, "declarator")
            while declarator is not None and "function_declarator" not in declarator.type:
                declarator = child(declarator, "declarator") or (
                    declarator.named_children[-1] if declarator.named_children else None
                )
            listed = child(declarator, "parameters") if declarator is not None else None
            found: list[Declarator] = []
            for item in listed.named_children if listed is not None else ():
                if item.type in ("parameter_declaration", "optional_parameter_declaration"):
                    found += self.declarators(item) or (
                        Declarator("", self.text(item), False, (), child(item, "default_value"), None),  # noqa: FBT003
                    )
                elif item.type == "variadic_parameter_declaration":
                    name = next(descendants(item, "identifier"), None)
                    found.append(
                        Declarator(self.text(name), PACK, reference=True, arrays=(), value=None, given=None)
                    )
            known = self._parameters[function.id] = tuple(found)
        return known

    def _deduced(
        self,
        function: Function,
        parameters: Sequence[Declarator],
        cells: Sequence[Cell],
        template: Sequence[str],
    ) -> dict[str, str]:
        types: dict[str, str] = {}
        if not function.template_parameters:
            return types
        for parameter, cell in zip(parameters, cells, strict=False):
            for word, told in _told(parameter.type, cell):
                name = self.plain_type(told) if word in function.template_parameters else ""
                if name:
                    types.setdefault(word, name)
        given = zip(function.template_parameters, template, strict=False)
        return types | {name: text for name, text in given if name not in function.value_parameters}

    def deduced(self, kernel: str, values: Sequence[HostValue], given: Sequence[str]) -> tuple[str, ...]:
        """Template arguments of a kernel: those given, and the types that its arguments tell."""
        function = next((one for one in self.functions(kernel) if one.is_kernel), None)
        wanted = function.template_parameters if function is not None else ()
        if function is None or len(given) >= len(wanted):
            return tuple(given)
        cells = [Cell(value) for value in values]
        types = self._deduced(function, self.parameters(function.node), cells, given)
        found = [*given]
        for name in wanted[len(given) :]:
            if name not in types:
                break
            found.append(types[name])
        return tuple(found)

    def _instance(self, function: Function, names: Mapping[str, Cell]) -> dict[str, str]:
        """The template arguments of a function as texts, where all of them are known."""
        texts: dict[str, str] = {}
        for name in function.template_parameters:
            value = names[name].value if name in function.value_parameters and name in names else None
            texts[name] = str(value) if isinstance(value, int) else self.types.get(name, "")
        return texts if all(texts.values()) else {}


def _told(parameter: str, cell: Cell) -> Iterator[tuple[str, str]]:
    """The words of a parameter's type, with the types that they stand for in an argument."""
    listed = _LIST.search(parameter)
    if listed is not None and (cell.kind.code == "record" or isinstance(cell.value, Record)):
        yield from zip(split_arguments(listed[1]), split_arguments(cell.kind.arguments), strict=False)
    else:
        yield from ((word, element_name(cell)) for word in re.findall(r"\w+", parameter))
