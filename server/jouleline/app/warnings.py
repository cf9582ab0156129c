"""Compiler warnings of the dangerous kind: what a program does behind them is anybody's guess."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from .build import Built
from .instrumented import Options

WARNING_OPTIONS: Final = Options(("-Wall", "-Wextra"), lenient=True)

DANGEROUS: Final = frozenset(
    "uninitialized maybe-uninitialized sometimes-uninitialized array-bounds array-bounds-pointer-arithmetic "
    "stringop-overflow stringop-overread stringop-truncation return-type return-local-addr "
    "return-stack-address aggressive-loop-optimizations overflow integer-overflow literal-range "
    "div-by-zero division-by-zero sequence-point unsequenced use-after-free dangling-pointer dangling "
    "nonnull null-dereference "
    "free-nonheap-object mismatched-new-delete mismatched-dealloc shift-count-overflow shift-count-negative "
    "shift-negative-value infinite-recursion alloc-size-larger-than format-overflow sizeof-pointer-memaccess "
    "memset-elt-size memset-transposed-args sizeof-array-argument sizeof-pointer-div class-memaccess "
    "delete-non-virtual-dtor delete-incomplete int-to-pointer-cast bool-operation tautological-compare "
    "strict-aliasing restrict address packed-not-aligned".split()
)

_WARNING: Final = re.compile(
    r"^(?P<file>[^\s:][^:\n]*):(?P<line>\d+)(?::\d+)?: warning: (?P<text>.*) \[-W(?P<name>[\w-]+?)=?\d*\]$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Warned:
    """One dangerous warning about the program's own text."""

    name: str
    place: str
    text: str


def new_warnings(baseline: Built, candidate: Built) -> list[Warned]:
    """The dangerous warnings of a candidate beyond as many of the same name in the baseline."""
    known = [one.name for one in _warnings(baseline.said or "")]
    texts = {one.text for one in _warnings(baseline.said or "")}
    fresh: list[Warned] = []
    found = sorted(_warnings(candidate.said or ""), key=lambda one: one.text not in texts)
    for one in found:
        if one.name in known:
            known.remove(one.name)
        else:
            fresh.append(one)
    return fresh


def _warnings(said: str) -> Iterator[Warned]:
    seen = set()
    for match in _WARNING.finditer(said):
        # Those in the library's headers are more often wrong than right.
        if match["name"] in DANGEROUS and not PurePosixPath(match["file"]).is_absolute():
            one = Warned(match["name"], f"{match['file']}:{match['line']}", match["text"])
            if one not in seen:
                seen.add(one)
                yield one
