"""The document path: a whole program, then one keystroke after the other in the kernels of a file."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jouleline.app.analyse import analyse, parse_file, parse_files
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.memory import Memory
from jouleline.lsp.view import View
from jouleline.wiring import catalogue

from .places import digit, ends_of_statements, evenly

_ROUNDS = 9
_KEYSTROKES = 150
_DEVICE = "h200"


def measure(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Times on one core (s of processor time, which other programs lengthen less than wall time)."""
    device = catalogue().get(_DEVICE)
    whole = []
    for _ in range(_ROUNDS):
        gc.collect()
        gc.disable()  # as the server does while somebody types; verbs collect rarely
        start = time.process_time()
        parsed, _problems = parse_files(files)
        kernels = len(analyse(parsed, device).kernels)
        whole.append(time.process_time() - start)
        gc.enable()
    return {
        "lines": sum(data.count(b"\n") for data in files.values()),
        "kernels": kernels,
        "whole_program_s": _spread(whole),
        "keystroke_s": _spread(_keystrokes(files, name)),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _keystrokes(files: Mapping[str, bytes], name: str) -> list[float]:
    """From the changed text to the bound of the kernel that was changed, as a hint tells it.

    While a region of host code is typed in, that is with the host code as it was followed before.
    """
    device, memory, data = catalogue().get(_DEVICE), Memory(), files[name]
    others = {other: parse_file(text) for other, text in files.items() if other != name}

    def view(document: Document) -> View:
        assert document.parsed is not None
        program = {name: document.parsed, **others}
        return View(document, name, program, device, "", "", "utf-8", memory)

    document = Document(f"file:///{name}", Path(name), "cuda-cpp", 0, SourceText(data))
    seen = view(document)
    kernels = [place for place, _ in seen.kernels]
    for place in kernels:
        seen.reports(place)
    ends = ends_of_statements(data)
    seconds = []
    gc.collect()
    gc.disable()  # as the server does while somebody types
    for turn, chosen in enumerate(evenly(len(ends), _KEYSTROKES)):
        number, at = ends[chosen]
        changed = SourceText(data[:at] + digit(turn, len(ends)).encode() + data[at:])
        start = time.process_time()
        view(document.changed(changed, turn)).soon(kernels[number])
        seconds.append(time.process_time() - start)
    gc.enable()
    return seconds


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median": statistics.median(ordered),
        "p90": ordered[round(0.9 * (len(ordered) - 1))],
        "p95": ordered[round(0.95 * (len(ordered) - 1))],
        "least": ordered[0],
    }
