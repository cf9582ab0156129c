"""Candidates from rewrite rules: each rule by itself, and all that proved right together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from jouleline.core.candidate import Candidate, Rewrite, edits_between
from jouleline.core.facts import FileFacts, gather
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import SourceText
from jouleline.core.syntax import UnreadableSourceError, parse
from jouleline.rules.base import Alternative, Rule


def candidate_by(
    name: str,
    rules: Iterable[Rule],
    files: Mapping[str, bytes],
    changeable: Sequence[str],
    baseline: Mapping[str, bytes] | None = None,
) -> Candidate | None:
    """Apply rules one after the other to the files that may change; None if nothing applies.

    Each rule sees what the ones before it made of the text, so their edits cannot collide. Of
    alternatives only the first that applies is taken. Rewrites tell lines of ``baseline``, which is
    ``files`` if it is not given.
    """
    origin = files if baseline is None else baseline
    texts = dict(files)
    facts = {file: found for file, data in files.items() if (found := _facts(data)) is not None}
    done: list[Rewrite] = []
    decided: set[str] = set()
    for rule in rules:
        if isinstance(rule, Alternative) and rule.family in decided:
            continue
        for file in changeable:
            if file not in facts:
                continue
            rewrites = rule.rewrites(facts[file].source, ProgramFacts(facts))
            edits = [edit for rewrite in rewrites for edit in rewrite.edits]
            if not edits:
                continue
            done += in_lines_of(origin.get(file, files[file]), texts[file], rewrites)
            texts[file] = SourceText(texts[file]).apply(edits).data
            facts = {**facts, file: gather(parse(texts[file], facts[file].source))}
            if isinstance(rule, Alternative):
                decided.add(rule.family)
    changed = {file: data for file, data in texts.items() if data != files[file]}
    return Candidate(name, tuple(done), changed) if changed else None


def in_lines_of(original: bytes, changed: bytes, rewrites: Iterable[Rewrite]) -> Iterable[Rewrite]:
    """Rewrites of a changed text that tell the lines of the original one, where their places come from."""
    if original == changed:
        return rewrites
    text = SourceText(original)
    # Line by line of the changed text: the line of the original, from 1.
    lines: list[int] = []
    known = 0
    for edit in edits_between(original, changed):
        first, last = (text.point(offset).line for offset in (edit.start, edit.end))
        lines += range(known + 1, first + 1)
        lines += [
            min(first + index, max(first, last - 1)) + 1
            for index in range(len(edit.replacement.splitlines()))
        ]
        known = last
    return [
        replace(one, line=lines[one.line - 1] if one.line <= len(lines) else known + one.line - len(lines))
        for one in rewrites
    ]


def _facts(data: bytes) -> FileFacts | None:
    try:
        return gather(parse(data))
    except UnreadableSourceError:
        return None
