"""How much a program could still gain, and how its kernels' bounds change, by our own analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jouleline.core.device import Device

from .analyse import Analysis
from .context import analysed
from .program import Program
from .wording import bound_words, counted

NEAR: Final = 1.25
"""A run that takes less than this many times its floor is near it: no rewrite of kernels saves much more."""


def floor_s(analysis: Analysis) -> float:
    """The least time (s) that a run takes by the roofline: one launch of each kernel that could be counted.

    Kernels that are launched often count once, so this is less than the true floor, never more.
    """
    return sum(
        report.bound.floor_s
        for report in analysis.kernels
        if counted(report.counts) and report.counts.shape.known and not report.counts.assumptions
    )


def near_floor(analysis: Analysis, seconds: float) -> bool:
    """Whether a run of ``seconds`` (s) is so near its floor that a further search is not worth its energy."""
    return 0 < seconds < NEAR * floor_s(analysis)


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
            old = found.pop(name, "new")
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

    def leave_nothing(self, changed: Mapping[str, bytes], seconds: float) -> bool:
        """Whether a run that takes ``seconds`` (s) is near its floor already."""
        analysis = self.of(changed)
        return analysis is not None and near_floor(analysis, seconds)

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
