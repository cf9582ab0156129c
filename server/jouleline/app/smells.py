"""Energy smells that the text of a program shows: places where rules apply, and crowded atomics."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from jouleline.core.programfacts import ProgramFacts
from jouleline.core.smell import Smell, line_span
from jouleline.rules.base import Rule, Smelling

from .analyse import Analysis, parse_file, parse_files
from .contention import crowded_atomics
from .memory_smells import memory_smells

_log = logging.getLogger(__name__)
_LAUNCHES: Final = re.compile(rb"<<<|hipLaunch|cudaLaunch")
_NOT_BREAK: Final = re.compile(rb"[^\r\n]")


def program_smells(analysis: Analysis, rules: Sequence[Rule]) -> Iterator[tuple[str, Smell]]:
    """All energy smells of a program with the file each is in, in the order of files and text."""
    files = {name: text.data for name, text in analysis.texts.items()}
    for name in files:
        found = text_smells(files, name, rules)
        for report in analysis.of(name):
            found += memory_smells(report)
        for smell in sorted(set(found), key=lambda one: (one.start, one.code)):
            yield name, smell


def text_smells(
    files: Mapping[str, bytes], name: str, rules: Sequence[Rule], within: tuple[int, int] | None = None
) -> list[Smell]:
    """The smells of one of a program's files, in the order of the text, or of the kernel ``within`` bytes.

    It takes seconds in a file of thousands of lines: nobody should wait for it.
    """
    if within is not None:
        alone = {**files, name: _alone(files[name], *within)}
        first, last = within
        return [smell for smell in text_smells(alone, name, rules) if first <= smell.start < last]
    parsed, _ = parse_files(files)
    file = parsed.get(name)
    if file is None:
        return []
    program = ProgramFacts({other: one.facts for other, one in parsed.items()})
    found = [*crowded_atomics(file)]
    for rule in rules:
        if isinstance(rule, Smelling):
            try:
                rewrites = rule.rewrites(file.source, program)
            except Exception:  # noqa: BLE001 - whatever it is, the log has it
                # One rule that fails must not take the marks of all others with it.
                _log.exception("%s: the rule %s failed", name, rule.name)
                continue
            text = file.source.text
            found += (Smell(rule.name, *line_span(text, one.line), rule.smell, fix=one) for one in rewrites)
    return sorted(found, key=lambda smell: (smell.start, smell.code))


def _alone(data: bytes, start: int, end: int) -> bytes:
    """A file with the kernel between two offsets, and without the bodies that cannot matter to it."""
    file = parse_file(data)
    text = bytearray(data)
    for _, kernel in file.kernels:
        within = start < kernel.end and kernel.start < end
        if within or kernel.source is not file.source or not kernel.is_closed:
            continue
        opening = data.find(b"{", kernel.anchor, kernel.end) + 1
        body = data[opening : kernel.end - 1]
        if opening and not _LAUNCHES.search(body):  # one that launches kernels is host code to them
            text[opening : kernel.end - 1] = _NOT_BREAK.sub(b" ", body)
    return bytes(text)
