"""What one typed character costs: an incremental reparse beside parsing the file anew."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jouleline.app.program import ProgramError, read_program
from jouleline.core.syntax import UnreadableSourceError, parse

_FILES = 10
_KEYSTROKES = 21


def measure(folders: Sequence[Path]) -> dict[str, Any]:
    """Median times over the largest files: the document path must not grow with the file (s)."""
    files = sorted(_kernel_files(folders), key=len, reverse=True)[:_FILES]
    again, anew = [], []
    for data in files:
        middle = data.find(b"\n", len(data) // 2)
        parsed = parse(data)
        for count in range(1, _KEYSTROKES):
            typed = data[:middle] + b" " * count + data[middle:]
            before = parsed
            again.append(_seconds(lambda typed=typed, before=before: parse(typed, before)))  # type: ignore[misc]  # bound now
            anew.append(_seconds(lambda typed=typed: parse(typed)))  # type: ignore[misc]  # bound now
            parsed = parse(typed, before)
    return {
        "files": len(files),
        "largest_bytes": len(files[0]) if files else 0,
        "incremental_median_s": statistics.median(again),
        "full_median_s": statistics.median(anew),
        "ratio": statistics.median(again) / statistics.median(anew),
    }


def _kernel_files(folders: Sequence[Path]) -> list[bytes]:
    found = []
    for folder in folders:
        try:
            program = read_program([folder])
        except ProgramError:
            continue
        for data in program.files.values():
            if b"__global__" in data or b"#pragma omp" in data:
                try:
                    parse(data)
                except UnreadableSourceError:
                    continue
                found.append(data)
    return found


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
