"""A labelled corpus small enough to read: own samples, with labels made up for the test."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "samples"
COLUMNS = (
    "program", "kernel_display", "language", "label", "driver", "file", "line_start", "line_end",
    "dram_bytes", "sp_flop", "dp_flop", "intop", "block", "grid", "exe_args",
)  # fmt: skip
# Counts are chosen so that the label follows from them on the paper's RTX 3080.
ROWS = (
    ("matmul-cuda", "matmul(const float *, const float *, float *, int)", "CUDA", "Compute", "sp",
     "matmul-cuda/main.cu", "9", "31", "1e6", "2e8", "0", "1e6", "(16, 16, 1)", "(16, 16, 1)", "256 2"),
    ("jacobi-cuda", "jacobi_step(const float *, float *, int)", "CUDA", "Bandwidth", "",
     "jacobi-cuda/main.cu", "8", "19", "3e7", "2e7", "0", "8e7", "(16, 16, 1)", "(128, 128, 1)", "2048 10"),
    ("heat-omp-offload", "step(float*, float const*, int, float) @line 9", "OMP", "Bandwidth", "",
     "heat-omp-offload/main.cpp", "9", "12", "8e6", "4e6", "0", "2e7", "(256, 1, 1)", "(3907, 1, 1)",
     "1000000 5"),
    ("colormap-omp-offload", "colour @line 9999", "OMP", "Compute", "int",
     "colormap-omp-offload/main.cpp", "9999", "9999", "1e3", "0", "0", "1e6", "(256, 1, 1)", "(10, 1, 1)",
     ""),
)  # fmt: skip
"""The last names a region that is not there."""


def write_labels(path: Path, rows: tuple[tuple[str, ...], ...] = ROWS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return path


def write_corpus(folder: Path) -> Path:
    for name in {row[0] for row in ROWS}:
        shutil.copytree(SAMPLES / name, folder / name)
    return folder
