import asyncio
import json
from typing import Any

from jouleline.lsp.server import Server

DID_SAVE = {"method": "textDocument/didSave", "params": {"textDocument": {"uri": "file:///k.cu"}}}
INITIALIZE = {"id": 1, "method": "initialize", "params": {"processId": None, "capabilities": {}}}


class Editor:
    """A double of the other end: it keeps what is written to it."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        self.said.append(json.loads(data.partition(b"\r\n\r\n")[2]))

    def close(self) -> None:
        pass


def test_a_notification_that_fails_is_told_and_the_next_one_is_handled() -> None:
    editor, saved = Editor(), []

    def fail_once(params: object) -> None:
        saved.append(params)
        if len(saved) == 1:
            raise ValueError("no such disk")

    async def session() -> None:
        server = Server()
        server.protocol.set_writer(editor)
        server.protocol.fm.features[str(DID_SAVE["method"])] = fail_once
        for message in (INITIALIZE, DID_SAVE, DID_SAVE):
            server.protocol.take(json.dumps({"jsonrpc": "2.0", **message}).encode())
        await server.stop()

    asyncio.run(session())

    shown = [one["params"] for one in editor.said if one.get("method") == "window/showMessage"]
    assert shown == [{"type": 1, "message": "Error in server: no such disk"}]
    assert len(saved) == 2
