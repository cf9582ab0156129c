"""Keep what the loop found: one folder a run, with the result as JSON and the edit as a patch."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jouleline.core.candidate import Candidate, patch
from jouleline.core.source import Edit
from jouleline.core.verdict import gates_json
from jouleline.core.workload import Workload

from .bound_report import kernel_record
from .headroom import BeforeAfter
from .loop_settings import describe
from .measure_report import comparison_json
from .outcome import Attempt, Outcome, Tools
from .program import Program
from .roofline_picture import program_picture

RESULT_FILE = "result.json"
PATCH_FILE = "candidate.patch"


def energy_file(name: str) -> str:
    """The file of a record's folder with the windows of the comparison called ``name``."""
    return f"energy-{_plain(name)}.jsonl"


def new_record(records: Path, name: str) -> Path:
    """A fresh folder, readable by its owner only, named by time and program."""
    records.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path(tempfile.mkdtemp(prefix=f"{stamp}-{_plain(name)}-", dir=records))


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:40] or "program"


def write_record(outcome: Outcome, program: Program, workload: Workload, tools: Tools) -> None:
    """Write the result and, if there is a candidate, its patch against the texts that were measured."""
    document = outcome_json(outcome, program, workload, tools)
    (outcome.record / RESULT_FILE).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    if outcome.candidate is not None:
        text = patch(outcome.base, outcome.candidate.files)
        (outcome.record / PATCH_FILE).write_text(text, "utf-8")


def outcome_json(outcome: Outcome, program: Program, workload: Workload, tools: Tools) -> dict[str, Any]:
    """The document ``jouleline/refactor/1``."""
    return {
        "schema": "jouleline/refactor/1",
        "program": str(program.root.absolute()),
        "workload": {
            "build": workload.build,
            "run": workload.run,
            "args": workload.args,
            "origin": workload.origin,
        },
        "runner": {"name": tools.runner.name, "guarantees": list(tools.runner.guarantees)},
        "notes": list(outcome.notes),
        "settings": describe(tools.settings),
        "model": tools.model.name if tools.model is not None else None,
        "cost": asdict(outcome.cost),
        "improved": outcome.improved,
        "headline": outcome.headline,
        "details": outcome.details,
        "candidate": _candidate_json(outcome.candidate) if outcome.candidate else None,
        "energy": comparison_json(outcome.energy) if outcome.energy else None,
        "patch": patch(outcome.base, outcome.candidate.files) if outcome.candidate else None,
        "edits": edits_json(outcome.edits),
        "attempts": [_attempt_json(attempt) for attempt in outcome.attempts],
        "bounds": outcome.roofs.words() if outcome.roofs else [],
        "roofs": _roofs_json(outcome.roofs) if outcome.roofs else None,
        "record": str(outcome.record),
    }


def edits_json(edits: Mapping[str, Sequence[Edit]]) -> dict[str, list[dict[str, Any]]]:
    """Byte edits by file as JSON; bytes that are no UTF-8 become lone surrogates."""
    return {
        name: [
            {
                "start": one.start,
                "end": one.end,
                "replacement": one.replacement.decode("utf-8", "surrogateescape"),
            }
            for one in found
        ]
        for name, found in edits.items()
    }


def _roofs_json(roofs: BeforeAfter) -> dict[str, Any]:
    """The kernels as ``jouleline/bound/1`` has them, and a picture of them under the device's roofs."""
    before, after = roofs.before, roofs.after
    return {
        "device": {"id": after.device.id, "name": after.device.name},
        "before": [kernel_record(report, before.device) for report in before.kernels],
        "after": [kernel_record(report, after.device) for report in after.kernels],
        "picture": program_picture(after.kernels, after.device, before.kernels),
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "title": candidate.title,
        "files": sorted(candidate.files),
        "rewrites": [
            {
                "rule": rewrite.rule,
                "line": rewrite.line,
                "title": rewrite.title,
                "rationale": rewrite.rationale,
                "rounding": rewrite.rounding,
            }
            for rewrite in candidate.rewrites
        ],
    }


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "candidate": _candidate_json(attempt.candidate),
        "proposer": attempt.proposer,
        "round": attempt.round,
        "correction": attempt.correction,
        "accepted": attempt.verdict.accepted,
        "gates": gates_json(attempt.verdict),
        "energy": comparison_json(attempt.energy) if attempt.energy else None,
        "problem": attempt.problem or None,
    }
