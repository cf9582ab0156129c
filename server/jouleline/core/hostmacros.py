"""Expand the macros of host code, and read the options of the run line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .hostexpressions import HostExpressions
from .hostvalues import Buffer, Cell, HostValue, Pointer, Record
from .syntax import ParsedSource, descendants, parse
from .syntax import field as child

MOST_CALLS: Final = 24
"""Calls and macros that are followed into one another."""
_MOST_TEXT: Final = 20_000


@dataclass
class HostMacros(HostExpressions):
    """Expands macros."""

    source: ParsedSource | None = None
    _expansions: dict[str, ParsedSource] = field(default_factory=dict)
    _options: list[int] = field(default_factory=lambda: [1, 0])

    def statement(self, node: Node, source: ParsedSource | None = None) -> str:
        """Walk a statement."""
        raise NotImplementedError

    def expanded(self, name: str, given: Sequence[Node]) -> HostValue:
        """Expand a macro with parameters, and walk what it stands for."""
        text = self.program.function_macros[name].written([self.written_text(item) for item in given])
        if self.depth >= MOST_CALLS or len(text) > _MOST_TEXT:
            return None
        self.depth += 1
        try:
            if ";" not in text and "<<<" not in text and "{" not in text:
                return self.evaluate_text(text)
            self.walk_text(text)
        finally:
            self.depth -= 1
        return None

    def written_text(self, node: Node) -> str:
        """The text of a node with the launch configurations in it."""
        text = self.text(node)
        if self.source is not None and "  " in text:
            start, end = node.start_byte, node.end_byte
            if self.source.masked.data[start:end] == node.text:
                return self.source.text.data[start:end].decode("utf-8", "replace")
        return text

    def walk_text(self, text: str) -> None:
        """Walk statements given as text."""
        source = self._expansions.get(text)
        if source is None:
            source = self._expansions[text] = parse(b"void f() {" + text.encode("utf-8", "replace") + b";}")
        function = next(descendants(source.root, "function_definition"), None)
        body = child(function, "body") if function is not None else None
        if body is not None:
            self.statement(body, source)

    # Options of the run line

    def option(self, values: Sequence[HostValue]) -> HostValue:
        """``getopt``: the next option; its argument is in ``optarg``."""
        form = next((value for value in values[2:3] if isinstance(value, str)), None)
        words = ["", *self.arguments]
        at, inside = self._options
        if form is None or at >= len(words) or not words[at].startswith("-") or words[at] in ("-", "--"):
            self._set_global("optind", at)
            return -1
        word = words[at]
        if word.startswith("--") and len(values) > 3:
            self._options = [at + 1, 0]
            return self._long_option(word[2:], values[3], words)
        letter = word[1 + inside]
        last = 2 + inside >= len(word)
        where = form.find(letter)
        if where >= 0 and form[where + 1 : where + 2] == ":":
            argument = word[2 + inside :] if not last else (words[at + 1] if at + 1 < len(words) else "")
            self._set_global("optarg", argument)
            self._options = [at + (2 if last else 1), 0]
        else:
            self._options = [at + 1, 0] if last else [at, inside + 1]
        self._set_global("optind", self._options[0])
        return ord(letter) if where >= 0 else ord("?")

    def _long_option(self, word: str, table: HostValue, words: Sequence[str]) -> HostValue:
        name, equals, argument = word.partition("=")
        target = table.target if isinstance(table, Pointer) else table
        for cell in target.cells.values() if isinstance(target, Buffer) else ():
            row = cell.value
            listed = (
                row.cells.values()
                if isinstance(row, Buffer)
                else row.fields.values()
                if isinstance(row, Record)
                else ()
            )
            fields = [one.value for one in listed]
            if len(fields) > 3 and fields[0] == name:
                if fields[1] == 1:
                    if not equals and self._options[0] < len(words):
                        argument = words[self._options[0]]
                        self._options[0] += 1
                    self._set_global("optarg", argument)
                return fields[3]
        return ord("?")

    def _set_global(self, name: str, value: HostValue) -> None:
        cell = self.globals.get(name)
        if cell is None:
            cell = self.globals[name] = Cell()
        self.write(cell, value)
