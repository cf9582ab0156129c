"""What a session keeps of the documents that come and go."""

import asyncio
from pathlib import Path

from jouleline.app.analyse import parse_file
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.programs import Surroundings
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


def test_a_file_that_was_read_with_another_one_is_not_parsed_again() -> None:
    session = Session()
    text = SourceText(b"void step();\n")
    beside, path = parse_file(text.data), Path("/program/step.cu")
    session.surround(URI, Surroundings(path.parent, "main.cu", {"step.cu": beside}), session.look(URI))
    known = session.read_before(path, SourceText(bytes(text.data)))
    assert Document(path.as_uri(), path, "cuda-cpp", 1, text, known).parsed is beside
    assert session.read_before(path, SourceText(b"void other();\n")) is None
    assert session.read_before(None, text) is None


def test_an_open_file_is_not_parsed_again_with_another_one() -> None:
    session = Session()
    document = Document(URI, Path("/k.cu"), "cuda-cpp", 1, SourceText(b"int n;\n"))
    session.put(document)
    assert session.parsed_files() == {Path("/k.cu"): document.parsed}
