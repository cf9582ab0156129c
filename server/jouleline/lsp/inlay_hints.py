"""Each kernel's bound beside its head and beside its launches, in the range that is on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from . import convert
from .hints import hints
from .protocol import Plain

if TYPE_CHECKING:
    from .server import Server


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hint(params: types.InlayHintParams) -> Plain:
        session = server.session
        view = await session.view(params.text_document.uri)
        if view is None or not session.settings.inlay_hints.enable:
            return Plain([])
        start, end = convert.to_offsets(view.text, params.range, view.encoding)
        found = await hints(view, start, end, soon=session.client.refresh_hints)
        if view.early:
            server.settling.ensure()
        return Plain(found)
