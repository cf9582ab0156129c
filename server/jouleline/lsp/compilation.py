"""Compiled evidence in the background: when nobody has typed for a while, a compiler is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lsprotocol import types

from jouleline import wiring
from jouleline.app import wording
from jouleline.app.analyse import Analysis, KernelReport, split_run_line
from jouleline.app.evidence import refined
from jouleline.app.program import Problem, Program
from jouleline.core.counts import Evidence

from .background import Background
from .view import Place, View

if TYPE_CHECKING:
    from jouleline.app.compiled import CompiledEvidence

    from .server import Server

QUIET_S: Final = 1.5
"""How long nothing may have changed before compilers start, in seconds."""

Reports = Mapping[Place, tuple[KernelReport, ...]]


class Compilation(Background):
    """Compiles the open programs, one after the other; any change ends that, and it begins anew.

    Bounds are remembered by what they follow from. So a kernel that an edit cannot have changed keeps its
    compiled evidence, any other has source evidence at once, and an edit that is undone costs nothing.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server, QUIET_S)
        self._evidence: CompiledEvidence | None = None
        self._unavailable = False
        self._seen: dict[str, View] = {}
        self._told: dict[str, str] = {}

    @property
    def wanted(self) -> bool:
        """Whether compiled evidence is switched on and can be had."""
        return self._server.session.settings.compiled_evidence.enable and not self._unavailable

    def drop(self) -> None:
        """Forget which programs were compiled."""
        self._seen.clear()

    async def work(self) -> None:
        """Compile what is open and new."""
        session = self._server.session
        for known in (self._seen, self._told):
            for uri in known.keys() - session.documents.keys():
                del known[uri]
        for uri in list(session.documents):
            view = await session.view(uri)
            if view is not None and not view.same_as(self._seen.get(uri)):
                await self._compile(view)
                self._seen[uri] = view

    async def _compile(self, view: View) -> None:
        """Compile a document's program, if it has kernels that are known by their source alone."""
        if view.root is None or view.device.vendor == "cpu":
            return
        wanted = await _from_source(view)
        evidence = await self._available() if wanted else None
        if evidence is None:
            return
        places = [place for place, reports in wanted.items() for _ in reports]
        analysis = Analysis(
            view.device,
            split_run_line(view.arguments),
            tuple(report for reports in wanted.values() for report in reports),
        )
        files = {name: file.source.text.data for name, file in view.files.items()}
        refinement = await evidence.compiled(analysis, Program(view.root, files, makefile=view.makefile))
        if refinement.counts:
            found = tuple(zip(places, refined(analysis, refinement).kernels, strict=True))
            self._server.session.improve(
                view, {place: tuple(report for at, report in found if at == place) for place in wanted}
            )
            self._server.refresh()
            self._server.diagnostics.restart()
        self._tell(view.document.uri, refinement.problems)

    async def _available(self) -> CompiledEvidence | None:
        """The compilers, looked for when they are first needed; that there are none is told once."""
        if self._evidence is None and not self._unavailable:
            try:
                self._evidence = await asyncio.to_thread(wiring.background_evidence)
            except wiring.UnavailableError as error:
                self._unavailable = True
                self._log(f"Bounds are from source alone: {error}")
        return self._evidence

    def _tell(self, uri: str, problems: tuple[Problem, ...]) -> None:
        """Have the log say what was not compiled and why; not again if it is what was said before."""
        text = "\n".join(f"{problem.file}:{problem.line}: {problem.message}" for problem in problems)
        if text and text != self._told.get(uri):
            self._log(text)
        self._told[uri] = text

    def _log(self, message: str) -> None:
        self._server.window_log_message(types.LogMessageParams(type=types.MessageType.Info, message=message))


async def _from_source(view: View) -> Reports:
    """The reports of the program's kernels for GPUs that have no better evidence than the source's."""
    found: dict[Place, tuple[KernelReport, ...]] = {}
    for place in view.everywhere():
        if not view.known(place):
            await asyncio.sleep(0)  # whatever else has arrived goes first
        reports = view.reports(place)
        if reports and reports[0].counts.evidence is Evidence.SOURCE and not wording.runs_on_host(reports[0]):
            found[place] = reports
    return found
