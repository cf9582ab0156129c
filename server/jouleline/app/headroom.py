"""How much a program could still gain, and how its kernels' bounds change, by our own analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from jouleline.core.device import Device
from jouleline.core.roofline import classify

from .analyse import Analysis
from .context import analysed
from .launch_counts import launch_counts
from .program import Program
from .wording import bound_words, counted

NEAR: Final = 1.25
"""A run that takes less than this many times its floor is near it: no rewrite of kernels saves much more."""
_CACHES: Final = 2.0
"""Arrays that are so many times as large as the last cache do not stay in it from launch to launch."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The least time (s) that a run takes by the roofline, and what it is made of, in words."""

    seconds: float
    words: str = ""


def floor_of(analysis: Analysis) -> Floor:
    """The floor of a run: every kernel that could be counted, as often as it is launched at least.

    Launches after the first find in the cache what fits into it, and then take no less than their
    operations do. Where the host code does not tell how often a kernel is launched, it counts as often as
    is sure, and this is less than the true floor, never more.
    """
    device = analysis.device
    cache = (device.llc_bytes or device.l2_bytes).value
    total, parts = 0.0, []
    for report, launches in zip(analysis.kernels, launch_counts(analysis), strict=True):
        counts = report.counts
        if not (counted(counts) and counts.shape.known) or counts.assumptions:
            continue
        again = report.bound.floor_s
        if counts.dram_bytes <= _CACHES * cache:
            again = classify(replace(counts, dram_bytes=0.0), device).floor_s
        total += report.bound.floor_s + (launches.number - 1) * again
        at_least = "" if launches.known else "at least "
        parts.append(f"{report.kernel.name}: {at_least}{launches.number} x {report.bound.floor_s:.2g} s")
    return Floor(total, "; ".join(parts))


def near_floor(analysis: Analysis, seconds: float) -> bool:
    """Whether a run of ``seconds`` (s) is so near its floor that a further search is not worth its energy."""
    return 0 < seconds < NEAR * floor_of(analysis).seconds


@dataclass(frozen=True)
class BeforeAfter:
    """The kernels of a program before an edit and after it, on one device."""

    before: Analysis
    after: Analysis

    def words(self) -> list[str]:
        """``jacobi: bandwidth-bound -> compute-bound (dp)`` for each kernel; its one bound where it stays."""
        found = dict(_bounds(self.before))
        lines = []
        for name, bound in _bounds(self.after):
            old = found.pop(name, None)
            if old is None:
                lines.append(f"new kernel {name}: {bound}")
            else:
                lines.append(f"{name}: {old} -> {bound}" if old != bound else f"{name}: {bound}, as before")
        return [*lines, *(f"{name}: {bound} -> gone" for name, bound in found.items())]


@dataclass(frozen=True)
class Roofs:
    """A program's states under the roofs of the device that it runs on; nothing is known without one."""

    program: Program
    args: str
    device: Device | None

    def of(self, changed: Mapping[str, bytes]) -> Analysis | None:
        """The bounds of the kernels when some files are ``changed``."""
        if self.device is None:
            return None
        files = {**self.program.files, **changed}
        return analysed(files, self.device, self.args, self.program.macros)

    def leave_nothing(self, changed: Mapping[str, bytes], seconds: float) -> str:
        """Why a run that takes ``seconds`` (s) is near its floor already; empty if it is not."""
        analysis = self.of(changed)
        if analysis is None or not near_floor(analysis, seconds):
            return ""
        floor = floor_of(analysis)
        return (
            f"a run takes less than {NEAR:g} times the {floor.seconds:.2g} s that the roofline allows "
            f"({floor.words})"
        )

    def change(self, changed: Mapping[str, bytes]) -> BeforeAfter | None:
        """The kernels before and after an edit; None where nothing is changed."""
        before, after = self.of({}), self.of(changed)
        return BeforeAfter(before, after) if changed and before and after else None


def _bounds(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """The kernels that could be counted; several of one name are told apart by number."""
    seen: dict[str, int] = {}
    for report in analysis.kernels:
        if not counted(report.counts):
            continue
        name = report.kernel.name
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), bound_words(report)
