"""Which kernel of an analysis a label means."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Final

from jouleline.core.kernel import Language
from jouleline.core.symbol import normal_argument

from .analyse import KernelReport
from .labels import NamedKernel

_NEAR_LINES: Final = 2
"""A directive of several lines is named by any of them."""
_MANGLED: Final = re.compile(r"_ZN?L?(?=\d)")


def match(wanted: NamedKernel, reports: Sequence[KernelReport]) -> int | None:
    """The index of the record that a label means; None if there is none.

    OpenMP regions are known by file and line. CUDA and HIP kernels are known by name, and among those of
    one name by file, lines and template arguments; of several launches the first.
    """
    candidates = [index for index, report in enumerate(reports) if report.kernel.language is wanted.language]
    if wanted.language is Language.OPENMP:
        return _region(wanted, reports, candidates)
    name = bare_name(wanted.display)
    candidates = [index for index in candidates if reports[index].kernel.name == name]
    return min(candidates, key=lambda index: _distance(wanted, reports[index]), default=None)


def bare_name(display: str) -> str:
    """The function's own name in ``void ns::scale<float, 4>(T1 *)`` or in a mangled name."""
    if mangled := _MANGLED.match(display):
        rest, name = display[mangled.end() :], ""
        while length := re.match(r"\d+", rest):
            name = rest[length.end() : length.end() + int(length[0])]
            rest = rest[length.end() + int(length[0]) :]
        return name
    text = display.replace("(anonymous namespace)::", "")
    head = re.split(r"[<(]", text, maxsplit=1)[0].strip()
    return head.split(" ")[-1].split("::")[-1]


def _region(wanted: NamedKernel, reports: Sequence[KernelReport], candidates: list[int]) -> int | None:
    if wanted.file:
        candidates = _of_file(wanted, reports, candidates)
    else:
        name = bare_name(wanted.display)
        candidates = [index for index in candidates if reports[index].kernel.name == name]

    def lines_off(index: int) -> int:
        return abs(reports[index].kernel.line - wanted.line)

    near = [index for index in candidates if lines_off(index) <= _NEAR_LINES]
    around = [index for index in candidates if _spans(reports[index], wanted.line)]

    def distance(index: int) -> tuple[int, int]:
        return lines_off(index), -_common_arguments(wanted, reports[index])

    return min(near or around, key=distance, default=None)


def _of_file(wanted: NamedKernel, reports: Sequence[KernelReport], candidates: list[int]) -> list[int]:
    """Those of the label's file; if its folder was named otherwise, those of a file of that name."""
    exact = [index for index in candidates if _same_file(wanted, reports[index])]
    if exact:
        return exact
    name = posixpath.basename(wanted.file)
    return [index for index in candidates if posixpath.basename(reports[index].file) == name]


def _same_file(wanted: NamedKernel, report: KernelReport) -> bool:
    return posixpath.normpath(posixpath.join(wanted.program, report.file)) == posixpath.normpath(wanted.file)


def _spans(report: KernelReport, line: int) -> bool:
    return report.kernel.line <= line <= report.kernel.end_line


def _distance(wanted: NamedKernel, report: KernelReport) -> tuple[bool, bool, int]:
    elsewhere = not _same_file(wanted, report)
    overlaps = report.kernel.line <= wanted.end_line and wanted.line <= report.kernel.end_line
    return elsewhere, not overlaps, -_common_arguments(wanted, report)


def _common_arguments(wanted: NamedKernel, report: KernelReport) -> int:
    """How many template arguments the label and the record have in common, place by place."""
    opening = f"{report.kernel.name}<"
    measured, written = (
        _split(display.partition(opening)[2]) for display in (wanted.display, report.kernel.display)
    )
    pairs = zip(map(normal_argument, measured), map(normal_argument, written), strict=False)
    return sum(a == b != "" for a, b in pairs)


def _split(text: str) -> list[str]:
    """Template arguments up to the bracket that closes their list."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "<(") - (letter in ">)")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
