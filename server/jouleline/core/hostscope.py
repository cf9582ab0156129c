"""Values of host variables at a place in the program: constants, macros, and the run line.

Flow is followed as far as one looks when reading: the last assignment before the place that can be
evaluated counts, ``atoi(argv[i])`` is the run line's argument, and a parameter of a function that
the host calls from one place has the value passed there.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .declarations import Function, function_of
from .evaluate import evaluate, evaluate_text
from .hostfunctions import HostFunctions
from .polynomial import Polynomial
from .programfacts import ProgramFacts
from .syntax import Place, text_of
from .syntax import field as child
from .visit import Memory, Visit

_RUN_ARGUMENT: Final = re.compile(
    r"(?:std::)?(?:ato(?:i|l|ll|f)|strto(?:l|ul|ll|ull|d|f)|sto(?:i|l|ul|ll|ull|f|d))"
    r"\s*\(\s*argv\s*\[\s*(\d+)\s*\]"
)
_MAX_DEPTH: Final = 30
# Calls within calls: one may call itself twice, and the next one, too.
_MAX_NESTED: Final = 8


@dataclass
class HostScope:
    """Evaluates expressions of host code. ``arguments`` are the run line's, without the program.

    ``region`` is where an OpenMP region stands, which may be in an earlier state of its text. ``used``
    collects, by name, what was taken from the run line: assumptions to be shown. ``functions`` are those
    around; scopes of one state of a program may share them.
    """

    program: ProgramFacts
    arguments: tuple[str, ...] = ()
    visit: Visit | None = None
    region: Place | None = None
    used: dict[str, str] = field(default_factory=dict)
    functions: HostFunctions = field(default_factory=HostFunctions)
    _globals: dict[str, Polynomial | None] = field(default_factory=dict)
    _values: dict[int, Polynomial | None] = field(default_factory=dict)

    def evaluate(self, node: Node | None, depth: int = 0) -> Polynomial | None:
        """The value of an expression where it stands; unknown names become symbols."""
        if node is None or depth > _MAX_DEPTH:
            return None
        return evaluate(node, lambda name: self.name(name, node, depth + 1))

    def evaluate_text(self, text: str, place: Node | None) -> Polynomial | None:
        """The value of an expression given as text, as if it stood at ``place``, or else at file scope."""
        return evaluate_text(text, lambda name: self.name(name, place, 1))

    def name(self, name: str, place: Node | None, depth: int = 0) -> Polynomial | None:
        """The value of a name as seen from ``place``; a symbol of that name when unknown."""
        if self.visit is not None and name in self.visit.names:
            known = self.visit.names[name]
            if isinstance(known, int | float):
                return Polynomial.constant(known)
        if "(" in name:
            given = self._run_argument(name)
            text = self.program.expression_of(name) if given is None and depth < _MAX_NESTED else None
            return (
                given if text is None else evaluate_text(text, lambda one: self.name(one, place, depth + 1))
            )
        if name == "argc":
            return Polynomial.constant(len(self.arguments) + 1)
        if depth <= _MAX_DEPTH:
            lost = self.visit is not None and name in self.visit.names
            for value in (self._local(name, place, depth), self._global(name)):
                # A number that the walk over host code has lost by now is that of an earlier time.
                if value is not None and not (lost and value.number is not None):
                    return value
        return Polynomial.symbol(name)

    def memory(self, name: str) -> Memory | None:
        """The allocation a pointer points into, where host code could be followed."""
        known = self.visit.names.get(name) if self.visit is not None else None
        return known if isinstance(known, Memory) else None

    def _global(self, name: str) -> Polynomial | None:
        """The value of a macro or of a variable at file scope; each is evaluated once."""
        if name not in self._globals:
            self._globals[name] = None  # while it is evaluated: a macro that depends on itself
            if text := self.program.macros.get(name):
                self._globals[name] = evaluate_text(text, self._global_or_symbol)
            elif (declared := self.program.variables.get(name)) is not None:
                self._globals[name] = evaluate(declared.value, self._global_or_symbol)
            else:
                self._globals[name] = self.program.enumerator(name)
        return self._globals[name]

    def _global_or_symbol(self, name: str) -> Polynomial:
        value = self._global(name)
        return Polynomial.symbol(name) if value is None else value

    def _local(self, name: str, place: Node | None, depth: int) -> Polynomial | None:
        function = self.functions.around(place) if place is not None else None
        if place is None or function is None:
            return None
        definition = self.program.defined_at.get(function.id)
        source = definition.source if definition is not None else None
        for value in reversed(self.functions.assigned(function, source).get(name, [])):
            if value.start_byte >= place.start_byte:
                continue
            found = self._assigned_value(value, depth)
            if found is not None and name not in found.symbols:
                known = found.number
                if known is not None and _RUN_ARGUMENT.search(text_of(value)):
                    self.used[name] = f"{name} = {known:.15g} from the run line"
                return found
        return self._parameter(name, function, depth)

    def _assigned_value(self, value: Node, depth: int) -> Polynomial | None:
        """What an assigned expression is worth; each is evaluated once, however often it is used."""
        if value.id not in self._values:
            self._values[value.id] = None  # while it is evaluated: a value that depends on itself
            self._values[value.id] = self.evaluate(value, depth + 1)
        return self._values[value.id]

    def _parameter(self, name: str, function: Node, depth: int) -> Polynomial | None:
        definition = self.program.defined_at.get(function.id)
        if definition is None or definition.name == "main":
            return None
        names = [parameter.name for parameter in definition.parameters]
        if name not in names:
            return None
        sites = self.functions.calls.get(function.id)
        if sites is None:
            sites = self.functions.calls[function.id] = self._calls(definition)
        if len(sites) != 1:
            return None
        arguments = child(sites[0], "arguments")
        values = arguments.named_children if arguments else []
        index = names.index(name)
        return self.evaluate(values[index], depth + 1) if index < len(values) else None

    def _calls(self, function: Function) -> list[Node]:
        """The calls of a host function, its own recursion and what kernels call by its name left out.

        Regions that are offloaded are kernels.
        """
        found = []
        for facts in self.program.files.values():
            named = facts.source.text.data.count(function.name.encode())
            if named == len(facts.overloads.get(function.name, ())):
                continue  # where it is defined alone: to look for calls takes a walk over the file
            for site in facts.calls.get(function.name, ()):
                around = self.functions.around(site)
                caller = function_of(around, facts.source) if around is not None else None
                in_kernel = (caller is not None and caller.is_kernel) or self.functions.is_offloaded(
                    site, facts.source
                )
                if around != function.node and not in_kernel:
                    found.append(site)
        return found

    def _run_argument(self, call: str) -> Polynomial | None:
        """The value of ``atoi(argv[2])`` and its like, when the run line is known."""
        match = _RUN_ARGUMENT.match(call)
        index = int(match[1]) if match else 0
        if not 1 <= index <= len(self.arguments):
            return None
        try:
            value = float(self.arguments[index - 1])
        except ValueError:
            return None
        return Polynomial.constant(value) if math.isfinite(value) else None
