"""Better evidence than the source's: who gives it, and how it replaces what was known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from jouleline.core.counts import Evidence, KernelCounts
from jouleline.core.roofline import Bound, classify

from .analyse import Analysis, KernelReport
from .program import Problem, Program


@dataclass(frozen=True)
class Refinement:
    """What one kind of evidence says of an analysis's kernels, by their index in ``kernels``.

    ``opinions`` are bounds without counts, which only a model gives. ``reports`` stand in place of one
    report, where a kernel turned out to be launched in other ways than the source tells. ``problems``
    say for which kernels nothing was found, and why. ``unavailable`` is the one of them that another
    time might mend: a server that is down, a spent budget.
    """

    counts: Mapping[int, KernelCounts] = field(default_factory=dict)
    opinions: Mapping[int, Bound] = field(default_factory=dict)
    reports: Mapping[int, Sequence[KernelReport]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    unavailable: str = ""


class EvidenceUnavailableError(RuntimeError):
    """Evidence could not be had this time, where going on without it is of no use."""


class EvidenceSource(Protocol):
    """Gives evidence of one kind: a compiler, a profiler's file, an emulator or a model."""

    @property
    def kind(self) -> Evidence:
        """The kind of evidence it gives."""

    def refine(self, analysis: Analysis, program: Program) -> Refinement:
        """What it can tell of each kernel; what it cannot tell becomes a problem, never an error."""


def refined(analysis: Analysis, refinement: Refinement) -> Analysis:
    """The analysis with better counts in place of weaker ones.

    An opinion is asked for by name, so it stands beside the counts whatever their evidence.
    """
    return replace(
        analysis,
        kernels=tuple(
            _refined(one, refinement.counts.get(index), refinement.opinions.get(index), analysis)
            for index, report in enumerate(analysis.kernels)
            for one in refinement.reports.get(index, (report,))
        ),
        problems=(*analysis.problems, *refinement.problems),
    )


def _refined(
    report: KernelReport, counts: KernelCounts | None, opinion: Bound | None, analysis: Analysis
) -> KernelReport:
    if counts is not None and counts.evidence.rank < report.counts.evidence.rank:
        report = replace(report, counts=counts, bound=classify(counts, analysis.device))
    if opinion is not None:
        report = replace(report, bound=opinion, opinion=True)
    return report
