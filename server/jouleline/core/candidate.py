"""Candidates: a program's files after some rewrites, and the edits that lead there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff

from .source import Edit


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One change that a rule (or a model) proposes to one file.

    ``edits`` are byte edits of that file's text. ``line`` counts from 1. ``rounding`` says that
    results may differ in the last digits, because the order or the precision of arithmetic changes.
    """

    rule: str
    line: int
    title: str
    rationale: str
    edits: tuple[Edit, ...]
    rounding: bool = False


@dataclass(frozen=True)
class Candidate:
    """A changed program: whole new texts of the files that differ from the baseline's."""

    name: str
    rewrites: tuple[Rewrite, ...]
    files: Mapping[str, bytes]

    @property
    def title(self) -> str:
        """What was done, in one line."""
        titles = list(dict.fromkeys(rewrite.title for rewrite in self.rewrites))
        return "; ".join(titles) or self.name


def edits_between(old: bytes, new: bytes) -> tuple[Edit, ...]:
    """Whole-line edits that turn ``old`` into ``new``, byte for byte."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return tuple(
        Edit(starts[a], starts[b], b"".join(after[c:d]))
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    )


def patch(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> str:
    """A unified diff of the files in ``new`` against their texts in ``old``."""
    parts: list[str] = []
    for name, data in sorted(new.items()):
        before = old.get(name, b"").decode("utf-8", "replace").splitlines(keepends=True)
        after = data.decode("utf-8", "replace").splitlines(keepends=True)
        for line in unified_diff(before, after, f"a/{name}", f"b/{name}"):
            parts += [line, "" if line.endswith("\n") else "\n\\ No newline at end of file\n"]
    return "".join(parts)
