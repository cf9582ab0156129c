"""Write fine-tuning data and its manifest, and read the manifest again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jouleline import __version__
from jouleline.core.device import Device
from jouleline.core.roofline import BoundKind

from .training_data import SINGLE_SPLIT_FOLDS, Collected, Labelled, Split, balanced, json_lines, splits

MANIFEST: Final = "manifest.json"
TEST_LABELS: Final = "test-labels.csv"
SCHEMA: Final = "jouleline/training-data/1"


class TrainingDataError(ValueError):
    """A folder that holds no training data of ours, or none that can be used; the message says why."""


@dataclass(frozen=True)
class Plan:
    """How to split. ``folds`` is None for one split into train, validation and test."""

    folds: int | None = None
    balance: bool = False
    seed: int = 0


def export(collected: Collected, labels: Path, device: Device, plan: Plan, out: Path) -> dict[str, Any]:
    """Write the splits below ``out`` and the manifest last; returns the manifest.

    With folds each has a folder ``fold-0`` and so on. Beside the conversations lies the part of the
    labels file that is tested, so that a study can be run on no other kernel.

    Raises:
        TrainingDataError: if a split would be empty.
        OSError: if a file cannot be written.
    """
    parts = []
    for tested in range(plan.folds or 1):
        kept = splits(collected.examples, plan.folds or SINGLE_SPLIT_FOLDS, tested, plan.seed)
        if plan.balance:
            kept = {split: balanced(examples, plan.seed) for split, examples in kept.items()}
        for split, examples in kept.items():
            if not examples:
                raise TrainingDataError(
                    f"no kernel is left for {split} in fold {tested}; take more labels, fewer folds, "
                    f"another --seed{', or no --balanced' if plan.balance else ''}"
                )
        parts.append((f"fold-{tested}" if plan.folds else "", kept))
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)
    entries = [_write(out, folder, kept, labels, device) for folder, kept in parts]
    manifest = {
        "schema": SCHEMA,
        "jouleline": __version__,
        "format": "chat fine-tuning, JSON lines",
        "device": device.id,
        "labels": {"file": labels.name, "sha256": _digest(labels.read_bytes())},
        "seed": plan.seed,
        "folds": plan.folds,
        "balanced": plan.balance,
        "kernels": len(collected.examples),
        "left_out": dict(collected.left_out),
        "splits": entries,
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    return manifest


def _write(
    out: Path, folder: str, kept: Mapping[Split, Sequence[Labelled]], labels: Path, device: Device
) -> dict[str, Any]:
    (out / folder).mkdir(exist_ok=True)
    entry: dict[str, Any] = {"folder": folder or "."}
    for split, examples in kept.items():
        data = json_lines(examples, device)
        (out / folder / f"{split}.jsonl").write_bytes(data)
        entry[str(split)] = {"file": f"{split}.jsonl", "sha256": _digest(data), **_summary(examples)}
    rows = {one.row for one in kept[Split.TEST]}
    (out / folder / TEST_LABELS).write_text(_rows(labels, rows), "utf-8")
    return entry


def _summary(examples: Sequence[Labelled]) -> dict[str, Any]:
    kinds = Counter(one.kind for one in examples)
    languages = Counter(str(one.language) for one in examples)
    return {
        "conversations": len(examples),
        **{str(kind): kinds[kind] for kind in BoundKind},
        "languages": dict(sorted(languages.items())),
        "base_programs": sorted({one.base for one in examples}),
    }


def _rows(labels: Path, chosen: set[int]) -> str:
    """Rows of the labels file, with its header."""
    with labels.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(row for index, row in enumerate(row for row in rows if row) if index in chosen)
    return text.getvalue()


def read_split(folder: Path, split: Split) -> bytes:
    """The conversations of a folder, checked against the manifest in it or above it.

    Raises:
        TrainingDataError: if the file is not there, or is not what was written.
    """
    file = folder / f"{split}.jsonl"
    manifest = next((one / MANIFEST for one in (folder, folder.parent) if (one / MANIFEST).is_file()), None)
    if manifest is None:
        raise TrainingDataError(
            f"{folder}: has no {MANIFEST}; write training data with `jouleline study export`"
        )
    try:
        document = json.loads(manifest.read_text("utf-8"))
        name = "." if manifest.parent == folder else folder.name
        wanted = {entry["folder"]: entry for entry in document["splits"]}[name][str(split)]["sha256"]
        data = file.read_bytes()
    except OSError as error:
        raise TrainingDataError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except KeyError:
        folds = sorted(path.name for path in folder.glob("fold-*"))
        hint = f"; name one of its folds, such as {folder / folds[0]}" if folds else ""
        raise TrainingDataError(f"{manifest}: does not name {file.name} of {folder}{hint}") from None
    except (ValueError, TypeError):
        raise TrainingDataError(f"{manifest}: is no manifest of `jouleline study export`") from None
    if _digest(data) != wanted:
        raise TrainingDataError(f"{file}: is not what {manifest.name} describes; write it again")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
