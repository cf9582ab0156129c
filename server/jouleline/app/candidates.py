"""Candidates from rewrite rules: each rule by itself, and all that proved right together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jouleline.core.candidate import Candidate, Rewrite
from jouleline.core.facts import FileFacts, gather
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import SourceText
from jouleline.core.syntax import UnreadableSourceError, parse
from jouleline.rules.base import Alternative, Rule


def candidate_by(
    name: str, rules: Iterable[Rule], files: Mapping[str, bytes], changeable: Sequence[str]
) -> Candidate | None:
    """Apply rules one after the other to the files that may change; None if nothing applies.

    Each rule sees what the ones before it made of the text, so their edits cannot collide. Of
    alternatives only the first that applies is taken.
    """
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
            texts[file] = SourceText(texts[file]).apply(edits).data
            facts = {**facts, file: gather(parse(texts[file], facts[file].source))}
            done += rewrites
            if isinstance(rule, Alternative):
                decided.add(rule.family)
    changed = {file: data for file, data in texts.items() if data != files[file]}
    return Candidate(name, tuple(done), changed) if changed else None


def _facts(data: bytes) -> FileFacts | None:
    try:
        return gather(parse(data))
    except UnreadableSourceError:
        return None
