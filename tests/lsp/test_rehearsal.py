"""What the server does by itself before a first file is opened."""

import asyncio
from pathlib import Path

from jouleline.app import spreads
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.rehearsal import rehearse
from jouleline.lsp.server import Server
from jouleline.wiring import catalogue


def rehearsed(*opened: Document) -> Server:
    """A server that has rehearsed, if no file was open by then; the spreads are to be looked up anew."""

    async def scenario() -> Server:
        server = Server()
        server.session.device = catalogue().get("h200")
        server.session.ready.set()
        for document in opened:
            server.session.put(document)
        await rehearse(server)
        return server

    spreads._shipped_for.cache_clear()
    return asyncio.run(scenario())


def test_a_rehearsal_counts_kernels_and_leaves_nothing_in_the_session() -> None:
    session = rehearsed().session
    assert spreads._shipped_for.cache_info().currsize
    assert not session.documents
    assert not session._views
    assert not session.memory._known
    assert not session.changes


def test_nothing_is_rehearsed_once_a_file_is_open() -> None:
    rehearsed(Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(b"")))
    assert spreads._shipped_for.cache_info().currsize == 0
