"""Each kernel's bound beside its head and beside its launches, in the range that is on screen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from jouleline.app import wording
from jouleline.app.analyse import KernelReport

from . import convert
from .view import View

if TYPE_CHECKING:
    from .server import Server


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        view = await server.session.view(params.text_document.uri)
        if view is None or not server.session.settings.inlay_hints.enable:
            return []
        return await hints(view, params.range)


async def hints(view: View, asked: types.Range) -> list[types.InlayHint]:
    """The hints whose place lies in a range."""
    start, end = convert.to_offsets(view.text, asked, view.encoding)
    found: list[types.InlayHint] = []
    for place, kernel in view.kernels_between(start, end):
        if not view.known(place):
            # A bound takes milliseconds: what else has arrived goes first, a cancel among it.
            await asyncio.sleep(0)
        if reports := view.reports(place):
            found.append(_hint(view, kernel.anchor, reports))
    for launch in view.launches:
        if start <= launch.anchor <= end and (report := view.report_at(launch)) is not None:
            found.append(_hint(view, launch.anchor, (report,)))
            await asyncio.sleep(0)
    return found


def _hint(view: View, offset: int, reports: Sequence[KernelReport]) -> types.InlayHint:
    return types.InlayHint(
        position=convert.to_position(view.text, offset, view.encoding),
        label=wording.label(reports),
        tooltip=types.MarkupContent(kind=types.MarkupKind.Markdown, value=_tooltip(view, reports[0])),
        padding_left=True,
        padding_right=True,
    )


def _tooltip(view: View, report: KernelReport) -> str:
    counts = report.counts
    if not wording.counted(counts):
        return f"`{report.kernel.display}`: nothing was found to count."
    bound, distance = wording.short_bound(report), wording.margin_sentence(report, view.device)
    lines = [
        f"**{bound}** on {view.device.name}: {distance}.",
        wording.certainty(report),
        wording.evidence_sentence(report),
    ]
    if counts.assumptions:
        assumed = len(counts.assumptions)
        lines.append(f"{assumed} assumption{'s' if assumed > 1 else ''}; hover the kernel to see them.")
    return "\n\n".join(lines)
