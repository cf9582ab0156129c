"""Each kernel's bound beside its head and beside its launches, in the range that is on screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from jouleline.app import wording
from jouleline.app.analyse import KernelReport
from jouleline.app.markdown import code

from . import convert
from .background import Turn
from .memory import Words
from .protocol import Plain
from .view import View

if TYPE_CHECKING:
    from .server import Server

Hint = dict[str, Any]
"""As the protocol has it."""


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hint(params: types.InlayHintParams) -> Plain:
        session = server.session
        view = await session.view(params.text_document.uri)
        if view is None or not session.settings.inlay_hints.enable:
            return Plain([])
        found = await hints(view, params.range, soon=session.client.refresh_hints)
        if view.early:
            server.settling.ensure()
        return Plain(found)


async def hints(view: View, asked: types.Range, *, soon: bool = False) -> list[Hint]:
    """The hints whose place lies in a range; ``soon``, by host code as it was followed before a change."""
    start, end = convert.to_offsets(view.text, asked, view.encoding)
    reports_of = view.soon if soon else view.reports
    found: list[Hint] = []
    turn = Turn()
    for place, anchor in view.kernels_between(start, end):
        await turn.over()
        words = view.words(place)
        if words is None and (reports := reports_of(place)):
            words = said(view, reports)
        if words is not None:
            found.append(_hint(view, anchor, words))
    for launch, anchor in view.launches_between(start, end):
        launched = view.place_of(launch.kernel)
        words = view.words(launched, launch) if launched is not None else None
        if words is None and (report := view.report_at(launch, soon=soon)) is not None:
            words = said(view, (report,))
        if words is not None:
            await turn.over()
            found.append(_hint(view, anchor, words))
    return found


def said(view: View, reports: Sequence[KernelReport]) -> Words:
    """A hint without its place; it outlives a keystroke."""
    return view.memory.said(
        reports,
        lambda: {
            "label": wording.label(reports),
            "tooltip": {"kind": "markdown", "value": _tooltip(view, reports[0])},
            "paddingLeft": True,
            "paddingRight": True,
        },
    )


def _hint(view: View, offset: int, words: Words) -> Hint:
    return {"position": convert.to_json(view.text, offset, view.encoding), **words}


def _tooltip(view: View, report: KernelReport) -> str:
    counts = report.counts
    if not wording.counted(counts):
        return f"{code(report.kernel.display)}: nothing was found to count."
    bound, distance = wording.short_bound(report), wording.margin_sentence(report, view.device)
    lines = [
        f"**{bound}** {wording.judged_on(report, view.device)}: {distance}.",
        wording.certainty(report),
        wording.evidence_sentence(report),
    ]
    if wording.is_judged_elsewhere(report, view.device):
        lines.append("It runs on this host: choose the device `host` for its own roofs.")
    if counts.assumptions:
        assumed = len(counts.assumptions)
        lines.append(f"{assumed} assumption{'s' if assumed > 1 else ''}; hover the kernel to see them.")
    return "\n\n".join(lines)
