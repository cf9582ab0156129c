"""What was measured, for people: figures with intervals, what is doubtful about them, and the meter.

A figure in joules or watts never stands without the word measured, modelled or derived.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jouleline.app.measure_report import reason
from jouleline.app.measurement import EnergyComparison, Measurement
from jouleline.app.report import change, percent, provenance
from jouleline.core.energy import Arm, EnergyVerdict
from jouleline.core.interval import Estimate
from jouleline.core.kernel_joules import KernelJoules
from jouleline.core.meter import MeterInfo

_COLOURS: Final = {
    EnergyVerdict.IMPROVED: "green",
    EnergyVerdict.REGRESSED: "red",
    EnergyVerdict.NO_CHANGE: "cyan",
    EnergyVerdict.INCONCLUSIVE: "yellow",
}


def print_measurement(console: Console, result: Measurement[Any], kernels: KernelJoules | None) -> None:
    """One program: what a run takes."""
    summary, kind = result.summary, result.meter.origin.word
    joules = summary.joules
    console.print(
        f"[bold]{quantity(joules.value, 'J')} a run[/], {kind} by {escape(result.meter.name)} "
        f"on {escape(result.meter.device)}",
        soft_wrap=not console.is_terminal,
    )
    warnings(console, result.warnings)
    table = _table(console, "a run", "figure", "95% interval", "")
    table.add_row("energy", *_figure(joules, "J"), kind)
    if summary.net_joules is not None:
        table.add_row("  net of idle", *_figure(summary.net_joules, "J"), kind)
    table.add_row("average power", *_figure(summary.watts, "W"), kind)
    if result.idle is not None:
        levels = " and ".join(quantity(one, "W") for one in result.idle.levels_w)
        table.add_row("  idle", quantity(result.idle.watts, "W"), levels, kind)
    table.add_row("time", *_figure(summary.seconds, "s"), "measured")
    table.add_row("energy x delay", *_figure(summary.joule_seconds, "J s"), kind)
    console.print(table)
    if kernels is not None:
        _print_kernels(console, kernels)
    runs = sum(sample.runs for sample in result.samples)
    _print_origin(console, result.meter, f"{runs} runs in {_several(len(result.samples), 'window')}")


def print_comparison(console: Console, result: EnergyComparison[Any]) -> None:
    """Two programs: the verdict with its reason, and the figures beside each other."""
    comparison = result.comparison
    meter, kind = comparison.meter, comparison.meter.origin.word
    colour = _COLOURS[result.verdict]
    console.print(
        f"[bold {colour}]{result.verdict}[/]: energy [bold]{_change(comparison.energy_ratio)}[/], "
        f"{escape(provenance(result))} on {escape(meter.device)}",
        soft_wrap=not console.is_terminal,
    )
    console.print(f"[dim]{escape(reason(result))}[/]", soft_wrap=not console.is_terminal)
    warnings(console, result.warnings)
    before, after = comparison.summary(Arm.BASELINE), comparison.summary(Arm.CANDIDATE)
    table = _table(console, "a run", "baseline", "candidate", "change (interval)")

    def row(name: str, old: Estimate | None, new: Estimate | None, ratio: Estimate | None, unit: str) -> None:
        values = [quantity(one.value, unit) if one is not None else "unknown" for one in (old, new)]
        table.add_row(name, *values, _change(ratio) if ratio is not None else "unknown")

    row(f"energy, {kind}", before.joules, after.joules, comparison.energy_ratio, "J")
    if comparison.idle is not None:
        net = comparison.net_energy_ratio
        row("  net of idle", before.net_joules, after.net_joules, net, "J")
    row(f"average power, {kind}", before.watts, after.watts, comparison.power_ratio, "W")
    row("time, measured", before.seconds, after.seconds, comparison.time_ratio, "s")
    delay = comparison.energy_delay_ratio
    row(f"energy x delay, {kind}", before.joule_seconds, after.joule_seconds, delay, "J s")
    console.print(table)
    taken = f"{_several(len(comparison.blocks), 'block')} of four windows, seed {result.seed}"
    if comparison.control:
        floor = comparison.noise_floor
        shown = "unknown" if floor is None else percent(1 + floor).lstrip("+")
        taken += f"; noise floor {shown} ({_several(len(comparison.control), 'block')} of the baseline alone)"
    _print_origin(console, meter, taken)


def warnings(console: Console, sentences: Sequence[str]) -> None:
    """What a reader must know before the figures."""
    for sentence in sentences:
        console.print(f"[bold yellow]warning:[/] {escape(sentence)}", soft_wrap=not console.is_terminal)


def notes(console: Console, sentences: Sequence[str]) -> None:
    """What a reader may want to know beside the figures."""
    for sentence in sentences:
        console.print(f"[dim]note: {escape(sentence)}[/]", soft_wrap=not console.is_terminal)


def quantity(value: float, unit: str) -> str:
    """Four digits and a prefix: 0.0123 J is ``12.30 mJ``."""
    exponent, digits = _scale(value)
    return f"{value / 10.0**exponent:.{digits}f} {_PREFIXES[exponent]}{unit}"


def _scale(value: float) -> tuple[int, int]:
    """The exponent of a quantity's prefix, and how many digits follow its point."""
    if value == 0 or not math.isfinite(value):
        return 0, 0
    exponent = min(6, max(-9, 3 * math.floor(math.log10(abs(value) * (1 + 5e-5)) / 3)))
    scaled = abs(value) / 10.0**exponent * (1 + 5e-5)
    digits = 3 - math.floor(math.log10(scaled)) if scaled else 0
    return exponent, max(0, min(6, digits))


_PREFIXES: Final = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M"}


def _figure(estimate: Estimate, unit: str) -> tuple[str, str]:
    """A figure and its interval, in one unit with as many digits."""
    value = quantity(estimate.value, unit)
    if not math.isfinite(estimate.high):
        return value, "unknown (one window)"
    exponent, digits = _scale(estimate.value)
    low, high = (f"{end / 10.0**exponent:.{digits}f}" for end in (estimate.low, estimate.high))
    return value, f"{low} to {high} {_PREFIXES[exponent]}{unit}"


def _change(ratio: Estimate) -> str:
    if math.isfinite(ratio.high):
        return change(ratio)
    return f"{percent(ratio.value)} (one block: interval unknown)"


def _print_kernels(console: Console, kernels: KernelJoules) -> None:
    table = _table(console, "kernel", "launches", "energy, derived", "95% interval")
    for one in kernels.kernels:
        table.add_row(escape(one.kernel), str(one.launches), *_figure(one.joules, "J"))
    table.add_row("outside of kernels", "", *_figure(kernels.outside, "J"))
    console.print(table)
    notes(console, [f"joules per kernel are {kernels.provenance}", *kernels.notes])


def _print_origin(console: Console, meter: MeterInfo[Any], taken: str) -> None:
    period = f", counter moves every {quantity(meter.period_s, 's')}" if meter.period_s else ""
    driver = f", {meter.driver}" if meter.driver else ""
    console.print(
        f"[dim]{escape(taken)}[/]\n"
        f"[dim]meter: {escape(meter.name)} on {escape(meter.device + driver + period)}; "
        f"{escape(meter.note)}[/]",
        soft_wrap=not console.is_terminal,
    )


def _table(console: Console, *heads: str) -> Table:
    console.print()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number in (0, 3) else "right", overflow="fold")
    return table


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
