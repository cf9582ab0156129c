"""A measurement while it is made: its phases, and the interval as it narrows, on standard error."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from jouleline.app.measurement import Phase, Progress
from jouleline.app.report import change, percent
from jouleline.core.energy import LOOKS
from jouleline.core.interval import Estimate

from .console import Terminal

_WIDEST_SCALE: Final = 72
_BAR: Final = 24
_WIDE: Final = 100


@dataclass
class Shown:
    """What is shown of a measurement; ``say`` is told what comes before it, ``report`` each step."""

    console: Console
    unit: str = "block"
    done: list[str] = field(default_factory=list)
    now: str = ""
    step: Progress | None = None
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))

    def say(self, message: str) -> None:
        """Something other than measuring has begun, such as a build."""
        self._finish()
        self.now = message

    def report(self, step: Progress) -> None:
        """A step of the measurement."""
        if self.step is None or step.phase is not self.step.phase:
            self._finish()
        self.now, self.step = str(step.phase), step

    def _finish(self) -> None:
        if self.now:
            self.done.append(self.now)

    def __rich__(self) -> RenderableType:
        """The phases that are done, the one at hand with its bar, and the figure so far."""
        lines: list[RenderableType] = [Text.assemble(("✓ ", "green"), one) for one in self.done]
        if self.now:
            row = Table.grid(padding=(0, 1))
            row.add_row(self.spinner, *self._row())
            lines.append(row)
        if self.step is not None:
            lines += self._figure(self.step)
        return Group(*lines)

    def _row(self) -> tuple[RenderableType, ...]:
        step = self.step
        if step is None or step.of <= 1 or str(step.phase) != self.now:
            return (Text(self.now, overflow="ellipsis", no_wrap=True),)
        bar = ProgressBar(
            total=step.of, completed=step.done, width=_BAR if self.console.width >= _WIDE else _BAR // 2
        )
        return Text(self.now), bar, Text(counted(step, self.unit), no_wrap=True)

    def _figure(self, step: Progress) -> list[RenderableType]:
        if step.energy_ratio is not None:
            ratio = step.energy_ratio
            figure = Text(f"  energy {change(ratio)}" if math.isfinite(ratio.high) else "  energy ...")
            scale = interval_scale(ratio, min(self.console.width - 2, _WIDEST_SCALE))
            return [figure, Text(f"  {scale}", style="cyan")] if scale else [figure]
        if step.joules is not None and math.isfinite(step.joules.high):
            one = step.joules
            return [Text(f"  energy {one.value:.4g} J a run ({one.low:.4g} to {one.high:.4g})")]
        return []


def counted(step: Progress, unit: str) -> str:
    """How many windows or blocks are done, and when the next decision falls."""
    what = "window" if step.phase is Phase.WARM_UP else unit
    text = f"{step.done} of at most {step.of} {what}s"
    if step.next_look is not None and step.done < step.next_look:
        text += f", next look after {step.next_look}"
    return text


def interval_scale(ratio: Estimate, width: int) -> str:
    """An interval to scale, with the place of no change: ``−14% ├──●──┤        │ 0``; empty if unknown."""
    if not (math.isfinite(ratio.low) and math.isfinite(ratio.high)):
        return ""
    low, high = min(ratio.low, 1.0), max(ratio.high, 1.0)
    left, right = (percent(low) if low < 1 else "0"), (percent(high) if high > 1 else "0")
    cells = width - len(left) - len(right) - 2
    if cells < 8 or high <= low:
        return ""

    def cell(value: float) -> int:
        return round((cells - 1) * (value - low) / (high - low))

    line = [" "] * cells
    start, end = cell(ratio.low), cell(ratio.high)
    line[start : end + 1] = ["─"] * (end + 1 - start)
    line[cell(1.0)] = "│"
    line[start], line[end] = "├", "┤"
    line[cell(ratio.value)] = "●"
    return f"{left} {''.join(line)} {right}"


@contextmanager
def measuring(*, quiet: bool, unit: str) -> Iterator[Shown]:
    """Show progress on a terminal, a line for each phase and look on anything else, nothing if ``quiet``."""
    console = Terminal(file=sys.stderr)
    if quiet:
        yield Shown(console, unit)
    elif console.is_terminal:
        shown = Shown(console, unit)
        with Live(shown, console=console, transient=True, refresh_per_second=8):
            yield shown
    else:
        yield _Plain(console, unit)


@dataclass
class _Plain(Shown):
    """A line for each phase, and one for each look."""

    def say(self, message: str) -> None:
        super().say(message)
        self._print(message)

    def report(self, step: Progress) -> None:
        before = self.now
        super().report(step)
        if self.now != before:
            self._print(self.now)
        if step.phase is Phase.MEASURING and step.energy_ratio is not None and step.done in LOOKS:
            self._print(f"  {counted(step, self.unit)}: energy {change(step.energy_ratio)}")

    def _print(self, message: str) -> None:
        self.console.print(f"  {message}", soft_wrap=True, markup=False)
