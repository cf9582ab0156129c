"""Labels: what a profiler measured of each kernel of a corpus, and which analysed kernel it means."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from jouleline.core.counts import Evidence, KernelCounts, LaunchShape, Operation
from jouleline.core.device import Device
from jouleline.core.folds import base_program
from jouleline.core.kernel import Language
from jouleline.core.roofline import BoundKind, classify

_LANGUAGES: Final = {"CUDA": Language.CUDA, "OMP": Language.OPENMP, "HIP": Language.HIP}
_KINDS: Final = {"Compute": BoundKind.COMPUTE, "Bandwidth": BoundKind.BANDWIDTH}
_DRIVERS: Final = {"sp": Operation.SP, "dp": Operation.DP, "int": Operation.INT}
COLUMNS: Final = (
    "program", "kernel_display", "language", "label", "file", "line_start", "line_end",
    "dram_bytes", "sp_flop", "dp_flop", "intop", "exe_args",
)  # fmt: skip
"""The columns that are read, with `driver`, `grid` and `block` where they are there."""
_AT_LINE: Final = re.compile(r"@line (\d+)\s*$")
_T = TypeVar("_T")


class LabelsError(ValueError):
    """A labels file that cannot be used; the message says where it is wrong and what was expected."""


@dataclass(frozen=True)
class NamedKernel:
    """Which kernel is meant: all that may be known of it before it is answered for.

    ``file`` is relative to the corpus (empty: not known), ``line`` and ``end_line`` count from 1 (0: not
    known). ``arguments`` is the run line's text.
    """

    program: str
    display: str
    language: Language
    file: str
    line: int
    end_line: int
    arguments: str

    @property
    def base(self) -> str:
        """The base program."""
        return base_program(self.program)


@dataclass(frozen=True)
class LabelledKernel:
    """A kernel with the counts that were measured for one launch, and its label on one device.

    The counts' ``shape`` is the launch as measured, truth as well. ``margin_log2`` follows from the counts.
    """

    kernel: NamedKernel
    kind: BoundKind
    driver: Operation | None
    margin_log2: float
    counts: KernelCounts

    def on(self, device: Device) -> LabelledKernel:
        """The label that the same counts get on another device."""
        bound = classify(self.counts, device)
        return replace(self, kind=bound.kind, driver=bound.driver, margin_log2=bound.margin_log2)


def read_labels(path: Path, device: Device) -> tuple[LabelledKernel, ...]:
    """Read a labels file, in the order of its rows. ``device`` is that of the labels: it gives margins.

    Raises:
        LabelsError: with the file, the line and the column that is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise LabelsError(f"{path}:1: no column {', '.join(missing)}; see docs/studies.md")
            labels = tuple(_Row(path, rows.line_num, row).label(device) for row in rows)
    except OSError as error:
        raise LabelsError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{path}: is no CSV file in UTF-8: {error}") from error
    if not labels:
        raise LabelsError(f"{path}: has no labels below its header")
    return labels


@dataclass(frozen=True)
class _Row:
    path: Path
    line: int
    cells: dict[str, str]

    def label(self, device: Device) -> LabelledKernel:
        operations = {
            Operation.SP: self._amount("sp_flop"),
            Operation.DP: self._amount("dp_flop"),
            Operation.INT: self._amount("intop"),
        }
        known = bool(self.cells.get("grid") and self.cells.get("block"))
        shape = LaunchShape(self._dimensions("grid"), self._dimensions("block"), known=known)
        counts = KernelCounts(operations, self._amount("dram_bytes"), (), shape, Evidence.PROFILE)
        display = self._text("kernel_display")
        at_line = _AT_LINE.search(display)
        line = int(at_line[1]) if at_line else int(self._amount("line_start"))
        kernel = NamedKernel(
            program=self._text("program"),
            display=display,
            language=self._one_of("language", _LANGUAGES),
            file=self.cells["file"] or "",
            line=line,
            end_line=max(line, int(self._amount("line_end"))),
            arguments=self.cells["exe_args"] or "",
        )
        return LabelledKernel(
            kernel=kernel,
            kind=self._one_of("label", _KINDS),
            driver=self._driver(),
            margin_log2=classify(counts, device).margin_log2,
            counts=counts,
        )

    def _text(self, column: str) -> str:
        text = self.cells[column]
        if not text:
            raise self._wrong(column, "is empty")
        return text

    def _amount(self, column: str) -> float:
        text = self.cells[column] or ""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise self._wrong(column, f"{text!r} is no count")
        return value

    def _one_of(self, column: str, values: Mapping[str, _T]) -> _T:
        try:
            return values[self.cells[column]]
        except KeyError:
            raise self._wrong(column, f"{self.cells[column]!r} is none of {', '.join(values)}") from None

    def _driver(self) -> Operation | None:
        return self._one_of("driver", _DRIVERS) if self.cells.get("driver") else None

    def _dimensions(self, column: str) -> tuple[int, int, int]:
        text = self.cells.get(column)
        if not text:
            return (1, 1, 1)
        found = re.fullmatch(r"\((\d+), *(\d+), *(\d+)\)", text)
        if found is None:
            raise self._wrong(column, f"{text!r} is no triple such as (256, 1, 1)")
        return int(found[1]), int(found[2]), int(found[3])

    def _wrong(self, column: str, what: str) -> LabelsError:
        return LabelsError(f"{self.path}:{self.line}: column {column}: {what}")
