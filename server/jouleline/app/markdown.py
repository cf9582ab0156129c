"""Words of a program in a page of Markdown: whatever they are, they are shown as they stand.

A name, a launch's expression or a run line comes from whoever wrote the program. It must not become a link,
or a picture that an editor would load.
"""

from __future__ import annotations

import re
from typing import Final

_BLANKS: Final = re.compile(r"\s+")
_BEGINS: Final = re.compile(r"[\\`\[\]<|]")


def code(text: str, *, in_table: bool = False) -> str:
    """A code span that nothing in the text ends."""
    line = _BLANKS.sub(" ", text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    whole = f"{fence}{pad}{line}{pad}{fence}"
    return whole.replace("|", r"\|") if in_table else whole


def words(text: str) -> str:
    """A text in which no link, picture, tag, code or cell begins."""
    return _BEGINS.sub(lambda found: "\\" + found[0], _BLANKS.sub(" ", text))
