"""What a session keeps of the documents that come and go."""

import asyncio
from pathlib import Path

from jouleline import wiring
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


def test_a_later_session_tells_from_the_view_of_an_earlier_one_until_more_is_known() -> None:
    async def scenario() -> None:
        sessions = [Session()]
        sessions.append(Session(sessions[0]))
        for session in sessions:
            session.device = wiring.device("h200")
            session.ready.set()
            text = SourceText(b"__global__ void scale(float *a) { a[threadIdx.x] *= 2.0f; }\n")
            session.put(session.document(URI, "cuda-cpp", 1, text))
        earlier, later = sessions
        told = await earlier.view(URI)
        assert told is not None
        assert await later.view(URI) is told
        assert await later.view(URI) is told
        later.improve(told, {})
        assert await later.view(URI) is not told

    asyncio.run(scenario())


def test_an_open_file_is_not_parsed_again_with_another_one() -> None:
    session = Session()
    document = Document(URI, Path("/k.cu"), "cuda-cpp", 1, SourceText(b"int n;\n"))
    session.put(document)
    assert session.parsed_files() == {Path("/k.cu"): document.parsed}
