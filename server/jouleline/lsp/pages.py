"""Commands that answer with a page of Markdown: the bounds on other GPUs, and a report of a document."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from jouleline import wiring
from jouleline.app import wording
from jouleline.app.analyse import KernelReport
from jouleline.app.markdown import code, words
from jouleline.core.device import UnknownDevice

from . import arguments, aside, hover
from .diagnostics import Findings
from .quick_fix import current
from .view import View

if TYPE_CHECKING:
    from .server import Server

WHAT_IF: Final = "jouleline.whatIf"
REPORT: Final = "jouleline.report"


def register(server: Server) -> None:
    """Add the commands to a server."""

    @server.command(WHAT_IF)
    async def what_if(params: types.ExecuteCommandParams) -> dict[str, Any]:
        view, given = await _asked(server, params, WHAT_IF)
        files = {name: file.source.text.data for name, file in view.files.items()}
        try:
            answer = await aside.what_if(files, _devices(server, view, given.get("gpus")), view.arguments)
        except aside.AsideError as error:
            raise JsonRpcException(str(error)) from None
        return {**answer, "markdown": f"{_what_if_title(view, answer['document'])}\n\n{answer['markdown']}"}

    @server.command(REPORT)
    async def report(params: types.ExecuteCommandParams) -> dict[str, Any]:
        view, _ = await _asked(server, params, REPORT)
        for place, _ in view.kernels:
            if not view.known(place):
                await asyncio.sleep(0)  # whatever else has arrived goes first
                view.reports(place)
        return {"markdown": report_page(view, current(server, view.document.uri))}


async def _asked(
    server: Server, params: types.ExecuteCommandParams, command: str
) -> tuple[View, Mapping[str, Any]]:
    uri = arguments.text(params, "uri", f'{command} takes one argument: {{"uri": "file:///..."}}')
    view = await server.session.view(uri)
    if view is None:
        raise JsonRpcInvalidParams(f"{uri} is not open as a source; open it first.")
    return view, arguments.given(params)


def _devices(server: Server, view: View, asked: object) -> Sequence[str]:
    """The ids of the devices that were asked for, each once; else the chosen one and some others."""
    if asked is None:
        return list(dict.fromkeys([view.device.id, *wiring.WHAT_IF_DEVICES]))
    if not isinstance(asked, Sequence) or isinstance(asked, str) or not asked:
        raise JsonRpcInvalidParams('"gpus" must be a list of device ids such as ["h200"]')
    catalogue = server.session.catalogue
    assert catalogue is not None, "there is a view, so there are devices"
    try:
        return list(dict.fromkeys(catalogue.get(str(name)).id for name in asked))
    except UnknownDevice as error:
        raise JsonRpcInvalidParams(str(error)) from None


def _what_if_title(view: View, document: Mapping[str, Any]) -> str:
    """What the page compares, and which GPU is the chosen one. ``document`` is of ``jouleline/what-if/1``."""
    files = sorted({kernel["file"] for kernel in document["kernels"]})
    chosen = f"The chosen GPU is {view.device.name}."
    if all(name == view.name for name in files):
        return f"# {words(view.name)} on other GPUs\n\n{chosen}"
    program = f"These are the kernels of the whole program, in {', '.join(map(words, files))}."
    return f"# The program of {words(view.name)} on other GPUs\n\n{program} {chosen}"


def report_page(view: View, found: Findings | None) -> str:
    """The bounds of a document's kernels, all behind them, and the energy smells as far as they are known."""
    return "\n\n".join(_blocks(view, found)) + "\n"


def _row(report: KernelReport) -> str:
    named = f"| {report.kernel.line} | {code(report.kernel.display, in_table=True)} "
    bound = f"{named}| {wording.short_bound(report)} "
    if not wording.counted(report.counts):
        return f"{bound}| | | |"
    traffic = f"{wording.scaled(report.counts.dram_bytes)}B"
    return f"{bound}| {wording.chance(report)} | {traffic} | {report.evidence} |"


def _blocks(view: View, found: Findings | None) -> Iterator[str]:
    yield f"# {words(view.name)} on {view.device.name}"
    known = [(kernel, reports) for place, kernel in view.kernels if (reports := view.reports(place))]
    if not known:
        yield "No kernel found."
        return
    rows = ["| line | kernel | bound | sure | DRAM traffic | evidence |", "|--:|:--|:--|--:|--:|:--|"]
    rows += [_row(one) for _, reports in known for one in reports]
    yield "\n".join(rows)
    if found is not None and found.smells:
        yield "## Energy smells"
        yield "\n".join(
            f"- line {found.document.text.point(smell.start).line + 1}, `{smell.code}`: "
            f"{words(smell.message)}"
            for smell in found.smells
        )
    for kernel, reports in known:
        yield f"## Line {kernel.line}: {code(kernel.display)}"
        yield hover.page(view, reports, found)
