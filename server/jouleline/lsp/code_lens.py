"""A line above each kernel: its bound, and the way to the refactoring."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from jouleline.app import wording

from . import convert
from .view import View

if TYPE_CHECKING:
    from .server import Server

REFACTOR = "jouleline.refactor"


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        view = await server.session.view(params.text_document.uri)
        if view is None or not server.session.settings.code_lens.enable:
            return []
        return await lenses(view)


async def lenses(view: View) -> list[types.CodeLens]:
    """One lens for each kernel of the document."""
    found: list[types.CodeLens] = []
    for place, kernel in view.kernels:
        if not view.known(place):
            await asyncio.sleep(0)  # a lens can wait for whatever else has arrived
        reports = view.reports(place)
        if not reports:
            continue
        bounds = " or ".join(dict.fromkeys(wording.short_bound(report) for report in reports))
        if any(wording.counted(report.counts) for report in reports):
            bounds += f" {wording.judged_on(reports[0], view.device)} ({wording.evidence_words(reports[0])})"
        line = view.text.point(kernel.start).line
        # Within its line: editors would leave a lens that begins with it behind when a line is put before it.
        inside = convert.to_position(view.text, kernel.start + 1, view.encoding)
        found.append(
            types.CodeLens(
                range=types.Range(start=inside, end=inside),
                command=types.Command(
                    title=f"{bounds} · Refactor for energy",
                    command=REFACTOR,
                    arguments=[refactor_request(view, line)],
                ),
            )
        )
    return found


def refactor_request(view: View, line: int) -> dict[str, object]:
    """The argument of the command for a line of the document, which counts from 0."""
    return {"uri": view.document.uri, "version": view.document.version, "line": line}
