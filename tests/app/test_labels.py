"""A labels file is read whole or refused with the place that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from jouleline.app.labels import COLUMNS, LabelsError, read_labels
from jouleline.core.counts import Evidence, Operation
from jouleline.core.kernel import Language
from jouleline.core.roofline import BoundKind
from jouleline.devices import load_catalogue
from tests.support.corpus import COLUMNS as WRITTEN
from tests.support.corpus import ROWS, write_labels

CATALOGUE = load_catalogue()
PAPER = CATALOGUE.get("rtx-3080-paper")


def test_a_row_becomes_a_kernel_with_its_measured_counts(tmp_path: Path) -> None:
    matmul, _, step, _ = read_labels(write_labels(tmp_path / "labels.csv"), PAPER)
    assert matmul.kernel.language is Language.CUDA
    assert matmul.kernel.base == "matmul"
    assert (matmul.kernel.file, matmul.kernel.line, matmul.kernel.arguments) == (
        "matmul-cuda/main.cu",
        9,
        "256 2",
    )
    assert (matmul.kind, matmul.driver) == (BoundKind.COMPUTE, Operation.SP)
    assert matmul.counts.operations[Operation.SP] == 2e8
    assert matmul.counts.evidence is Evidence.PROFILE
    assert matmul.counts.shape.grid == (16, 16, 1)
    assert 2**matmul.margin_log2 == pytest.approx(200 / 32.97, rel=1e-3)
    assert (step.kernel.language, step.kernel.line, step.driver) == (Language.OPENMP, 9, None)


def test_another_device_labels_the_same_counts_anew(tmp_path: Path) -> None:
    _, jacobi, *_ = read_labels(write_labels(tmp_path / "labels.csv"), PAPER)
    assert jacobi.on(PAPER) == jacobi
    elsewhere = jacobi.on(CATALOGUE.get("h200"))
    assert elsewhere.counts == jacobi.counts
    assert elsewhere.margin_log2 != jacobi.margin_log2


def changed(column: str, text: str) -> tuple[tuple[str, ...], ...]:
    row = list(ROWS[1])
    row[WRITTEN.index(column)] = text
    return ROWS[0], tuple(row)


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("dram_bytes", "many", "column dram_bytes: 'many' is no count"),
        ("sp_flop", "-1", "column sp_flop: '-1' is no count"),
        ("intop", "nan", "column intop: 'nan' is no count"),
        ("dp_flop", "", "column dp_flop: '' is no count"),
        ("label", "Latency", "column label: 'Latency' is none of Compute, Bandwidth"),
        ("language", "SYCL", "column language: 'SYCL' is none of CUDA, OMP, HIP"),
        ("driver", "fp8", "column driver: 'fp8' is none of sp, dp, int"),
        ("grid", "16x16", "column grid: '16x16' is no triple such as (256, 1, 1)"),
        ("program", "", "column program: is empty"),
    ],
)
def test_a_wrong_cell_is_named_by_line_and_column(tmp_path: Path, column: str, text: str, words: str) -> None:
    path = write_labels(tmp_path / "labels.csv", changed(column, text))
    with pytest.raises(LabelsError) as caught:
        read_labels(path, PAPER)
    assert str(caught.value) == f"{path}:3: {words}"


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("program,label\na,Compute\n")
    with pytest.raises(LabelsError, match=r"labels\.csv:1: no column kernel_display, language, file, "):
        read_labels(path, PAPER)


def test_a_row_that_ends_early_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(",".join(COLUMNS) + "\na-cuda,f(),CUDA,Compute\n")
    with pytest.raises(LabelsError, match=r":2: column dram_bytes: '' is no count|:2: column "):
        read_labels(path, PAPER)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfe\x00", "no CSV file in UTF-8"),
        (",".join(COLUMNS).encode(), "has no labels below its header"),
        (b"", "no column program"),
    ],
)
def test_what_is_no_labels_file_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    with pytest.raises(LabelsError, match=words):
        read_labels(path, PAPER)
    with pytest.raises(LabelsError, match="cannot be read"):
        read_labels(tmp_path / "gone.csv", PAPER)
