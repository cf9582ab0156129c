"""Document sync: the only place where texts change. What the disk says follows in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from jouleline.app.program import SOURCE_SUFFIXES
from jouleline.app.workload import WORKLOAD_FILE
from jouleline.core.source import SourceText

from . import convert, found, status
from .documents import Document
from .texts import to_bytes

if TYPE_CHECKING:
    from .server import Server


def register(server: Server) -> None:
    """Add the handlers to a server."""
    session = server.session

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        text = SourceText(to_bytes(item.text))
        document = session.document(item.uri, item.language_id, item.version, text)
        session.opened(document, server.start(take_in(server, document)))
        server.diagnostics.restart()
        server.foresight.follow()
        if document.path is not None and not any(one in document.path.parents for one in session.folders):
            server.start(found.take_up(server, program=document.path.parent))

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        document = session.documents.get(params.text_document.uri)
        if document is None:
            return
        text = convert.changed(document.text, params.content_changes, session.encoding)
        session.put(document.changed(text, params.text_document.version))
        server.look_again_when_quiet()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        session.close(params.text_document.uri)
        server.look_again_when_quiet()
        look_again(server)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        if params.text_document.uri in session.documents:
            session.kept.wanted.add(params.text_document.uri)
            server.settling.ensure()
        look_again(server)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(_: types.DidChangeWatchedFilesParams) -> None:
        look_again(server)


async def take_in(server: Server, document: Document) -> None:
    """Read what belongs to a document that was opened, and say what is wrong with it."""
    try:
        await surround(server, document.uri)
    finally:
        if document.uri in server.session.documents:
            tell_problem(server, document)


def tell_problem(server: Server, document: Document) -> None:
    """Say once, when it is opened, that a document is not read and why."""
    if document.problem is not None:
        sentence = f"{document.problem}. No hints are shown for it."
        server.tell(types.MessageType.Warning, sentence)
        status.send(server, "ready", sentence)


def look_again(server: Server) -> None:
    """Read the surroundings of all open documents anew: something may have changed on disk."""
    for uri in server.session.documents:
        server.start(surround(server, uri))


async def surround(server: Server, uri: str) -> None:
    """Read what else belongs to a document's program; have hints asked for again if that is news."""
    if await server.session.look_around(uri):
        server.look_again_when_quiet()
        if server.session.told(uri) is not None:
            server.refresh()


def watchers() -> list[types.FileSystemWatcher]:
    """The files whose change on disk can change a bound."""
    suffixes = ",".join(sorted(suffix.removeprefix(".") for suffix in SOURCE_SUFFIXES))
    patterns = (f"**/*.{{{suffixes}}}", f"**/{WORKLOAD_FILE}", "**/{GNUmakefile,makefile,Makefile}")
    return [types.FileSystemWatcher(glob_pattern=pattern) for pattern in patterns]
