"""What a name means inside a kernel: its value, its type, and the memory it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .ctype import INT, UNKNOWN, CType
from .evaluate import evaluate, evaluate_text
from .facts import ProgramFacts
from .polynomial import ZERO, Polynomial
from .probability import Ranges
from .syntax import ParsedSource
from .values import Array, Tally, Value


@dataclass
class KernelScope:
    """Names and types at a place in a kernel, and the tally of the walk that visits it.

    ``names`` holds parameters, locals and indices; ``builtins`` those of them that every device
    function sees, too. ``fixed`` are names whose value the compiler knows.
    """

    program: ProgramFacts
    source: ParsedSource
    names: dict[str, Value]
    types: Mapping[str, CType] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    mutated: frozenset[str] = frozenset()
    builtins: Mapping[str, Value] = field(default_factory=dict)
    fixed: dict[str, Polynomial] = field(default_factory=dict)
    macros: dict[str, tuple[list[Value | None], Polynomial | None]] = field(default_factory=dict)
    depth: int = 0

    @property
    def ranges(self) -> Ranges:
        """How many values each index symbol takes."""
        return self.tally.ranges

    def lookup(self, name: str) -> Polynomial | None:
        """The value of a name for an expression's evaluation."""
        if name in self.names:
            return self.names[name].value
        if text := self.program.macros.get(name):
            return self._macro(name, text)
        declared = self.program.variables.get(name)
        if declared is not None and declared.value is not None:
            return evaluate(declared.value, self.lookup)
        return None if declared is not None or "(" in name else Polynomial.symbol(name)

    def _macro(self, name: str, text: str) -> Polynomial | None:
        """The value of an object-like macro; evaluated again only where a name in it has changed."""
        depends = [self.names.get(word) for word in self.program.macro_names[name]]
        known = self.macros.get(name)
        if known is None or any(new is not old for new, old in zip(depends, known[0], strict=True)):
            value = evaluate_text(text, self.lookup) if text != name else None
            known = self.macros[name] = (depends, value)
        return known[1]

    def compiled(self, name: str) -> Polynomial | None:
        """The value of a name where the compiler knows it: literals, macros and constants of them."""
        if name in self.names:
            return self.fixed.get(name)
        if text := self.program.macros.get(name):
            return evaluate_text(text, self.compiled) if text != name else None
        declared = self.program.variables.get(name)
        if declared is None or declared.value is None or not declared.constant:
            return None
        return evaluate(declared.value, self.compiled)

    def named(self, name: str) -> Value:
        """What is known of a name."""
        name = name.rsplit("::", maxsplit=1)[-1]
        if name in self.names:
            return self.names[name]
        declared = self.program.variables.get(name)
        if declared is None:
            return Value(INT, self.lookup(name))
        kind = self.type_of(declared.type) or UNKNOWN
        if kind.is_pointer:
            extents = tuple(evaluate(item, self.lookup) for item in declared.extents)
            return Value(kind, None, Array(name, declared.space or "global", ZERO, extents))
        return Value(kind, self.lookup(name))

    def type_of(self, text: str) -> CType | None:
        """The type that a text names here; None for ``auto``."""
        words = text.replace("*", " ").replace("&", " ").split()
        for word in words:
            if word in self.types:
                return self.types[word].pointer(text.count("*"))
        return self.program.type_of(text)
