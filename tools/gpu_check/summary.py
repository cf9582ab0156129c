"""The readable summary of a results file; it holds nothing that is not in that file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .stages import STAGES


def summary(document: Mapping[str, Any]) -> str:
    """Markdown from a ``jouleline/gpu-check/1`` document."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"# GPU check: {document['device']}"
    yield ""
    yield "Made by `make gpu-check` from the JSON file beside it, which holds every figure with its origin."
    yield ""
    for name, value in document["machine"].items():
        yield f"- {name}: {value}"
    for name, stage in STAGES.items():
        yield ""
        yield f"## {name}: {stage.question}"
        yield ""
        yield from _stage(document["stages"].get(name))


def _stage(entry: Mapping[str, Any] | None) -> Iterator[str]:
    if entry is None:
        yield "Not run so far."
        return
    yield f"{entry['date']}, {entry['device']}, {entry['driver']}, {entry['seconds']} s."
    if entry["status"] == "failed":
        yield ""
        yield f"**Failed**: {entry['reason']}"
        return
    if entry["claims"]:
        yield ""
    for claim in entry["claims"]:
        yield f"- **{'holds' if claim['holds'] else 'DOES NOT HOLD'}**: {claim['text']}"
    if entry["figures"]:
        yield ""
        yield "| figure | value | 95% interval | unit | provenance |"
        yield "| --- | --- | --- | --- | --- |"
        for figure in entry["figures"]:
            cells = (_name(figure["name"]), _number(figure["value"]), _interval(figure), figure["unit"])
            yield f"| {' | '.join(cells)} | {figure['provenance']} |"
    if entry["notes"]:
        yield ""
        for note in entry["notes"]:
            yield f"- {_one_line(note)}"


def _name(text: str) -> str:
    return text.replace("|", "\\|")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _interval(figure: Mapping[str, Any]) -> str:
    low, high = figure.get("interval", (None, None))
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"
