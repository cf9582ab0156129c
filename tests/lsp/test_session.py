"""What a session keeps of the documents that come and go."""

import asyncio
from pathlib import Path

from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.session import Session

URI = "file:///k.cu"


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()


def test_a_document_that_is_opened_again_is_waited_for_anew() -> None:
    async def scenario() -> None:
        session = Session()
        session.ready.set()
        document = Document(URI, Path("/k.cu"), "cuda-cpp", 1, SourceText(b""))
        first, second = asyncio.Event(), asyncio.Event()
        session.opened(document, asyncio.create_task(wait_for(first)))
        session.close(URI)
        session.opened(document, asyncio.create_task(wait_for(second)))
        first.set()
        await turns()
        asked = asyncio.create_task(session.view(URI))
        await turns()
        assert not asked.done()
        second.set()
        await asked
        await turns()
        assert not session._looks

    asyncio.run(scenario())
