"""What a name means inside a kernel: its value, its type, and the memory it stands for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .ctype import INT, UNKNOWN, CType, Scalar
from .declarations import Declared
from .derive import derived_value
from .evaluate import Lookup, evaluate, evaluate_constant, evaluate_text, split_arguments
from .groups import asked
from .inductions import Changes
from .polynomial import ZERO, Polynomial
from .predefined import predefined
from .probability import Ranges, probability
from .programfacts import ProgramFacts
from .syntax import ParsedSource, descendants, operator_of, text_of
from .syntax import field as child
from .values import Array, Tally, Value

# Calls within calls: one may call itself twice, and the next one, too.
_MOST_NESTED = 8
_MOST_EVALUATED = 64
_SAME: Final = re.compile(r"\((?:std::)?is_same(?:_v<(.*)>|<(.*)>::value)\)")


@dataclass(slots=True)
class Remembered:
    """Values of macros and globals; one is evaluated again only where a name in it has changed."""

    _values: dict[str, tuple[Sequence[object], Polynomial | None]] = field(default_factory=dict)

    def value(
        self, name: str, depends: Sequence[object], evaluated: Callable[[], Polynomial | None]
    ) -> Polynomial | None:
        """The value of ``name``, which depends on the identity of ``depends`` only."""
        known = self._values.get(name)
        if known is None or any(new is not old for new, old in zip(depends, known[0], strict=True)):
            self._values[name] = (depends, None)  # while it is evaluated: a macro that depends on itself
            self._values[name] = (depends, evaluated())
        return self._values[name][1]


# Slots, here and in what is derived: Python looks up attributes of an object slowly that has more than 30.
@dataclass(slots=True)
class KernelScope:
    """Names and types at a place in a kernel, and the tally of the walk that visits it.

    ``names`` holds parameters, locals and indices; ``builtins`` those of them that every device function
    sees, too. ``fixed`` are names whose value the compiler knows. ``local_space`` is where a local array
    lives. ``loops`` are the indices of the loops around the place, each ``entered`` so often;
    ``unrolled`` are those that are gone when compiled, ``striding`` those that advance by what the
    compiler does not know. What is in ``computed`` is not computed again; ``stored`` counts the stores to
    each array, and ``renewing`` are the arrays that a loop around stores to, so that what was loaded from
    them, which is ``renewed``, is new each time round; ``shadowed`` are the outer values of names
    declared in the block; ``spaces`` are where variables are that are no arrays. ``within`` counts the
    calls whose values are being evaluated, and ``evaluated`` has those that were, until all are;
    ``active`` is the share of a warp's threads that is here together.
    ``doubling`` are the values of loop variables that are multiplied or divided each time round.
    Where it ``has_c_functions``, those of mathematics are C's, which take doubles, but for ``std::``'s.
    What ``refers`` returns a place, not its value. What is ``atomic`` is updated by the memory's own units.
    """

    program: ProgramFacts
    source: ParsedSource
    names: dict[str, Value]
    types: Mapping[str, CType] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    changes: Changes = field(default_factory=Changes)
    builtins: Mapping[str, Value] = field(default_factory=dict)
    fixed: dict[str, Polynomial] = field(default_factory=dict)
    known: Remembered = field(default_factory=Remembered)
    known_compiled: Remembered = field(default_factory=Remembered)
    depth: int = 0
    local_space: str = "register"
    loops: tuple[str, ...] = ()
    renewing: frozenset[str] = frozenset()
    renewed: set[str] = field(default_factory=set)
    entered: tuple[Polynomial, ...] = ()
    stored: dict[str, int] = field(default_factory=dict)
    computed: set[object] = field(default_factory=set)
    shadowed: dict[str, Value | None] = field(default_factory=dict)
    unrolled: set[str] = field(default_factory=set)
    striding: set[str] = field(default_factory=set)
    spaces: dict[str, str] = field(default_factory=dict)
    within: int = 0
    evaluated: dict[tuple[bool, str], Polynomial | None] = field(default_factory=dict)
    active: float = 1.0
    refers: bool = False
    atomic: bool = False
    doubling: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    has_c_functions: bool = False

    @property
    def ranges(self) -> Ranges:
        """How many values each index symbol takes."""
        return self.tally.ranges

    def lookup(self, name: str) -> Polynomial | None:
        """The value of a name for an expression's evaluation."""
        if name in self.names:
            value = self.names[name].value
            return None if value is None or self.tally.depends_on_data(value) else value
        if text := self.program.macros.get(name):
            depends = [self.names.get(word) for word in self.program.macro_names[name]]
            return self.known.value(name, depends, lambda: evaluate_text(text, self.lookup))
        if name in self.tally.derived:
            return None if self.tally.depends_on_data(Polynomial.symbol(name)) else Polynomial.symbol(name)
        if "(" in name:
            told = asked(name, self.names, self.tally)
            return self._called(name, self.lookup) if told is None else told
        declared = self.program.variables.get(name)
        if declared is not None and declared.value is not None:
            return self.known.value(name, [], lambda: self._initial(declared, self.lookup))
        if declared is not None:
            return None
        owner, _, member = name.partition(".")
        owner = owner.partition("[")[0]
        if member and owner in self.names:
            static = self.program.static_value(self.names[owner].type.innermost, member)
            if static is not None:
                return evaluate_text(static, self.lookup)
        number = predefined(name)
        return self.program.enumerator(name) or (number and number.value) or Polynomial.symbol(name)

    def compared(self, name: str) -> Polynomial | None:
        """The same for a condition, in which a variable may say how another comparison went."""
        value = self.lookup(name)
        if value is None and (known := self.names.get(name)) is not None and known.value is not None:
            return known.value if self.tally.holds(known.value) is not None else None
        return value

    def chance(self, condition: Node | None, extents: Ranges) -> float | None:
        """How often a condition holds; the mean over the values that a loop gives an index by doubling it."""
        chance = probability(condition, self.compared, extents)
        if chance is not None or condition is None or not self.doubling:
            return chance
        words = {text_of(word) for word in descendants(condition, "identifier")}
        for name, values in self.doubling.items():
            own = self._symbols(name)
            if name not in words and all(own.isdisjoint(self._symbols(word)) for word in words):
                continue
            shares = [self._share_at(condition, self._where(name, value), extents) for value in values]
            known = [share for share in shares if share is not None]
            return sum(known) / len(values) if len(known) == len(values) else None
        return None

    def _share_at(self, condition: Node, where: Lookup, extents: Ranges) -> float | None:
        """How often a condition holds with other values, of which remainders are to be met first."""
        for node in descendants(condition, "binary_expression"):
            left, right = (evaluate(child(node, side), where) for side in ("left", "right"))
            if left is not None and right is not None:
                derived_value(operator_of(node), left, right, self.tally)
        return probability(condition, where, extents)

    def _symbols(self, name: str) -> frozenset[str]:
        known = self.names.get(name)
        return known.value.symbols if known is not None and known.value is not None else frozenset()

    def _where(self, name: str, value: float) -> Lookup:
        """Names as they are here, but for one that has a value, and those that are made of it."""
        known, own = Polynomial.constant(value), self._symbols(name)
        put = dict.fromkeys(own, known) if len(own) == 1 else {}

        def lookup(word: str) -> Polynomial | None:
            if word == name:
                return known
            there = self.names.get(word)
            if there is None or there.value is None or put.keys().isdisjoint(there.value.symbols):
                return self.lookup(word)
            found = there.value.substitute(put)
            return None if self.tally.depends_on_data(found) else found

        return lookup

    def compiled(self, name: str) -> Polynomial | None:
        """The value of a name where the compiler knows it: literals, macros and constants of them."""
        if name in self.names:
            return self.fixed.get(name)
        if text := self.program.macros.get(name):
            words = self.program.macro_names[name]
            depends = [self.fixed.get(word, self.names.get(word)) for word in words]
            return self.known_compiled.value(name, depends, lambda: evaluate_text(text, self.compiled))
        if "(" in name:
            return self._called(name, self.compiled)
        declared = self.program.variables.get(name)
        if declared is None:
            number = predefined(name)
            return self.program.enumerator(name) or (number and number.value)
        if declared.value is None or not declared.constant:
            return None
        return self.known_compiled.value(name, [], lambda: self._initial(declared, self.compiled))

    def _initial(self, declared: Declared, lookup: Lookup) -> Polynomial | None:
        """The value that a variable at file scope has from the start."""
        kind = self.type_of(declared.type)
        real = kind is not None and kind.arithmetic in (Scalar.SP, Scalar.DP)
        return evaluate_constant(declared.value, lookup, real=real)

    def _called(self, call: str, lookup: Lookup) -> Polynomial | None:
        """The value of a call of the program's that stands for an expression, or of what is in a class."""
        if call.startswith("sizeof"):
            kind = self.type_of(call.removeprefix("sizeof").strip(" ()"))
            sized = kind is not None and (kind.is_pointer or kind.scalar is not Scalar.OTHER or kind.struct)
            return Polynomial.constant(kind.bytes) if kind is not None and sized else None
        if alike := _SAME.fullmatch(call):
            return self._same([self.type_of(one) for one in split_arguments(alike[1] or alike[2])])
        if call.startswith("("):
            owner, _, member = call.strip("()").rpartition("::")
            kind = self.type_of(owner) if owner else None
            text = self.program.static_value(kind, member) if kind is not None else None
        else:
            text = self.program.expression_of(call)
        if text is None or self.within >= _MOST_NESTED:
            return None
        # A macro's parameter may stand in it more than once, and what it is given be a macro again.
        key = lookup == self.compiled, text
        if key in self.evaluated:
            return self.evaluated[key]
        if len(self.evaluated) >= _MOST_EVALUATED:
            return None
        self.evaluated[key] = None
        self.within += 1
        try:
            self.evaluated[key] = evaluate_text(text, lookup)
            return self.evaluated[key]
        finally:
            self.within -= 1
            if not self.within:
                self.evaluated.clear()

    @staticmethod
    def _same(kinds: Sequence[CType | None]) -> Polynomial | None:
        """What ``std::is_same`` says of types, as far as they are known and told apart here."""
        known = [one for one in kinds if one is not None and (one.scalar is not Scalar.OTHER or one.struct)]
        return Polynomial.constant(float(known[0] == known[1])) if len(known) == len(kinds) == 2 else None

    def named(self, name: str) -> Value:
        """What is known of a name."""
        if name in self.names:  # most are, and without a namespace
            return self.names[name]
        if "::" in name and (known := self._called(f"({name})", self.lookup)) is not None:
            return Value(INT, known)
        name = name.rsplit("::", maxsplit=1)[-1]
        if name in self.names:
            return self.names[name]
        declared = self.program.variables.get(name)
        if declared is None:
            number = predefined(name) if self.program.enumerator(name) is None else None
            return number or Value(INT, self.lookup(name))
        kind = self.type_of(declared.type) or UNKNOWN
        if kind.is_pointer:
            extents = tuple(item and evaluate(item, self.lookup) for item in declared.extents)
            return Value(
                kind, None, Array(name, declared.space or "global", ZERO, extents, _size(kind, extents))
            )
        return Value(kind, self.lookup(name))

    def type_of(self, text: str) -> CType | None:
        """The type that a text names here; None for ``auto``."""
        for word in text.replace("*", " ").replace("&", " ").split() if self.types else ():
            if word in self.types:
                return self.types[word].pointer(text.count("*"))
        kind = self.program.type_of(text)
        if kind is None or not kind.arguments or not self.types:
            return kind
        # What a template calls its parameter means nothing where its result goes.
        known = (self.types.get(one, UNKNOWN) for one in split_arguments(kind.arguments))
        names = [one.name for one in known]
        return kind._replace(arguments=", ".join(names)) if all(names) else kind


def _size(kind: CType, extents: Sequence[Polynomial | None]) -> float | None:
    """The size of an array (bytes), where all of its extents are known."""
    numbers = [one.number if one is not None else None for one in extents]
    known = [one for one in numbers if one is not None]
    return math.prod(known) * kind.innermost.bytes if known and len(known) == len(numbers) else None
