"""Energy smells: places in a file that cost energy as they are written."""

from __future__ import annotations

from dataclasses import dataclass

from .candidate import Rewrite
from .source import SourceText


@dataclass(frozen=True, slots=True)
class Smell:
    """The bytes ``start:end`` of a file cost energy for a reason.

    ``code`` is the rule's name, or the kind of smell where no rule mends it. ``message`` is one sentence:
    what costs energy and what to do. A ``minor`` one costs little of what is around it. ``fix`` is the
    rule's rewrite of that place.
    """

    code: str
    start: int
    end: int
    message: str
    minor: bool = False
    fix: Rewrite | None = None


def line_span(text: SourceText, line: int) -> tuple[int, int]:
    """The bytes of a line, which counts from 1, without blanks at its ends."""
    start, content = text.line_starts[line - 1], text.line_bytes(line - 1)
    return start + len(content) - len(content.lstrip()), start + len(content.rstrip())
