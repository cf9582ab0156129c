"""Energy smells as diagnostics, found when nobody types, pushed or pulled as the editor likes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lsprotocol import types

from jouleline.app.memory_smells import memory_smells
from jouleline.core.smell import Smell
from jouleline.core.source import Encoding

from . import convert
from .aside import AsideError, find_smells
from .background import Background
from .documents import Document
from .marks import State
from .view import View

if TYPE_CHECKING:
    from .server import Server

_log = logging.getLogger(__name__)

QUIET_S: Final = 0.8
"""How long nothing may have changed before smells are looked for, in seconds."""
WHOLE_QUIET_S: Final = 10.0
"""How much longer before all of a text is looked through of which a kernel was, in seconds."""
SOURCE: Final = "jouleline"
_PAGE: Final = "https://github.com/jouleline/jouleline/blob/main/docs/rules.md#"


@dataclass(frozen=True)
class _Marks:
    """What the text of a program shows; ``carried``, if some of it was seen in an earlier state of it."""

    state: State
    smells: tuple[Smell, ...]
    carried: bool = False


@dataclass(frozen=True)
class Findings:
    """The smells of one version of a document; ``number`` tells them from all others."""

    number: int
    document: Document
    smells: tuple[Smell, ...]

    def in_lines(self, first: int, last: int) -> Iterator[tuple[int, Smell]]:
        """The smells that lie in lines, which count from 0, each with its index."""
        point = self.document.text.point
        for index, smell in enumerate(self.smells):
            if point(smell.start).line <= last and first <= point(smell.end).line:
                yield index, smell


class Diagnostics(Background):
    """Looks for smells in the open documents, one after the other; any change ends that, and it begins anew.

    Until then an editor keeps what it has, moved with the text.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server, QUIET_S)
        self._counted = 0
        self._found: dict[str, Findings] = {}
        self._of_texts: dict[str, _Marks] = {}

    @property
    def wanted(self) -> bool:
        """Whether the editor takes diagnostics in some way, and the user wants them."""
        client = self._server.session.client
        takes = client.pushed_diagnostics or client.pulled_diagnostics
        return takes and self._server.session.settings.diagnostics.enable

    def of(self, uri: str) -> Findings | None:
        """The last findings in a document, which may be of an earlier version."""
        return self._found.get(uri)

    def drop(self) -> None:
        """Take everything back."""
        self._withdraw(list(self._found))

    async def work(self) -> None:
        """Look into all open documents: first at kernels that changed, and later at whatever may follow."""
        session = self._server.session
        self._withdraw([uri for uri in self._found if uri not in session.documents])
        await self._look(list(session.documents))
        carried = [uri for uri, marks in self._of_texts.items() if marks.carried]
        if carried:
            await asyncio.sleep(WHOLE_QUIET_S)
            await self._look(carried, whole=True)

    async def _look(self, uris: Sequence[str], *, whole: bool = False) -> None:
        session, news = self._server.session, False
        for uri in uris:
            view = await session.view(uri)
            if view is not None:
                smells = [*await self._of_text(view, whole=whole), *await _of_counts(view)]
                news |= self._take(view, tuple(sorted(smells, key=lambda one: one.start)))
        if news and session.client.pulled_diagnostics:
            self._server.workspace_diagnostic_refresh(None)

    async def _of_text(self, view: View, *, whole: bool) -> tuple[Smell, ...]:
        """What the program's text shows, whatever the device; looked for again only where it changed."""
        uri, state = view.document.uri, State.of(view)
        known = self._of_texts.get(uri)
        if known is not None and known.state == state and not (whole and known.carried):
            return known.smells
        changed = known.state.changed_to(state) if known is not None and not whole else None
        files = {name: file.source.text.data for name, file in view.files.items()}
        try:
            if known is None or changed is None:
                marks = _Marks(state, tuple(await find_smells(files, view.name)))
            else:
                places = [(body.start, body.end) for body in changed]
                anew = await find_smells(files, view.name, places) if places else []
                found = (*known.state.carried(known.smells, state), *anew)
                marks = _Marks(state, found, carried=True)
        except (AsideError, OSError) as error:
            _log.warning("%s: %s", view.name, error)
            marks = _Marks(state, ())
        self._of_texts[uri] = marks
        return marks.smells

    def _take(self, view: View, smells: tuple[Smell, ...]) -> bool:
        """Keep what was found, and push it where that is wanted; whether it is news."""
        uri, known = view.document.uri, self._found.get(view.document.uri)
        if known is not None and known.document is view.document and known.smells == smells:
            return False
        self._counted += 1
        found = self._found[uri] = Findings(self._counted, view.document, smells)
        if known is None and not smells:
            return False
        self._push(uri, view.document.version, as_diagnostics(found, view.encoding))
        return True

    def _withdraw(self, uris: Sequence[str]) -> None:
        """Take back what was found in documents that are closed, or all if nobody wants it any more."""
        shown = [uri for uri in uris if self._found.pop(uri).smells]
        for uri in uris:
            self._of_texts.pop(uri, None)
        for uri in shown:
            self._push(uri, None, [])
        if shown and self._server.session.client.pulled_diagnostics:
            self._server.workspace_diagnostic_refresh(None)

    def _push(self, uri: str, version: int | None, shown: list[types.Diagnostic]) -> None:
        if self._server.session.client.pushed_diagnostics:
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=uri, version=version, diagnostics=shown)
            )


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(identifier=SOURCE, inter_file_dependencies=True, workspace_diagnostics=False),
    )
    def diagnostic(params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        # Nobody waits here: news make the editor ask again, and one that cannot be told has them pushed.
        found = server.diagnostics.of(params.text_document.uri)
        if not server.session.client.pulled_diagnostics or found is None:
            return types.RelatedFullDocumentDiagnosticReport(items=[])
        changed = server.session.documents.get(params.text_document.uri) is not found.document
        known = params.previous_result_id
        if known == str(found.number) or (changed and known):
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=known)
        shown = as_diagnostics(found, server.session.encoding)
        return types.RelatedFullDocumentDiagnosticReport(items=shown, result_id=str(found.number))


def as_diagnostics(found: Findings, encoding: Encoding) -> list[types.Diagnostic]:
    """Findings as the protocol has them, in the order of the text."""
    return [as_diagnostic(found, smell, encoding) for smell in found.smells]


def as_diagnostic(found: Findings, smell: Smell, encoding: Encoding) -> types.Diagnostic:
    """One smell, with the way to the page that explains it."""
    return types.Diagnostic(
        range=convert.to_range(found.document.text, smell.start, smell.end, encoding),
        severity=types.DiagnosticSeverity.Hint if smell.minor else types.DiagnosticSeverity.Information,
        code=smell.code,
        code_description=types.CodeDescription(href=_PAGE + smell.code),
        source=SOURCE,
        message=smell.message,
    )


async def _of_counts(view: View) -> list[Smell]:
    """What the counts of the document's kernels show."""
    found: list[Smell] = []
    for place, _ in view.kernels:
        if not view.known(place):
            await asyncio.sleep(0)  # whatever else has arrived goes first
        if reports := view.reports(place):
            found += memory_smells(reports[0])
    return found
