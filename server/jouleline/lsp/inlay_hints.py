"""Each kernel's bound beside its head and beside its launches, in the range that is on screen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from . import convert
from .hints import hints
from .kept_hints import within
from .protocol import Plain

if TYPE_CHECKING:
    from .server import Server
    from .view import View


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hint(params: types.InlayHintParams) -> Plain:
        session, uri = server.session, params.text_document.uri
        _keep_until_answered(session.told(uri))
        await session.ready.wait()
        if session.settings.inlay_hints.enable and (kept := session.kept_hints(uri)) is not None:
            server.settling.ensure()
            first, last = ((end.line, end.character) for end in (params.range.start, params.range.end))
            return Plain(within(kept, first, last))
        view = await session.view(uri)
        if view is None or not session.settings.inlay_hints.enable:
            return Plain([])
        start, end = convert.to_offsets(view.text, params.range, view.encoding)
        found = await hints(view, start, end, soon=session.client.refresh_hints)
        if view.early:
            server.settling.ensure()
        return Plain(found)


def _keep_until_answered(told: View | None) -> None:
    """What was told before is let go behind the answer: to free the trees of a text takes a while."""
    task = asyncio.current_task()
    assert task is not None, "a request is a task"
    task.add_done_callback(lambda _: told)
