"""Kernels on a device's roofs, as a small SVG: one kernel for hovers, a program for pages.

Every launch-time figure in it is one of the reports'; the axes are logarithmic. It has no background of its
own and its colours stand out from white and from black alike, for an editor does not say its theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from jouleline.core.counts import KernelCounts
from jouleline.core.device import Device, RidgeKind

from . import wording
from .analyse import KernelReport

_WIDTH, _HEIGHT = 400, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 12, 100, 14, 30
_INK: Final = "#828282"
_FAINT: Final = "#82828255"
# Okabe and Ito's colours as far as they stand out from white and from black by 3:1 or more.
_COLOURS: Final[dict[RidgeKind, str]] = {
    "sp": "#0f83c9",
    "dp": "#d0641c",
    "int": "#0b9a74",
    "tensor": "#b9679b",
}
_UNITS: Final = {wording.RIDGES[operation]: unit for operation, unit in wording.UNITS.items()}
_DECADES_ABOVE: Final = 1.0
_LEAST_DECADES: Final = 3.0
_MOST_DECADES: Final = 6.0
_LINE_HEIGHT: Final = 12
_RADIUS: Final = 5
_LABEL_WIDTH: Final = 14


@dataclass(frozen=True)
class _Roof:
    """Decimal logarithms of a peak (operations per second) and of its ridge point (operations per byte)."""

    kind: RidgeKind
    peak: float
    ridge: float
    label: str


@dataclass(frozen=True)
class _Point:
    """Where a class of operations lies: the decimal logarithm of its intensity (operations per byte).

    One that ``was`` is drawn hollow: it is how a kernel was before an edit. ``label`` stands beside it, and
    ``title`` is what an editor or a browser shows of it on demand.
    """

    kind: RidgeKind
    intensity: float
    label: str = ""
    title: str = ""
    was: bool = False


@dataclass(frozen=True)
class _Axes:
    """Decimal logarithms: intensity from ``left`` to ``right``, operations per second up to ``high``.

    The roof of the ``bandwidth`` (bytes per second) starts in the lower left corner.
    """

    left: float
    right: float
    high: float
    bandwidth: float

    @property
    def low(self) -> float:
        return self.roof(self.left)

    def roof(self, intensity: float) -> float:
        """How many operations per second the bandwidth allows."""
        return intensity + self.bandwidth

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def roofline_picture(reports: Sequence[KernelReport], device: Device) -> str:
    """The SVG for the ways of launching one kernel; empty where nothing was counted or no byte moves.

    A point lies on the roof above its intensity: how fast a kernel can run, not how fast it does.
    """
    return _picture(list(dict.fromkeys(p for report in reports for p in _points(report.counts))), device)


def program_picture(
    reports: Sequence[KernelReport], device: Device, before: Sequence[KernelReport] = ()
) -> str:
    """The SVG for a program: each kernel by the class of operations that decides, numbered from 1.

    How kernels were ``before`` an edit is drawn hollow. Empty where there is nothing to compare.
    """
    old = _deciding(before, device, was=True)
    return _picture([*old, *_deciding(reports, device, was=False)], device)


def _deciding(reports: Sequence[KernelReport], device: Device, *, was: bool) -> list[_Point]:
    found = []
    for number, report in enumerate(reports, start=1):
        operation = wording.decisive(report.counts, device)
        intensity = report.counts.intensity(operation) if operation is not None else None
        if operation is not None and intensity:
            title = f"{wording.instance(report)}{', before' if was else ''}: {wording.bound_words(report)}"
            found.append(_Point(wording.RIDGES[operation], math.log10(intensity), str(number), title, was))
    return found


def _picture(points: Sequence[_Point], device: Device) -> str:
    roofs = [roof for kind in _kinds(points) if (roof := _roof(device, kind)) is not None]
    bandwidth = device.dram_bytes_per_s.value
    if not points or not roofs:
        return ""
    axes = _axes(points, roofs, math.log10(bandwidth))
    drawn = [
        *_frame(axes),
        *_roofs(axes, roofs),
        *_bandwidth(axes, points, roofs, f"{wording.scaled(bandwidth)}B/s"),
        *_marks(axes, points, roofs),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11" fill="{_INK}">'
        f"<title>Roofs of {_escaped(device.name)}</title>{''.join(drawn)}</svg>"
    )


def _points(counts: KernelCounts) -> Iterator[_Point]:
    for operation, kind in wording.RIDGES.items():
        intensity = counts.intensity(operation)
        if intensity:
            yield _Point(kind, math.log10(intensity))


def _kinds(points: Iterable[_Point]) -> list[RidgeKind]:
    return list(dict.fromkeys(point.kind for point in points))


def _roof(device: Device, kind: RidgeKind) -> _Roof | None:
    peak, ridge = device.peak(kind), device.ridge(kind)
    if peak is None or ridge is None or peak.value <= 0 or ridge <= 0:
        return None
    label = f"{kind} {wording.scaled(peak.value)}{_UNITS[kind]}/s"
    return _Roof(kind, math.log10(peak.value), math.log10(ridge), label)


def _axes(points: Sequence[_Point], roofs: Sequence[_Roof], bandwidth: float) -> _Axes:
    """All ridge points and points in whole decades, but points that are far away at the edge."""
    ridges = [roof.ridge for roof in roofs]
    right = max(max(ridges) + _DECADES_ABOVE, min(max(p.intensity for p in points), min(ridges) + 3) + 0.3)
    left = min(min(ridges) - 1, max(min(p.intensity for p in points) - 0.3, right - _MOST_DECADES))
    left = min(left, right - _LEAST_DECADES)
    high = max(roof.peak for roof in roofs) + 0.3
    return _Axes(left, right, high, bandwidth)


def _frame(axes: _Axes) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    yield _line((_LEFT, bottom), (_WIDTH - _RIGHT, bottom), _INK, 1)
    for decade in range(math.ceil(axes.left), math.floor(axes.right) + 1):
        x = axes.x(decade)
        yield _line((x, _TOP), (x, bottom), _FAINT, 0.7)
        yield _text(x, bottom + 12, f"{10.0**decade:g}", "middle")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 5, "operations per DRAM byte", "middle")


def _roofs(axes: _Axes, roofs: Sequence[_Roof]) -> Iterator[str]:
    top = max(roofs, key=lambda roof: roof.peak)
    foot = (axes.x(axes.left), axes.y(axes.low))
    yield _line(foot, (axes.x(top.ridge), axes.y(top.peak)), _INK, 2)
    labels = _spread([axes.y(roof.peak) for roof in roofs])
    for roof, y in zip(roofs, labels, strict=True):
        colour, right = _COLOURS[roof.kind], _WIDTH - _RIGHT
        height = axes.y(roof.peak)
        yield _line((axes.x(roof.ridge), height), (right, height), colour, 2)
        yield _text(right + 4, y + 4, roof.label, "start", colour)


def _bandwidth(axes: _Axes, points: Sequence[_Point], roofs: Sequence[_Roof], label: str) -> Iterator[str]:
    """The bandwidth along its roof, where no point covers it; beside it where numbers stand there."""
    if any(point.label for point in points):
        yield _text(_WIDTH - _RIGHT + 4, _HEIGHT - _BOTTOM - 4, f"DRAM {label}", "start")
        return
    length = min(roof.ridge for roof in roofs) - axes.left
    places = [axes.left + share * length for share in (0.5, 0.25, 0.75)]
    middle = max(places, key=lambda place: min(abs(place - point.intensity) for point in points))
    x, y = axes.x(middle), axes.y(axes.roof(middle))
    rise = y - axes.y(axes.roof(middle + 1))
    turned = -math.degrees(math.atan2(rise, axes.x(middle + 1) - x))
    yield (
        f'<text x="{x:.1f}" y="{y - 6:.1f}" text-anchor="middle" '
        f'transform="rotate({turned:.1f} {x:.1f} {y:.1f})">{label}</text>'
    )


def _spread(wanted: Sequence[float]) -> list[float]:
    """Heights of labels, moved down as far as they would cover each other."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed, least = list(wanted), -math.inf
    for index in order:
        placed[index] = least = max(wanted[index], least + _LINE_HEIGHT)
    return placed


