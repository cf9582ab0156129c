"""Better evidence replaces weaker; an opinion stands beside the counts."""

from __future__ import annotations

from dataclasses import replace

from jouleline.app.analyse import Analysis, analyse, parse_files
from jouleline.app.evidence import Refinement, refined
from jouleline.core.counts import Evidence, Operation
from jouleline.core.roofline import Bound, BoundKind
from jouleline.wiring import catalogue

SOURCE = b"""
__global__ void copy(float* a, const float* b) { a[blockIdx.x] = b[blockIdx.x]; }
int main() { copy<<<1000, 1>>>(0, 0); }
"""


def analysed() -> Analysis:
    parsed, _ = parse_files({"main.cu": SOURCE})
    return analyse(parsed, catalogue().get("rtx-3080-paper"))


def test_counts_of_a_better_kind_replace_those_of_the_source() -> None:
    analysis = analysed()
    profiled = replace(
        analysis.kernels[0].counts,
        evidence=Evidence.PROFILE,
        operations={Operation.DP: 1e9},
        dram_bytes=1e6,
    )
    better = refined(analysis, Refinement({0: profiled})).kernels[0]
    assert (better.evidence, better.bound.kind, better.bound.driver) == (
        Evidence.PROFILE,
        BoundKind.COMPUTE,
        Operation.DP,
    )


def test_counts_of_a_weaker_kind_replace_nothing() -> None:
    analysis = analysed()
    profiled = refined(
        analysis, Refinement({0: replace(analysis.kernels[0].counts, evidence=Evidence.PROFILE)})
    )
    compiled = replace(analysis.kernels[0].counts, evidence=Evidence.COMPILED, dram_bytes=1.0)
    assert refined(profiled, Refinement({0: compiled})).kernels == profiled.kernels


def test_an_opinion_is_named_as_one_and_keeps_the_counts() -> None:
    analysis = analysed()
    opinion = Bound(BoundKind.COMPUTE, None, 0.0, 0.9, 0.0)
    report = refined(analysis, Refinement(opinions={0: opinion})).kernels[0]
    assert (report.evidence, report.bound) == (Evidence.MODEL, opinion)
    assert report.counts == analysis.kernels[0].counts
