"""A page for editors that show no Markdown: Emacs without markdown-mode, for one."""

from __future__ import annotations

import re
from itertools import chain, groupby
from textwrap import wrap
from typing import Final

_RULE: Final = re.compile(r"\|[\s:|-]+\|")
_CODE: Final = r"`(?P<code>[^`]*)`"
_MARKS: Final = re.compile(rf"{_CODE}|\*\*|`|^\*(?=\S)|(?<=\S)\*$|\\(?=[\\`\[\]<|])")
_CELL: Final = re.compile(r"(?<!\\)\|")
_WIDTH: Final = 79
"""An echo area shows the last lines of what does not fit, so none may be wrapped by it."""


def plain(page: str) -> str:
    """The page without marks of Markdown, in short lines; tables become columns."""
    lines: list[str] = []
    for is_table, group in groupby(page.splitlines(), lambda line: line.startswith("|")):
        part = [line for line in group if not _RULE.fullmatch(line)]
        lines += _columns(part) if is_table else chain.from_iterable(map(_wrapped, part))
    return "\n".join(lines)


def _wrapped(line: str) -> list[str]:
    indent = "  " if line.startswith("- ") else ""
    bare = _bare(line)
    return wrap(bare, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


def _bare(text: str) -> str:
    """A text without marks; what is code stays as it is, but for the bars that a table escapes."""
    return _MARKS.sub(lambda mark: (mark["code"] or "").replace("\\|", "|"), text)


def _columns(rows: list[str]) -> list[str]:
    cells = [[_bare(cell.strip()) for cell in _CELL.split(row.strip("|"))] for row in rows]
    count = max((len(row) for row in cells), default=0)
    widths = [max(len(row[at]) for row in cells if at < len(row)) for at in range(count)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in cells]
    return [row.rstrip() for row in rows]
