"""The worked example of docs/bounds.md: the figures made by hand there are those that come out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.core.counts import Operation
from jouleline.core.roofline import BoundKind
from jouleline.devices import load_catalogue

_PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"


def section() -> str:
    return _PAGE.read_text("utf-8").partition("### A worked example")[2].partition("\n### ")[0]


def by_hand(row: str) -> float:
    """The last column of a row of the table."""
    (figure,) = re.findall(rf"^\| {row} \|.*\| ([-\d,.]+) \|$", section(), re.MULTILINE)
    return float(figure.replace(",", ""))


@pytest.fixture(scope="module")
def report() -> KernelReport:
    (source,) = re.findall(r"```cuda\n(.*?)```", section(), re.DOTALL)
    parsed, problems = parse_files({"smooth.cu": source.encode()})
    assert problems == []
    (report,) = analyse(parsed, load_catalogue().get("rtx-3080-paper")).kernels
    return report


def test_nothing_had_to_be_assumed(report: KernelReport) -> None:
    assert report.counts.assumptions == ()
    assert (report.counts.shape.grid, report.counts.shape.block) == ((4096, 1, 1), (256, 1, 1))


def test_operations_are_as_by_hand(report: KernelReport) -> None:
    assert report.counts.operations[Operation.SP] == pytest.approx(by_hand("sp"))
    assert report.counts.operations[Operation.INT] == pytest.approx(by_hand("int"))
    assert report.counts.operations[Operation.DP] == 0


def test_bytes_are_as_by_hand(report: KernelReport) -> None:
    arrays = {array.name: array for array in report.counts.arrays}
    assert arrays["in"].dram_bytes == by_hand("reads")
    assert arrays["out"].dram_bytes == pytest.approx(by_hand("writes"), abs=1)
    assert report.counts.dram_bytes == pytest.approx(by_hand("DRAM"), abs=1)
    assert {array.coalescing for array in arrays.values()} == {1.0}


def test_the_bound_is_as_by_hand(report: KernelReport) -> None:
    assert report.bound.kind is BoundKind.BANDWIDTH
    assert report.bound.margin_log2 == pytest.approx(by_hand("margin"), abs=0.01)
