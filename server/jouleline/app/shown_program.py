"""Which files of a program a model is shown, where all of them would be too much."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_PARALLEL: Final = re.compile(rb"__global__|<<<|hipLaunchKernelGGL|#[ \t]*pragma[ \t]+omp\b")


@dataclass(frozen=True, slots=True)
class Shown:
    """The ``names`` of files that are shown, and those ``left`` out; no name where nothing useful fits."""

    names: frozenset[str]
    left: tuple[str, ...] = ()


def shown_files(files: Mapping[str, bytes], changeable: Collection[str], most_bytes: int) -> Shown:
    """All files if they fit into ``most_bytes``; else those that matter most, as long as they fit.

    Files with kernels that may change come first, then others that may change, then the rest, small ones
    before large ones. None is shown in part, for edits must quote what is there.
    """

    def rank(name: str) -> tuple[bool, bool, int]:
        return (name not in changeable, _PARALLEL.search(files[name]) is None, len(files[name]))

    names: list[str] = []
    size = 0
    for name in sorted(files, key=rank):
        if size + len(files[name]) <= most_bytes:
            names.append(name)
            size += len(files[name])
    if not any(name in changeable for name in names):
        names = []
    return Shown(frozenset(names), tuple(sorted(name for name in files if name not in names)))
