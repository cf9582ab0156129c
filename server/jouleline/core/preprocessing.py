"""The text of a file as the compiler sees it, for files that do not parse as they are written.

Branches that are not compiled are blanked, and macros that stand for whole statements get the
semicolon that a grammar wants to see. Offsets stay those of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from tree_sitter import Parser

from .blanked import Marks
from .conditionals import DEFINED, PREDEFINED, Conditionals
from .ctype import lane_of
from .evaluate import evaluate_text, macro_values
from .facts import FileFacts, gather, without
from .masking import mask
from .programfacts import ProgramFacts
from .syntax import ParsedSource, cpp_language, without_comments

_DIRECTIVE: Final = re.compile(
    rb"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif|define|undef)\b((?:[^\\\n]|\\\r?\n|\\.)*)$",
    re.MULTILINE,
)
_NAME: Final = re.compile(r"\s*(\w+)(.*)", re.DOTALL)
_NOT_BREAK: Final = re.compile(rb"[^\r\n]")
T = TypeVar("T")
_LINE_END: Final = re.compile(rb"[ \t]*(?://[^\n]*)?\r?\n")


@dataclass
class _Reader:
    """Goes through the directives of one file in order."""

    macros: dict[str, str]
    taken: list[tuple[bool, bool]] = field(default_factory=list)
    """For each open conditional: whether its branch is compiled, and whether the condition of one held."""

    @property
    def compiled(self) -> bool:
        return not self.taken or self.taken[-1][0]

    def _open(self, *, holds: bool) -> None:
        self.taken.append((holds and self.compiled, holds))

    def _turn(self, *, holds: bool) -> None:
        """Go on to the next branch, which is compiled if its condition holds and none before did."""
        _, done = self.taken.pop()
        self.taken.append((holds and not done and self.compiled, holds or done))

    def directive(self, word: str, rest: str) -> None:
        """Follow one directive."""
        rest = without_comments(rest.replace("\r\n", "\n").replace("\\\n", " "))
        named = _NAME.match(rest)
        name = named[1] if named else ""
        match word:
            case "ifdef" | "ifndef":
                self._open(holds=(name in self.macros or name in PREDEFINED) == (word == "ifdef"))
            case "if":
                self._open(holds=self.holds(rest))
            case "elif" if self.taken:
                self._turn(holds=self.holds(rest))
            case "else" if self.taken:
                self._turn(holds=True)
            case "endif" if self.taken:
                self.taken.pop()
            case "define" if self.compiled and named:
                self.macros[name] = "" if named[2].startswith("(") else named[2].strip()
            case "undef" if self.compiled:
                self.macros.pop(name, None)

    def holds(self, text: str) -> bool:
        """Whether a condition on macros holds."""
        text = DEFINED.sub(
            lambda found: str(int((found[1] or found[2]) in (self.macros.keys() | PREDEFINED))), text
        )
        value = evaluate_text(text, macro_values(lambda name: self.macros.get(name, "")))
        return value is not None and bool(value.number)


_TABLES: Final = (
    "macros variables aliases structs embedded functions overloads function_macros classes enumerators"
).split()


def compiled(program: ProgramFacts) -> ProgramFacts:
    """The program without what stands in branches of conditionals that are not compiled.

    What only such a branch defines is kept, for a condition may depend on what the program does not tell; but
    for CUDA's own vectors.
    """
    conditionals = Conditionals(program.definitions, program.given)
    files = dict(program.files)
    for name, facts in program.files.items():
        stretches = _outermost(conditionals.left_out(node) for node in facts.conditionals)
        if not stretches:
            continue
        if stretches not in facts.variants:
            kept = without(facts, stretches)
            # Functions and macros with several definitions are told apart where they are used.
            rest: dict[str, Any] = {
                table: _either(getattr(kept, table), getattr(facts, table)) for table in _TABLES
            }
            facts.variants.clear()
            facts.variants[stretches] = replace(facts, **rest, variants={}, repaired=None)
        files[name] = facts.variants[stretches]
    return ProgramFacts(files, program.given)


def _either(kept: Mapping[str, T], all_: Mapping[str, T]) -> dict[str, T]:
    return {name: kept.get(name, one) for name, one in all_.items() if name in kept or lane_of(name) is None}


def _outermost(stretches: Iterable[range]) -> tuple[range, ...]:
    found: list[range] = []
    for stretch in sorted((one for one in stretches if one), key=lambda one: (one.start, -one.stop)):
        if not found or stretch.start >= found[-1].stop:
            found.append(stretch)
    return tuple(found)


def as_compiled(facts: FileFacts, macros: Mapping[str, str]) -> FileFacts:
    """The facts of a file without what is not compiled, made once while nothing else changes.

    ``macros`` are those of the program's other files.
    """
    if facts.repaired is None or facts.repaired[0] != macros:
        facts.repaired = macros, _repaired(facts, macros)
    return facts.repaired[1] or facts


def _repaired(facts: FileFacts, macros: Mapping[str, str]) -> FileFacts | None:
    """The facts of the repaired text; None if it is the same."""
    source = facts.source
    data = bytearray(source.text.data)
    reader = _Reader(dict(macros))
    start = 0
    for found in _DIRECTIVE.finditer(source.text.data):
        if not reader.compiled:
            data[start : found.start()] = _NOT_BREAK.sub(b" ", data[start : found.start()])
        compiled, word = reader.compiled, found[1].decode()
        reader.directive(word, found[2].decode("utf-8", "replace"))
        if word not in ("define", "undef") or not compiled:
            data[found.start() : found.end()] = _NOT_BREAK.sub(b" ", data[found.start() : found.end()])
        start = found.end()
    _finish_statements(data, facts)
    if data == source.text.data:
        return None
    masked = mask(bytes(data))
    original = {item.start: item for item in source.masked.blanked}
    blanked = Marks.of(original.get(item.start, item) for item in masked.blanked)
    tree = Parser(cpp_language()).parse(masked.data)
    return gather(ParsedSource(source.text, replace(masked, blanked=blanked), tree))


def _finish_statements(data: bytearray, facts: FileFacts) -> None:
    """Put a semicolon behind macros that stand for statements and are followed by none."""
    text = bytes(data)
    whole = [name for name, text in facts.macros.items() if text.startswith("{") or text.endswith((";", "}"))]
    if whole:
        for found in re.finditer(rb"^[ \t]*(" + _any_of(whole) + rb")(?=\s)", text, re.MULTILINE):
            data[found.start(1) : found.end(1)] = b";".ljust(found.end(1) - found.start(1))
    calls = [
        name for name, macro in facts.function_macros.items() if ";" in macro.body or "{" in macro.body[:1]
    ]
    if calls:
        for found in re.finditer(rb"^[ \t]*(?:" + _any_of(calls) + rb")\s*\(", text, re.MULTILINE):
            end = _closing(text, found.end() - 1)
            if _LINE_END.match(text, end):
                data[end : end + 1] = b";"


def _any_of(names: Sequence[str]) -> bytes:
    return "|".join(map(re.escape, names)).encode()


def _closing(data: bytes, opening: int) -> int:
    depth = 0
    for index in range(opening, min(len(data), opening + 2000)):
        depth += (data[index] == 0x28) - (data[index] == 0x29)
        if depth == 0:
            return index + 1
    return len(data)
