"""The gates that read both programs: protected regions, warnings, and precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from jouleline.core.precision import narrowings
from jouleline.core.regions import Sites, Violation, violations
from jouleline.core.syntax import ParsedSource, UnreadableSourceError, parse
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Workload

from .build import Built
from .program import SOURCE_SUFFIXES
from .warnings import new_warnings

_SHOWN: Final = 3


def check_regions(
    changed: Mapping[str, bytes], original: Mapping[str, bytes], workload: Workload
) -> GateResult:
    """Whether a candidate leaves sizes, seeds, inputs, timers and the program's own checks as they are."""
    before, after = parsed(original), parsed({**original, **changed})
    told = " ".join((workload.args, *workload.check_args)).split()
    found = list(
        violations(Sites.of(before), Sites.of(after), told=told, repeats_are_run=bool(workload.repeat_args))
    )
    refused = [one for one in found if one.kind not in workload.consent]
    if refused:
        kinds = ", ".join(dict.fromkeys(str(one.kind) for one in refused))
        return GateResult(
            "regions",
            passed=False,
            reason=f"{_joined(refused)}; if that is meant, the workload has to consent to {kinds}",
        )
    if found:
        return GateResult(
            "regions", passed=True, warning=True, reason=f"with the workload's consent: {_joined(found)}"
        )
    return GateResult(
        "regions",
        passed=True,
        reason="sizes, seeds, inputs, timers, checks and convergence tests are as they were",
    )


def _joined(found: list[Violation]) -> str:
    more = len(found) - _SHOWN
    return "; ".join(one.sentence for one in found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def parsed(files: Mapping[str, bytes]) -> dict[str, ParsedSource]:
    """The sources among some files; what cannot be read as one is left out."""
    found = {}
    for name, data in files.items():
        if PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES:
            try:
                found[name] = parse(data)
            except UnreadableSourceError:
                continue
    return found


def narrowed(changed: Mapping[str, bytes], original: Mapping[str, bytes]) -> tuple[str, ...]:
    """Where a candidate computes with fewer digits, as phrases."""
    return narrowings(parsed(original), parsed({**original, **changed}))


def check_precision(narrow: tuple[str, ...], error: float | None, workload: Workload) -> GateResult:
    """Whether a candidate that computes with fewer digits may.

    ``error`` is the largest relative error in its outputs; None if no number was compared.
    """
    if not narrow:
        return GateResult("precision", passed=True, reason="no type is narrower than in the baseline")
    more = len(narrow) - _SHOWN
    what = ", ".join(narrow[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    seen = (
        "and no number in the output shows what that costs"
        if error is None
        else f"and the output's largest relative error is {error:.2g} ({error / 2**-52:.2g} ULP of a double)"
    )
    if "precision" in workload.consent:
        return GateResult(
            "precision",
            passed=True,
            warning=True,
            reason=f"with the workload's consent and within its tolerance: {what}, {seen}",
        )
    return GateResult(
        "precision",
        passed=False,
        reason=f"the candidate computes with fewer digits: {what}, {seen}; if that is meant, the workload "
        "has to consent to precision",
    )


def check_warnings(baseline: Built | None, candidate: Built) -> GateResult:
    """Whether a candidate builds without dangerous warnings that the baseline does not have."""
    if baseline is None or candidate.said is None or baseline.said is None:
        return GateResult("build", passed=True, reason="the candidate builds; its warnings are not known")
    fresh = new_warnings(baseline, candidate)
    if not fresh:
        return GateResult("build", passed=True, reason="the candidate builds without new dangerous warnings")
    first = fresh[0]
    return GateResult(
        "build",
        passed=False,
        reason=f"{first.place}: the compiler warns of {first.text} [-W{first.name}], and did not in the "
        "baseline",
        detail="\n".join(f"  {one.place}: {one.text} [-W{one.name}]" for one in fresh),
    )
