"""Questions to the user, with a button for each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from .server import Server


async def ask(
    server: Server, message: str, *titles: str, kind: types.MessageType = types.MessageType.Info
) -> str | None:
    """The title that the user chose; None for no answer, or an editor that cannot ask."""
    actions = [types.MessageActionItem(title=title) for title in titles]
    try:
        chosen = await server.window_show_message_request_async(
            types.ShowMessageRequestParams(type=kind, message=message, actions=actions)
        )
    except JsonRpcException:
        return None
    return chosen.title if chosen is not None else None
