"""Plots as SVG that stands in a page and takes its colours from it: `currentColor` and CSS variables.

Right and wrong differ by shape as well as by colour (Okabe and Ito's blue and vermilion).
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.calibration import Calibration
from jouleline.core.scores import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that nobody would choose stand for the page's own until the SVG is text.
_INK, _MUTED, _GRID, _RIGHT, _WRONG = "#010101", "#020202", "#030303", "#0072b2", "#d55e00"
_OF_THE_PAGE: Final = {
    _INK: "currentColor",
    _MUTED: "var(--muted)",
    _GRID: "var(--line)",
    _RIGHT: "var(--right)",
    _WRONG: "var(--wrong)",
}
_MARGIN_SHOWN: Final = 12.0
_FAR: Final = 1000.0
_FONT: Final = re.compile(r"font-family: [^;]*; ")


def plot_style(ink: str, muted: str, grid: str) -> Any:
    """How every plot of ours looks, in these colours; Any, for matplotlib types each key."""
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "jouleline",  # the same figures give the same file
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.edgecolor": muted,
        "axes.labelcolor": ink,
        "axes.titlesize": 9,
        "axes.titlecolor": ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "grid.color": grid,
        "grid.linewidth": 0.6,
        "text.color": ink,
        "xtick.color": muted,
        "ytick.color": muted,
        "xtick.labelcolor": ink,
        "ytick.labelcolor": ink,
        "legend.frameon": False,
    }


@dataclass(frozen=True, slots=True)
class Point:
    """A kernel in a scatter plot: measured against predicted, and whether the answer is right."""

    measured: float
    predicted: float
    right: bool


def confusion_plot(matrices: Sequence[tuple[str, Confusion]]) -> str:
    """A matrix for each title: truth down, answer across, with the share of the truth's row."""
    from matplotlib.patches import Rectangle

    def draw(figure: Figure) -> None:
        for place, (title, one) in enumerate(matrices, start=1):
            axes = figure.add_subplot(1, len(matrices), place)
            rows = (
                (one.compute_compute, one.compute_bandwidth, one.compute),
                (one.bandwidth_compute, one.bandwidth_bandwidth, one.bandwidth),
            )
            for y, (*cells, total) in enumerate(rows):
                for x, kernels in enumerate(cells):
                    share = kernels / total if total else 0.0
                    colour = _RIGHT if x == y else _WRONG
                    square = Rectangle(
                        (x - 0.48, y - 0.48), 0.96, 0.96, color=colour, alpha=0.7 * share, lw=0
                    )
                    axes.add_patch(square)
                    axes.text(x, y, f"{kernels}\n{share:.0%}", ha="center", va="center")
            axes.set(
                title=f"{title}, {one.kernels} kernels", xlim=(-0.5, 1.5), ylim=(1.5, -0.5), aspect="equal"
            )
            axes.set_xticks([0, 1], ["compute", "bandwidth"])
            axes.set_yticks([0, 1], ["compute", "bandwidth"] if place == 1 else ["", ""])
            axes.set_xlabel("answer")
            axes.set_ylabel("measured" if place == 1 else "")
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)

    return _svg(2.6 * len(matrices), 2.5, draw)


def calibration_plot(one: Calibration) -> str:
    """How often each probability came true, above a histogram of the probabilities."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        filled = [item for item in one.bins if item.kernels]
        above.plot([0, 1], [0, 1], color=_MUTED, linewidth=0.8, linestyle="--")
        above.plot(
            [item.probability for item in filled],
            [item.frequency for item in filled],
            color=_RIGHT,
            marker="o",
            markersize=5,
            clip_on=False,
        )
        above.set(xlim=(0, 1), ylim=(-0.03, 1.03), ylabel="share that is compute-bound")
        above.set_title(f"Brier score {one.brier:.3f}, calibration error {one.error:.3f}")
        above.grid(visible=True)
        middles = [(item.low + item.high) / 2 for item in one.bins]
        below.bar(middles, [item.kernels for item in one.bins], width=0.9 / len(one.bins), color=_RIGHT)
        below.set(xlabel="probability of compute-bound, as answered", ylabel="kernels")

    return _svg(3.9, 3.9, draw)


def margin_plot(points: Sequence[Point]) -> str:
    """The decisive intensity over its ridge point (powers of two): measured across, predicted up."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        edge = _MARGIN_SHOWN
        cut = [
            Point(max(-edge, min(edge, one.measured)), max(-edge, min(edge, one.predicted)), one.right)
            for one in points
        ]
        axes.axhline(0, color=_MUTED, linewidth=0.8)
        axes.axvline(0, color=_MUTED, linewidth=0.8)
        axes.plot([-edge, edge], [-edge, edge], color=_MUTED, linewidth=0.8, linestyle="--")
        _scatter(axes, cut)
        room = edge * 1.06
        axes.set(xlim=(-room, room), ylim=(-room, room), aspect="equal")
        axes.set(xlabel="measured intensity / ridge point", ylabel="predicted intensity / ridge point")
        ticks = range(-12, 13, 6)
        labels = [_power_of_two(tick) for tick in ticks]
        axes.set_xticks(list(ticks), labels)
        axes.set_yticks(list(ticks), labels)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handletextpad=0, borderaxespad=0)

    return _svg(3.9, 3.9, draw)


