"""Names of functions as compilers write them for linkers (Itanium C++ ABI), read back in part.

Only what names a kernel is read: its scopes, its name and its template arguments. Parameters are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_OFFLOADED: Final = re.compile(r"__omp_offloading_[0-9a-f]+_[0-9a-f]+_(.*)_l(\d+)(?:_\d+)?")
_BUILTIN: Final = {
    "v": "void", "b": "bool", "c": "char", "a": "signed char", "h": "unsigned char", "s": "short",
    "t": "unsigned short", "i": "int", "j": "unsigned int", "l": "long", "m": "unsigned long",
    "x": "long long", "y": "unsigned long long", "f": "float", "d": "double",
}  # fmt: skip
_QUALIFIERS: Final = "PKRVO"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function's bare name, its template arguments as text, and the line of an OpenMP region in it.

    An argument that is neither a built-in type nor a number is an empty text.
    """

    name: str
    arguments: tuple[str, ...] = ()
    line: int | None = None


def read_symbol(mangled: str) -> Symbol:
    """What a linker's name says; a name that is not mangled is the function's own."""
    if offloaded := _OFFLOADED.fullmatch(mangled):
        inner = read_symbol(offloaded[1])
        return Symbol(inner.name, inner.arguments, int(offloaded[2]))
    if not mangled.startswith("_Z"):
        return Symbol(mangled)
    reader = _Reader(mangled, 2)
    try:
        return reader.function()
    except (IndexError, ValueError):
        return Symbol(reader.last or mangled)


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.last = ""

    def function(self) -> Symbol:
        nested = self._take("N")
        arguments: tuple[str, ...] = ()
        while True:
            here = self.text[self.at]
            if here.isdigit():
                self.last, arguments = self._name(), ()
            elif here == "I":
                arguments = self._arguments()
            elif here == "S":
                self._substitution()
            elif here in "LKVrRO":  # internal linkage, qualifiers of a member function
                self.at += 1
                continue
            else:
                break
            if not nested and (self.at >= len(self.text) or self.text[self.at] != "I"):
                break
        if not self.last:
            raise ValueError(self.text)
        return Symbol(self.last, arguments)

    def _take(self, wanted: str) -> bool:
        taken = self.text.startswith(wanted, self.at)
        self.at += len(wanted) * taken
        return taken

    def _name(self) -> str:
        digits = re.compile(r"\d+").match(self.text, self.at)
        if digits is None:
            raise ValueError(self.text)
        end = digits.end() + int(digits[0])
        self.at = end
        return self.text[digits.end() : end]

    def _substitution(self) -> None:
        self.at += 1
        if self.text[self.at] in "tabsiod":
            self.at += 1
        else:
            self.at = self.text.index("_", self.at) + 1

    def _arguments(self) -> tuple[str, ...]:
        self.at += 1
        found = []
        while not self._take("E"):
            found.append(self._argument())
        return tuple(found)

    def _argument(self) -> str:
        here = self.text[self.at]
        if here == "L":
            end = self.text.index("E", self.at)
            literal = self.text[self.at + 1 : end]
            self.at = end + 1
            value = literal[1:].replace("n", "-")
            return {"b0": "false", "b1": "true"}.get(literal, value if value.lstrip("-").isdigit() else "")
        if here == "J":  # a parameter pack
            return ",".join(self._arguments())
        if here == "X":
            self.at = self.text.index("E", self.at) + 1
            return ""
        return self._type()

    def _type(self) -> str:
        here = self.text[self.at]
        if here in _QUALIFIERS:
            self.at += 1
            inner = self._type()
            return inner + "*" if here == "P" and inner else inner if here in "KV" else ""
        if here in _BUILTIN:
            self.at += 1
            return _BUILTIN[here]
        if here == "D":
            self.at += 2
            return ""
        if self._take("St"):
            name = self._name()
        elif here in "ST":
            self._substitution()
            name = ""
        elif here == "N":
            self.at += 1
            name = ""
            while not self._take("E"):
                if self.text[self.at].isdigit():
                    name = self._name()
                elif self.text[self.at] == "I":
                    self._arguments()
                elif self.text[self.at] in "ST":
                    self._substitution()
                else:
                    self.at += 1
            return name
        else:
            name = self._name()
        if self.text.startswith("I", self.at):
            self._arguments()
            return ""
        return name
