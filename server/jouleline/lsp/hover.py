"""All that is known of a kernel: its bound, the counts behind it, and what was assumed."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from jouleline.app import assumed, wording
from jouleline.app.advice import advice
from jouleline.app.analyse import KernelReport
from jouleline.app.markdown import code, words
from jouleline.app.memory_smells import memory_smells
from jouleline.app.roofline_picture import roofline_picture
from jouleline.config import Picture
from jouleline.core.counts import KernelCounts, Operation
from jouleline.core.device import Figure
from jouleline.core.smell import Smell

from . import convert
from .plain_text import plain
from .view import View

if TYPE_CHECKING:
    from .diagnostics import Findings
    from .server import Server

_WORD = re.compile(rb"[A-Za-z_]\w*")
_MAX_ARRAYS = 12


class _Target(NamedTuple):
    start: int
    end: int
    reports: tuple[KernelReport, ...]


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        view = await server.session.view(params.text_document.uri)
        if view is None:
            return None
        target = _target(view, convert.to_offset(view.text, params.position, view.encoding))
        if target is None or not target.reports:
            return None
        client, asked = server.session.client, server.session.settings.hover.picture
        markdown = client.hover_markdown
        wanted = client.hover_pictures if asked is Picture.AUTO else asked is Picture.ON
        found = server.diagnostics.of(params.text_document.uri)
        text = page(view, target.reports, found, picture=markdown and wanted)
        return types.Hover(
            contents=types.MarkupContent(
                kind=types.MarkupKind.Markdown if markdown else types.MarkupKind.PlainText,
                value=text if markdown else plain(text),
            ),
            range=convert.to_range(view.text, target.start, target.end, view.encoding),
        )


def _target(view: View, offset: int) -> _Target | None:
    """The kernel that is named, launched or directed at an offset."""
    for place, kernel in view.kernels:
        if kernel.directive is not None and kernel.directive.start <= offset <= kernel.directive.end:
            return _Target(kernel.directive.start, kernel.directive.end, view.reports(place))
    line = view.text.point(offset).line
    first = view.text.line_starts[line]
    for match in _WORD.finditer(view.text.line_bytes(line)):
        start, end = first + match.start(), first + match.end()
        if start <= offset <= end:
            return _named(view, match[0].decode(), start, end)
    return None


def _named(view: View, name: str, start: int, end: int) -> _Target | None:
    for place, kernel in view.kernels:
        # Overloads share a name: the head that the word stands in decides.
        if kernel.name == name and kernel.directive is None and kernel.start <= start < kernel.anchor:
            return _Target(start, end, view.reports(place))
    for launch in view.launches:
        if launch.kernel == name and 0 <= launch.line - 1 - view.text.point(start).line <= 1:
            report = view.report_at(launch)
            return _Target(start, end, (report,) if report else ())
    elsewhere = view.place_of(name)
    if elsewhere is None or view.kernel(elsewhere).directive is not None:
        return None  # a region of OpenMP has no name of its own
    return _Target(start, end, view.reports(elsewhere))


def page(
    view: View, reports: tuple[KernelReport, ...], found: Findings | None = None, *, picture: bool = False
) -> str:
    """The Markdown for one kernel; further ways of launching it get a line each.

    ``found`` are the smells of the document, as far as they are known.
    """
    if wording.counted(reports[0].counts):
        blocks = list(_gist(view, reports[0], found))
        if picture and (drawn := roofline_picture(reports, view.device)):
            data = b64encode(drawn.encode()).decode("ascii")
            blocks.append(f"![The kernel under the device's roofs](data:image/svg+xml;base64,{data})")
        blocks += _grounds(view, reports[0])
    else:
        blocks = [f"**bound unknown** · {code(reports[0].kernel.display)}", _sentence(wording.NOTHING)]
    if len(reports) > 1:
        rows = [f"- {_way(one)}: {wording.short_bound(one)}" for one in reports]
        blocks.append("\n".join([f"**Launched in {len(reports)} ways**", "", *rows]))
    return "\n\n".join(blocks)


def _way(report: KernelReport) -> str:
    """Where and how a kernel is launched; as which instance, if nothing launches it."""
    launched = f"line {report.launch.line}" if report.launch else words(wording.instance(report))
    return ", ".join(part for part in (launched, wording.shape(report)) if part)


def _gist(view: View, report: KernelReport, found: Findings | None) -> Iterator[str]:
    """What editors show without scrolling: the bound, how sure it is, what costs most, and what to try."""
    device = view.device
    judged = f"**{wording.short_bound(report)}** {wording.judged_on(report, device)}"
    yield f"{judged}, {wording.margin_sentence(report, device)}"
    # Two lines, which Markdown joins: Emacs loses the first of all when one is too wide for its echo area.
    yield (
        f"{_sentence(wording.certainty(report))}\n"
        f"At least {wording.seconds(report.bound.floor_s)} a launch by the device's roofs (derived)."
    )
    if costliest := wording.traffic_sentence(report.counts):
        yield _sentence(costliest)
    if tries := advice(report, _smells(view, report, found)):
        yield "\n".join(["**To try**", "", *(f"- {words(one)}" for one in tries)])


def _grounds(view: View, report: KernelReport) -> Iterator[str]:
    """What the bound rests on."""
    counts, device = report.counts, view.device
    yield _operations(view, report)
    if counts.arrays:
        yield _arrays(report)
    if shape := wording.shape(report):
        yield f"Launch of {code(report.kernel.display)}: {shape}."
    if resources := wording.resources(report):
        yield _sentence(resources)
    if view.arguments:
        yield f"Run line: {code(view.arguments)}, from {words(PurePath(view.origin).name)}."
    notes = [words(note) for note in assumed.grouped(assumed.assumptions(report, device))]
    if notes:
        yield "\n".join(["**Assumed**", "", *(f"- {note}" for note in notes)])
    yield _device(view, report)
    yield f"*{wording.evidence_sentence(report)}*"


def _smells(view: View, report: KernelReport, found: Findings | None) -> Iterable[Smell]:
    """The smells of a kernel; those of its counts alone where the text was not looked through yet."""
    kernel = report.kernel
    if found is None or found.document is not view.document or report.file != view.name:
        return memory_smells(report)
    return (one for one in found.smells if kernel.start <= one.start and one.end <= kernel.end)


def _operations(view: View, report: KernelReport) -> str:
    counts = report.counts
    rows = ["| | per launch | ± | per DRAM byte | ridge point |", "|:--|--:|--:|--:|--:|"]
    for operation, amount in counts.operations.items():
        if amount <= 0:
            continue
        kind = wording.RIDGES.get(operation)
        ridge = view.device.ridge(kind) if kind else None
        intensity = counts.intensity(operation)
        unit = wording.UNITS.get(operation, "op")
        name = _operation_name(operation, counts)
        rows.append(
            f"| {name} | {wording.scaled(amount)}{unit} | {_spread(report, operation)} "
            f"| {'–' if intensity is None else wording.two_digits(intensity)} "
            f"| {'–' if ridge is None else wording.two_digits(ridge)} |"
        )
    traffic = f"{wording.scaled(counts.dram_bytes)}B | {_spread(report, 'dram_bytes')}"
    rows.append(f"| DRAM traffic | {traffic} | | |")
    return "\n".join(rows)


def _operation_name(operation: Operation, counts: KernelCounts) -> str:
    return {
        Operation.SP: f"sp (fp32{f', {wording.halves(counts)}' if counts.halves else ''})",
        Operation.DP: "dp (fp64)",
        Operation.INT: "int",
        Operation.SPECIAL: "special functions",
        Operation.TENSOR: "tensor",
    }[operation]


def _spread(report: KernelReport, name: str) -> str:
    spread = report.counts.uncertainty_log2.get(name)
    return "–" if spread is None else f"×/÷ {wording.two_digits(2**spread)}"


def _arrays(report: KernelReport) -> str:
    arrays = sorted(report.counts.arrays, key=lambda array: -array.dram_bytes)
    rows = ["| array | DRAM traffic | coalescing |", "|:--|--:|--:|"]
    rows += [
        f"| {wording.array_name(array)} | {wording.scaled(array.dram_bytes)}B "
        f"| {round(100 * array.coalescing)}% |"
        for array in arrays[:_MAX_ARRAYS]
    ]
    if len(arrays) > _MAX_ARRAYS:
        rest = sum(array.dram_bytes for array in arrays[_MAX_ARRAYS:])
        rows.append(f"| {len(arrays) - _MAX_ARRAYS} more | {wording.scaled(rest)}B | |")
    return "\n".join(rows)


def _device(view: View, report: KernelReport) -> str:
    device = view.device
    operation = wording.decisive(report.counts, device)
    kind = wording.RIDGES[operation] if operation else "sp"
    figures: list[tuple[str, Figure | None]] = [
        (f"{kind} peak", device.peak(kind)),
        ("DRAM bandwidth", device.dram_bytes_per_s),
    ]
    rows = [f"- {name}: {wording.peak_figure(figure)}" for name, figure in figures if figure is not None]
    return "\n".join([f"**{device.name}** (`{device.id}`)", "", *rows])


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
