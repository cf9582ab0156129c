"""What a run found, read from its record: enough to offer its edit long after its process ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jouleline.core.source import Edit

from .history import HistoryError, read_result
from .record import RESULT_FILE


@dataclass(frozen=True)
class KeptResult:
    """The part of a document ``jouleline/refactor/1`` that is shown and offered.

    ``title`` says what the candidate does, empty if there is none; ``edits`` are those from the texts that
    were measured, by path relative to the program's root. ``record`` is the run's folder.
    """

    record: Path
    improved: bool
    headline: str
    details: str = ""
    title: str = ""
    edits: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict)


def read_edits(raw: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, tuple[Edit, ...]]:
    """What :func:`~jouleline.app.record.edits_json` made of edits, as edits again."""
    return {
        name: tuple(
            Edit(int(one["start"]), int(one["end"]), one["replacement"].encode("utf-8", "surrogateescape"))
            for one in found
        )
        for name, found in raw.items()
    }


def kept_result(record: Path) -> KeptResult:
    """What the run with this record found.

    Raises:
        HistoryError: if that cannot be read.
    """
    raw = read_result(record)
    if raw is None:
        raise HistoryError(f"{record / RESULT_FILE}: does not exist: the run did not end")
    try:
        candidate = raw["candidate"]
        return KeptResult(
            record=record,
            improved=raw["improved"] is True,
            headline=str(raw["headline"]),
            details=str(raw["details"]),
            title=str(candidate["title"]) if candidate else "",
            edits=read_edits(raw["edits"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise HistoryError(f"{record / RESULT_FILE}: is no result of this version: {error!r}") from error