def counts_plot(panels: Sequence[tuple[str, Sequence[Point]]]) -> str:
    """Predicted against measured counts, a panel each, on logarithmic axes; zeros lie on the axes.

    The axes span what was measured and what was predicted within a factor of 1000 of that; predictions
    beyond lie at the edge, and the panel says how many.
    """

    def draw(figure: Figure) -> None:
        for place, (title, points) in enumerate(panels, start=1):
            axes = figure.add_subplot(1, len(panels), place)
            (low, high), beyond = _extent(points)
            shown = [
                Point(max(one.measured, low), min(max(one.predicted, low), high), one.right) for one in points
            ]
            if beyond:
                said = f"{beyond} beyond, drawn\nat the edge"
                axes.text(0.97, 0.03, said, transform=axes.transAxes, ha="right", fontsize=7.5)
            axes.plot([low, high], [low, high], color=_MUTED, linewidth=0.8, linestyle="--")
            _scatter(axes, shown)
            axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), title=title)
            axes.set_xlabel("measured")
            axes.set_ylabel("predicted" if place == 1 else "")
            axes.minorticks_off()
            axes.set_box_aspect(1)

    return _svg(2.55 * len(panels), 2.9, draw)


@dataclass(frozen=True, slots=True)
class Curve:
    """A figure for k = 1, 2, ... with its 95% interval; ``low`` and ``high`` may be infinite."""

    label: str
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def at_k_plot(title: str, curves: Sequence[Curve]) -> str:
    """A figure against the number of candidates, in percent, a line with its interval for each setting."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colours = (_RIGHT, _WRONG, _INK, _MUTED)
        markers = "osD^vP*X"
        for place, curve in enumerate(curves):
            ks = list(range(1, len(curve.values) + 1))
            colour = colours[place % len(colours)]
            values = [100 * value for value in curve.values]
            if all(math.isfinite(one) for one in (*curve.low, *curve.high)):
                low, high = ([100 * one for one in ends] for ends in (curve.low, curve.high))
                axes.fill_between(ks, low, high, color=colour, alpha=0.12, linewidth=0)
            marker = markers[place % len(markers)]
            axes.plot(ks, values, color=colour, marker=marker, markersize=5, label=curve.label)
        axes.set(xlabel="candidates k", ylabel=title, ylim=(0, None))
        axes.set_xticks(range(1, max((len(one.values) for one in curves), default=1) + 1))
        axes.grid(visible=True)
        axes.legend(loc="best")

    return _svg(3.9, 3.1, draw)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount with its 95% interval, whose ends may be infinite."""

    label: str
    value: float
    low: float
    high: float


def amounts_plot(title: str, amounts: Sequence[Amount]) -> str:
    """Amounts as bars from zero, the first above, each with its interval."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colours = (_RIGHT, _WRONG)
        for place, one in enumerate(amounts):
            axes.barh(place, one.value, height=0.55, color=colours[place % len(colours)], alpha=0.75)
            if math.isfinite(one.low) and math.isfinite(one.high):
                error = [[one.value - one.low], [one.high - one.value]]
                axes.errorbar(one.value, place, xerr=error, color=_INK, capsize=4, linewidth=1.2)
        axes.set_yticks(range(len(amounts)), [one.label for one in amounts])
        axes.set(xlabel=title, xlim=(0, None))
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x")
        axes.set_axisbelow(True)

    return _svg(3.9, 1.7, draw)


def windows_plot(title: str, windows: Sequence[tuple[bool, float]]) -> str:
    """Every window in its order: whether it is the candidate's, and its amount."""
    from matplotlib.ticker import MaxNLocator

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for candidate, marker, colour, label in (
            (False, "o", _RIGHT, "before"),
            (True, "s", _WRONG, "after"),
        ):
            places = [place for place, one in enumerate(windows, start=1) if one[0] is candidate]
            values = [windows[place - 1][1] for place in places]
            axes.plot(places, values, marker, color=colour, markersize=3.5, label=label)
        axes.set(xlabel="window", ylabel=title, ylim=(0, None))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, axis="y")
        axes.legend(loc="lower right", ncols=2)

    return _svg(3.9, 2.4, draw)


def _scatter(axes: Axes, points: Sequence[Point]) -> None:
    for right, marker, colour, label in ((True, "o", _RIGHT, "right"), (False, "x", _WRONG, "wrong")):
        chosen = [one for one in points if one.right is right]
        if not chosen:
            continue  # nothing at all on a logarithmic axis would have no extent
        axes.plot(
            [one.measured for one in chosen],
            [one.predicted for one in chosen],
            linestyle="none",
            marker=marker,
            markersize=3.2,
            markeredgewidth=0.9 if marker == "x" else 0,
            color=colour,
            alpha=0.6,
            label=label,
            clip_on=False,
        )


def _extent(points: Sequence[Point]) -> tuple[tuple[float, float], int]:
    """Powers of ten around what is shown, and how many predictions lie outside."""
    measured = [one.measured for one in points if one.measured > 0]
    predicted = [one.predicted for one in points if one.predicted > 0]
    if measured:
        least, most = min(measured) / _FAR, max(measured) * _FAR
        near = [one for one in predicted if least <= one <= most]
        return _decades([*measured, *near]), len(predicted) - len(near)
    return _decades(predicted), 0


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around the values that are not zero; zeros are drawn at the lower one."""
    positive = [value for value in values if value > 0]
    if not positive:
        return 0.1, 10.0
    return 10.0 ** (math.floor(math.log10(min(positive))) - 1), 10.0 ** math.ceil(
        math.log10(max(positive)) + 0.1
    )


def _power_of_two(exponent: int) -> str:
    return f"{2**exponent}x" if exponent >= 0 else f"1/{2**-exponent}"


def _svg(width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """What is drawn on a figure of that size (inches), as text for a page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    text = io.StringIO()
    with rc_context(plot_style(_INK, _MUTED, _GRID)):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    svg = text.getvalue()
    svg = _FONT.sub("", svg[svg.index("<svg") :])
    for colour, name in _OF_THE_PAGE.items():
        svg = svg.replace(colour, name)
    return svg
