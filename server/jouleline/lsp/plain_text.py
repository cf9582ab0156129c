"""A page for editors that show no Markdown: Emacs without markdown-mode, for one."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

_RULE: Final = re.compile(r"\|[\s:|-]+\|")
_MARKS: Final = re.compile(r"\*\*|`|^\*(?=\S)|(?<=\S)\*$|\\(?=[\\`\[\]<|])")


def plain(page: str) -> str:
    """The page without marks of Markdown; tables become columns."""
    lines: list[str] = []
    for is_table, group in groupby(page.splitlines(), lambda line: line.startswith("|")):
        part = [line for line in group if not _RULE.fullmatch(line)]
        lines += _columns(part) if is_table else part
    return "\n".join(_MARKS.sub("", line).rstrip() for line in lines)


def _columns(rows: list[str]) -> list[str]:
    cells = [[_MARKS.sub("", cell.strip()) for cell in row.strip("|").split("|")] for row in rows]
    count = max((len(row) for row in cells), default=0)
    widths = [max(len(row[at]) for row in cells if at < len(row)) for at in range(count)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in cells]
