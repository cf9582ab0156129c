"""Candidates from rewrite rules: each rule by itself, and all that proved right together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jouleline.core.candidate import Candidate, Rewrite
from jouleline.core.facts import ProgramFacts, gather
from jouleline.core.source import SourceText
from jouleline.core.syntax import UnreadableSourceError, parse
from jouleline.rules.base import Rule


def candidate_by(
    name: str, rules: Iterable[Rule], files: Mapping[str, bytes], changeable: Sequence[str]
) -> Candidate | None:
    """Apply rules one after the other to the files that may change; None if nothing applies.

    Each rule sees what the ones before it made of the text, so their edits cannot collide.
    """
    texts = dict(files)
    done: list[Rewrite] = []
    for rule in rules:
        for file in changeable:
            rewrites = _rewrites(rule, file, texts)
            edits = [edit for rewrite in rewrites for edit in rewrite.edits]
            texts[file] = SourceText(texts[file]).apply(edits).data
            done += rewrites
    changed = {file: data for file, data in texts.items() if data != files[file]}
    return Candidate(name, tuple(done), changed) if changed else None


def _rewrites(rule: Rule, file: str, texts: Mapping[str, bytes]) -> list[Rewrite]:
    facts = {}
    for name, data in texts.items():
        try:
            facts[name] = gather(parse(data))
        except UnreadableSourceError:
            continue
    if file not in facts:
        return []
    return rule.rewrites(facts[file].source, ProgramFacts(facts))
