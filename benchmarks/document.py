"""The document path: a whole program, then one keystroke after the other in its kernels."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jouleline.app.analyse import analyse, parse_files
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.memory import Memory
from jouleline.lsp.view import View
from jouleline.wiring import catalogue

_ROUNDS = 9
_KEYSTROKES = 150
_DEVICE = "h200"


def measure(data: bytes) -> dict[str, Any]:
    """Times on one core (s of processor time, which other programs lengthen less than wall time)."""
    device = catalogue().get(_DEVICE)
    whole = []
    for _ in range(_ROUNDS):
        gc.collect()
        gc.disable()  # as the server does while somebody types; verbs collect rarely
        start = time.process_time()
        parsed, _problems = parse_files({"generated.cu": data})
        kernels = len(analyse(parsed, device).kernels)
        whole.append(time.process_time() - start)
        gc.enable()
    return {
        "lines": data.count(b"\n"),
        "kernels": kernels,
        "whole_program_s": _spread(whole),
        "keystroke_s": _spread(_keystrokes(data)),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _keystrokes(data: bytes) -> list[float]:
    """From the changed text to the bound of the kernel that was changed, as the server finds it."""
    device, memory = catalogue().get(_DEVICE), Memory()
    document = Document("file:///generated.cu", Path("generated.cu"), "cuda-cpp", 0, SourceText(data))

    def view() -> View:
        assert document.parsed is not None
        return View(
            document, "generated.cu", {"generated.cu": document.parsed}, device, "", "", "utf-8", memory
        )

    seen = view()
    for place, _ in seen.kernels:
        seen.reports(place)
    seconds = []
    gc.collect()
    gc.disable()  # as the server does while somebody types
    for typed in range(_KEYSTROKES):
        place, kernel = seen.kernels[typed * 7 % len(seen.kernels)]
        text = document.text.data
        at = text.index(b";", kernel.anchor)
        changed = SourceText(text[:at] + b"1 "[typed % 2 :][:1] + text[at:])
        start = time.process_time()
        document = document.changed(changed, typed)
        seen = view()
        seen.reports(place)
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
