"""A measurement as a picture: power over time, and the figure with its interval as it narrowed.

Baseline and candidate differ by their marks as well as by colour (Okabe and Ito's blue and vermilion).
The same measurement gives the same file, byte for byte.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.energy import LOOK_ALPHA, LOOKS, Arm, joules, ratio
from jouleline.core.energy import watts as average_watts
from jouleline.core.interval import Estimate, amount_interval
from jouleline.core.meter import MeterInfo

from .measurement import EnergyComparison, Measurement, Phase, Window
from .plots import plot_style
from .report import change

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS: Final = (".svg", ".png")

_INK, _MUTED, _GRID, _SHADE = "#1a1a1a", "#5f5f5f", "#d9d9d9", "#ececec"
_FAINT_INK, _CONTROL = "#9a9a9a", "#009e73"
_COLOURS: Final = {Arm.BASELINE: "#0072b2", Arm.CANDIDATE: "#d55e00"}
_MARKERS: Final = {Arm.BASELINE: "o", Arm.CANDIDATE: "s"}
_NAMES: Final = {Arm.BASELINE: "baseline", Arm.CANDIDATE: "candidate"}
_IDLE: Final = (Phase.IDLE_BEFORE, Phase.IDLE_AFTER)
_FAINT: Final = 0.4
_STYLE: Final = plot_style(_INK, _MUTED, _GRID) | {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "legend.fontsize": 8,
}


def energy_plot(
    result: Measurement[Any] | EnergyComparison[Any], windows: Sequence[Window[Any]], suffix: str
) -> bytes:
    """The picture of a measurement whose ``windows`` were taken in this order; ``suffix`` is a format's.

    Raises:
        ValueError: if it is the suffix of no format that can be drawn.
    """
    if suffix not in FORMATS:
        raise ValueError(f"{suffix or 'a file without a suffix'} cannot be drawn: use {' or '.join(FORMATS)}")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    data = io.BytesIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=(7.4, 5.6), layout="constrained")
        above, below = figure.subplots(2, 1)
        meter = result.meter if isinstance(result, Measurement) else result.comparison.meter
        _power(above, windows, meter)
        if isinstance(result, Measurement):
            _windows(below, result)
        else:
            _blocks(below, result)
        if suffix == ".svg":
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(data, format="svg", metadata=nothing)
        else:
            figure.savefig(data, format="png", dpi=160, metadata={"Software": None})
    return data.getvalue()


def write_energy_plot(
    path: Path, result: Measurement[Any] | EnergyComparison[Any], windows: Sequence[Window[Any]]
) -> None:
    """Draw into a file, whose suffix says in which format.

    Raises:
        ValueError: as :func:`energy_plot`.
        OSError: if the file cannot be written.
    """
    path.write_bytes(energy_plot(result, windows, path.suffix.lower()))


def _power(axes: Axes, windows: Sequence[Window[Any]], meter: MeterInfo[Any]) -> None:
    """Power over time: what was polled within a window, else the window's average."""
    labels: set[str] = set()
    for window in windows:
        start, end = window.time_s, window.time_s + window.sample.wall_s
        label, colour, alpha = _look(window)
        if window.phase in _IDLE:
            axes.axvspan(start, end, color=_SHADE, linewidth=0, zorder=0)
        shown = label if label not in labels else None
        labels.add(label)
        trace = window.sample.trace
        if trace:
            times = [start + point.time_s for point in trace]
            powers = [point.watts for point in trace]
            axes.plot(times, powers, color=colour, alpha=alpha, linewidth=1.0, label=shown)
        else:
            mean = average_watts(window.sample)
            axes.plot(
                [start, end],
                [mean, mean],
                color=colour,
                alpha=alpha,
                linewidth=2.4,
                solid_capstyle="butt",
                label=shown,
            )
    axes.set_ylim(0, 1.06 * axes.get_ylim()[1])
    axes.margins(x=0.01)
    axes.set(xlabel="time (s)", ylabel="power (W)")
    kind = meter.origin.word
    _head(axes, f"Power, {kind} by {meter.name} on {_short(meter.device)}")


def _look(window: Window[Any]) -> tuple[str, str, float]:
    """Label, colour and opacity."""
    if window.phase in _IDLE or window.arm is None:
        return "idle", _MUTED, 1.0
    colour = _COLOURS[window.arm]
    if window.phase is Phase.WARM_UP:
        return "warm-up", colour, _FAINT
    if window.phase is Phase.CONTROL:
        return "control", _CONTROL, 1.0
    return _NAMES[window.arm], colour, 1.0


