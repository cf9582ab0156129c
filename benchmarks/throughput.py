"""How fast the bounds of whole programs are found, beside the bare parser on the same files."""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tree_sitter import Parser

from jouleline.app.analyse import analyse, parse_files
from jouleline.app.program import SOURCE_SUFFIXES, Program, ProgramError, read_program
from jouleline.core.makefile import run_arguments, run_command
from jouleline.core.syntax import cpp_language
from jouleline.wiring import catalogue

_SLOWEST_SHOWN = 5


def program_folders(corpus: Path, labels: Path | None = None) -> list[Path]:
    """The programs that a file of labels names, or else the folders that hold source of their own."""
    if labels is not None:
        with labels.open(encoding="utf-8", newline="") as file:
            return [corpus / name for name in sorted({row["program"] for row in csv.DictReader(file)})]
    return [
        folder
        for folder in sorted(corpus.iterdir())
        if folder.is_dir() and any(file.suffix in SOURCE_SUFFIXES for file in folder.iterdir())
    ]


def measure(folders: Sequence[Path]) -> dict[str, Any]:
    """Processor time for each program: parsing and analysing, and the bare parser (s)."""
    device = catalogue().get("rtx-3080-paper")
    times: list[tuple[float, str]] = []
    totals = {"programs": 0, "kernels": 0, "lines": 0, "unread_files": 0}
    parser_s = ours_s = 0.0
    for done, folder in enumerate(folders):
        if sys.stderr.isatty():
            print(f"\r{done}/{len(folders)} {folder.name:<40}", end="", file=sys.stderr)
        try:
            program = read_program([folder])
        except ProgramError:
            continue
        parser_s += _bare(program)
        command = run_command(program.makefile)
        start = time.process_time()
        parsed, problems = parse_files(program.files)
        analysis = analyse(parsed, device, run_arguments(command) if command else ())
        elapsed = time.process_time() - start
        ours_s += elapsed
        times.append((elapsed, folder.name))
        totals["programs"] += 1
        totals["kernels"] += len(analysis.kernels)
        totals["unread_files"] += len(problems) + len(program.problems)
        totals["lines"] += sum(data.count(b"\n") for data in program.files.values())
    seconds = [elapsed for elapsed, _ in times]
    return {
        **totals,
        "processor_s": round(ours_s, 1),
        "programs_per_s": totals["programs"] / ours_s,
        "kernels_per_s": totals["kernels"] / ours_s,
        "lines_per_s": totals["lines"] / ours_s,
        "median_s": statistics.median(seconds),
        "ratio_to_bare_parser": ours_s / parser_s,
        "slowest": [
            {"program": name, "s": round(elapsed, 3)}
            for elapsed, name in sorted(times, reverse=True)[:_SLOWEST_SHOWN]
        ],
    }


def _bare(program: Program) -> float:
    parser = Parser(cpp_language())
    start = time.process_time()
    for data in program.files.values():
        parser.parse(data)
    return time.process_time() - start
