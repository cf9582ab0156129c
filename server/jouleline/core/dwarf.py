"""Which calls were inlined where, from DWARF 4 as LLVM writes it into assembly (``-gline-tables-only``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ENTRY: Final = re.compile(r"; Abbrev \[\d+\] \S+ DW_TAG_(\w+)")
_ATTRIBUTE: Final = re.compile(r"^\s*\.\w+\s+(\S+)\s*; DW_AT_(\w+)")
_LABEL: Final = re.compile(r"^(\.L\w+):")
_BOUND: Final = re.compile(r"^\s*\.quad\s+([^\s-]*)")
_SECTION: Final = "\t.section\t.debug_"


@dataclass(frozen=True, slots=True)
class InlinedCall:
    """A call that was inlined into the code between pairs of labels. ``file`` is a number in the listing."""

    file: str
    line: int
    ranges: tuple[tuple[str, str], ...]


def inlined_calls(text: str) -> list[InlinedCall]:
    """The inlined calls of a listing, each behind those that it was inlined into."""
    ranges = _ranges(_section(text, "ranges"))
    return [
        InlinedCall(entry["call_file"], int(entry["call_line"]), within)
        for entry in _entries(_section(text, "info"))
        if entry.get("call_line", "").isdigit()
        and "call_file" in entry
        and (within := _within(entry, ranges))
    ]


def _section(text: str, name: str) -> list[str]:
    _, _, rest = text.partition(f"{_SECTION}{name}")
    return rest.partition("\t.section\t")[0].splitlines()[1:]


def _entries(lines: list[str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    entry: dict[str, str] = {}
    for line in lines:
        if matched := _ENTRY.search(line):
            entry = {}
            if matched[1] == "inlined_subroutine":
                found.append(entry)
        elif matched := _ATTRIBUTE.match(line):
            entry[matched[2]] = matched[1]
    return found


def _within(
    entry: Mapping[str, str], ranges: Mapping[str, tuple[tuple[str, str], ...]]
) -> tuple[tuple[str, str], ...]:
    if "low_pc" in entry and "high_pc" in entry:
        return ((entry["low_pc"], entry["high_pc"].partition("-")[0]),)
    return ranges.get(entry.get("ranges", ""), ())


def _ranges(lines: list[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """The lists of ranges by their label: pairs of labels, whatever they are counted from."""
    bounds: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if label := _LABEL.match(line):
            name = label[1]
        elif bound := _BOUND.match(line):
            bounds.setdefault(name, []).append(bound[1])
    return {
        name: tuple(
            pair
            for pair in zip(each[::2], each[1::2], strict=False)
            if all(end.startswith(".L") for end in pair)
        )
        for name, each in bounds.items()
    }
