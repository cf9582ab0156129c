"""What is advised follows from what limits the kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jouleline.app.advice import advice
from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.core.counts import Operation
from jouleline.core.roofline import BoundKind
from jouleline.core.smell import Smell
from jouleline.rules.restrict_pointers import RestrictPointers
from jouleline.wiring import catalogue

KERNEL = b"__global__ void scale(float *x) { x[threadIdx.x] *= 2.0f; }"
OVERLAP = Smell(RestrictPointers().name, 0, 10, RestrictPointers().smell)
DIVISION = Smell("reciprocal", 0, 10, "A division takes several times the energy of a product.")


def bound_by(kind: BoundKind) -> KernelReport:
    [report] = analyse(parse_files({"k.cu": KERNEL})[0], catalogue().get("h200")).kernels
    driver = Operation.SP if kind is BoundKind.COMPUTE else None
    return replace(report, bound=replace(report.bound, kind=kind, driver=driver))


@pytest.mark.parametrize(
    ("kind", "smells", "said"),
    [
        (BoundKind.BANDWIDTH, [OVERLAP, DIVISION], [OVERLAP.message, DIVISION.message]),
        (BoundKind.COMPUTE, [OVERLAP, DIVISION], [DIVISION.message]),
    ],
)
def test_fewer_loads_are_no_advice_where_computing_limits(
    kind: BoundKind, smells: list[Smell], said: list[str]
) -> None:
    assert list(advice(bound_by(kind), smells)) == said


def test_without_a_smell_that_applies_the_bound_tells_what_to_try() -> None:
    [one] = advice(bound_by(BoundKind.COMPUTE), [OVERLAP])
    assert one.startswith("Do fewer operations")
    [one] = advice(bound_by(BoundKind.BANDWIDTH), [])
    assert one.startswith("Move fewer bytes")
