"""The hints of a file that is opened with the editor, before the libraries of the protocol are imported.

To import these takes longer than to find hints. So what is asked for at once is answered from a session of
its own, and the server's takes over what that one has read and counted.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from jouleline import wiring
from jouleline.config import DEFAULT_DEVICE
from jouleline.core.source import SourceText

from .beginning import Beginning, Question
from .client import Client
from .hints import Hint, hints
from .session import Session
from .texts import to_bytes, to_folders
from .view import View


async def first_hints(session: Session, beginning: Beginning) -> None:
    """Answer requests for hints while nothing else is to be done before."""
    # Whatever is wrong with a message or with the settings, the server comes to it and tells.
    with suppress(Exception):
        session.encoding = beginning.encoding
        session.folders = to_folders(beginning.folders)
        session.client = Client(refresh_hints=beginning.refresh_hints)
        session.ready.set()
        while beginning.asked is not None:
            await _take(session, beginning)
            beginning.answer(await _hints(session, beginning.asked))
            beginning.read_on()


async def _take(session: Session, beginning: Beginning) -> None:
    """Take the settings and documents that have come by now."""
    session.settings = beginning.settings
    session.device = wiring.device(session.settings.gpu or DEFAULT_DEVICE)
    for uri, item in beginning.documents.items():
        if uri not in session.documents:
            text = SourceText(to_bytes(item["text"]))
            document = session.document(uri, item["languageId"], item["version"], text)
            session.opened(document, asyncio.get_running_loop().create_task(_look(session, uri)))
    await asyncio.sleep(0)  # the disk is looked at while we wait


async def _look(session: Session, uri: str) -> None:
    await session.look_around(uri)


async def _hints(session: Session, asked: Question) -> list[Hint]:
    view = await session.view(asked.uri)
    if view is None:
        raise LookupError(asked.uri)
    if not session.settings.inlay_hints.enable:
        return []
    return await hints(view, *(_offset(view, asked.range[end]) for end in ("start", "end")))


def _offset(view: View, position: dict[str, Any]) -> int:
    return view.text.offset(view.text.point_at(position["line"], position["character"], view.encoding))