def _blocks(axes: Axes, result: EnergyComparison[Any]) -> None:
    """The change of energy that each block shows, and the interval after each."""
    comparison = result.comparison
    blocks = comparison.blocks
    margin = 100 * comparison.delta
    axes.axhspan(
        -margin,
        margin,
        color=_SHADE,
        linewidth=0,
        label=f"less than {margin:.2g}%",
    )
    axes.axhline(0, color=_MUTED, linewidth=0.8)
    running = [ratio(blocks[:count], joules, LOOK_ALPHA).mapped(_percent) for count in _numbers(blocks)]
    single = [_percent(ratio([block]).value) for block in blocks]
    axes.plot(
        _numbers(blocks),
        single,
        linestyle="none",
        marker=_MARKERS[Arm.CANDIDATE],
        markersize=4,
        color=_COLOURS[Arm.CANDIDATE],
        label="a block",
    )
    _interval(
        axes,
        running,
        [*(look for look in LOOKS if look < len(blocks)), len(blocks)],
        "the same at a look, or last",
    )
    axes.set(xlabel="block", ylabel=f"change of energy (%), {comparison.meter.origin.word}")
    figure = f", {change(comparison.energy_ratio)}" if len(blocks) > 1 else ""
    _finish(axes, f"{result.verdict.capitalize()}: energy of the candidate{figure}", [*single, 0.0], running)


def _windows(axes: Axes, result: Measurement[Any]) -> None:
    """The joules of a run in each window, and their interval after each."""
    values = [joules(sample) for sample in result.samples]
    running = [amount_interval(values[:count]) for count in _numbers(values)]
    axes.plot(
        _numbers(values),
        values,
        linestyle="none",
        marker=_MARKERS[Arm.BASELINE],
        markersize=4,
        color=_COLOURS[Arm.BASELINE],
        label="a window",
    )
    _interval(axes, running, [len(values)], "the last of these")
    axes.set(xlabel="window", ylabel=f"energy of a run (J), {result.meter.origin.word}")
    final = running[-1]
    figure = f"{final.value:.4g} J ({final.low:.4g} to {final.high:.4g})" if len(values) > 1 else ""
    _finish(axes, f"Energy of a run {figure}", values, running)


def _numbers(things: Sequence[object]) -> list[int]:
    return list(range(1, len(things) + 1))


def _interval(axes: Axes, running: Sequence[Estimate], looks: Sequence[int], named: str) -> None:
    """The mean after each value, a little to its right, with its interval; strong where it counts."""
    counts = [(number, one) for number, one in enumerate(running, start=1) if number > 1]
    for strong, label in ((False, "mean so far with interval"), (True, named)):
        chosen = [(number, one) for number, one in counts if (number in looks) is strong]
        if not chosen:
            continue
        axes.errorbar(
            [number + 0.12 for number, _ in chosen],
            [one.value for _, one in chosen],
            yerr=[
                [one.value - one.low for _, one in chosen],
                [one.high - one.value for _, one in chosen],
            ],
            fmt="_",
            color=_INK if strong else _FAINT_INK,
            linewidth=1.6 if strong else 1.2,
            capsize=2.5,
            markersize=7,
            label=label,
        )


def _finish(axes: Axes, title: str, values: Sequence[float], running: Sequence[Estimate]) -> None:
    from matplotlib.ticker import MaxNLocator

    # The first intervals, of two values or three, would dwarf all that follows: they are cut off.
    settled = running[3:] or running[1:]
    seen = [*values, *(end for one in settled for end in (one.low, one.high))]
    low, high = min(seen), max(seen)
    room = 0.08 * (high - low) or abs(high) or 1.0
    axes.set(xlim=(0.5, len(running) + 0.5), ylim=(low - room, high + room))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _head(axes, title)


def _head(axes: Axes, title: str) -> None:
    """The title, and below it the legend in one row, above the axes where no data are."""
    axes.set_title(title, pad=20, fontweight="bold")
    axes.grid(visible=True, axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.99), ncols=5, borderaxespad=0.2, handlelength=1.4)


def _percent(value: float) -> float:
    return 100 * (value - 1)


def _short(text: str) -> str:
    return text if len(text) <= 48 else text[:47] + "…"