def _marks(axes: _Axes, points: Sequence[_Point], roofs: Sequence[_Roof]) -> Iterator[str]:
    """A ring at each ridge point, and a disc for each point, on its roof."""
    by_kind = {roof.kind: roof for roof in roofs}
    for roof in roofs:
        yield (
            f'<circle cx="{axes.x(roof.ridge):.1f}" cy="{axes.y(roof.peak):.1f}" r="3.5" '
            f'fill="none" stroke="{_COLOURS[roof.kind]}" stroke-width="1.5"/>'
        )
    bottom = _HEIGHT - _BOTTOM
    labels: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (not point.was, point.intensity)):
        roof_above = by_kind.get(point.kind)
        if roof_above is None:
            continue
        at = min(max(point.intensity, axes.left), axes.right)
        x, y = axes.x(at), axes.y(min(roof_above.peak, axes.roof(at)))
        x = min(x, _WIDTH - _RIGHT - _RADIUS)
        colour = _COLOURS[point.kind]
        title = f"<title>{_escaped(point.title)}</title>" if point.title else ""
        if point.was:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS + 2}" {_hollow(colour)}>{title}</circle>'
            continue
        yield f'<path d="M{x:.1f} {y:.1f}V{bottom}" stroke="{colour}" stroke-dasharray="3 3"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}" fill="{colour}">{title}</circle>'
        if point.label:
            # Above the slope there is room, and below a level roof.
            step = -1 if axes.roof(at) < roof_above.peak else 1
            labels.append(
                _free_place(labels, x - _RADIUS, y + step * (_RADIUS + 2) + (4 if step > 0 else 0), step)
            )
            yield _text(*labels[-1], point.label, "end", colour)


def _hollow(colour: str) -> str:
    return f'fill="none" stroke="{colour}" stroke-width="1.2" stroke-dasharray="2 2"'


def _free_place(taken: Sequence[tuple[float, float]], x: float, y: float, step: int) -> tuple[float, float]:
    """The place for a label, moved up or down until it covers no other."""
    while any(abs(x - one) < _LABEL_WIDTH and abs(y - other) < _LINE_HEIGHT for one, other in taken):
        y += step
    return x, min(max(y, _TOP), _HEIGHT - _BOTTOM)


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> str:
    (x, y), (to_x, to_y) = start, end
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "") -> str:
    fill = f' fill="{colour}"' if colour else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{fill}>{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
