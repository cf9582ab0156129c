"""What is said beside a kernel's head and beside its launches, as JSON: no type of the protocol is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jouleline.app import wording
from jouleline.app.analyse import KernelReport
from jouleline.app.markdown import code

from .background import Turn
from .memory import Words
from .view import View

Hint = dict[str, Any]
"""As the protocol has it."""


async def hints(view: View, start: int, end: int, *, soon: bool = False) -> list[Hint]:
    """The hints in a stretch (bytes); ``soon``, by host code as it was followed before a change."""
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
    line, character = view.text.position(offset, view.encoding)
    return {"position": {"line": line, "character": character}, **words}


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
