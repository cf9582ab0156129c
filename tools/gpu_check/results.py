"""What the check found, as it is kept: one JSON file for each device."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from jouleline.core.interval import Estimate

SCHEMA: Final = "jouleline/gpu-check/1"

MEASURED: Final = "measured"
COMPUTED: Final = "computed from what was measured"


class ResultsError(ValueError):
    """Results that cannot be read or must not be written there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its unit (``1``: none); ``low`` and ``high`` bound its 95% interval, if it has one."""

    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    provenance: str = MEASURED


def estimated(name: str, estimate: Estimate, unit: str, provenance: str = COMPUTED) -> Figure:
    """A figure with its interval."""
    return Figure(name, estimate.value, unit, estimate.low, estimate.high, provenance)


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that ought to hold, and whether it does."""

    text: str
    holds: bool


@dataclass(slots=True)
class Findings:
    """What a stage found."""

    figures: list[Figure] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose figures they are and when they were taken; stands at every figure."""

    device: str
    driver: str
    date: str


def stage_done(origin: Origin, seconds: float, findings: Findings) -> dict[str, Any]:
    """The record of a stage that came to its end."""
    return {
        "status": "done",
        **asdict(origin),
        "seconds": round(seconds, 1),
        "claims": [asdict(claim) for claim in findings.claims],
        "figures": [_figure(figure, origin) for figure in findings.figures],
        "notes": findings.notes,
    }


def stage_failed(origin: Origin, seconds: float, reason: str) -> dict[str, Any]:
    """The record of a stage that did not."""
    return {"status": "failed", **asdict(origin), "seconds": round(seconds, 1), "reason": reason}


def _figure(figure: Figure, origin: Origin) -> dict[str, Any]:
    # Six digits are more than any of the sensors has.
    def rounded(value: float | None) -> float | None:
        return None if value is None or value in (float("inf"), float("-inf")) else float(f"{value:.6g}")

    interval = {} if figure.low is None else {"interval": [rounded(figure.low), rounded(figure.high)]}
    return {
        "name": figure.name,
        "value": rounded(figure.value),
        **interval,
        "unit": figure.unit,
        "provenance": figure.provenance,
        **asdict(origin),
    }


@dataclass(slots=True)
class Results:
    """The file of one device: what it is, and the record of each stage so far."""

    path: Path
    document: dict[str, Any]

    @property
    def stages(self) -> dict[str, Any]:
        """The records by stage."""
        stages: dict[str, Any] = self.document["stages"]
        return stages

    def record(self, stage: str, entry: Mapping[str, Any]) -> None:
        """Keep the record of a stage, at once: whoever is interrupted loses one stage at most."""
        self.stages[stage] = dict(entry)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.document, indent=2) + "\n", encoding="utf-8")
        new.replace(self.path)


def open_results(folder: Path, device: str, machine: Mapping[str, str]) -> Results:
    """The results of a device in ``folder``, with those of earlier runs.

    Raises:
        ResultsError: when what is there is not ours.
    """
    path = folder / f"gpu-check-{slug(device)}.json"
    fresh = {"schema": SCHEMA, "device": device, "machine": dict(machine), "stages": {}}
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        return Results(path, fresh)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path}: is not JSON ({error}); remove it to begin anew") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "stages" not in document:
        raise ResultsError(f"{path}: is not a {SCHEMA} document; remove it to begin anew")
    return Results(path, document | {"machine": dict(machine)})


def slug(device: str) -> str:
    """A device's name as part of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", device.casefold()).strip("-")
