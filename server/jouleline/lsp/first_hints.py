"""The hints of a file that is opened with the editor, before the libraries of the protocol are imported.

An editor that starts us has a file to show, and those libraries take longer than its hints. So what is asked
for at once is answered from a session of its own; all else that the editor says is left for the server,
which begins as if nothing had been opened yet.
"""

from __future__ import annotations

import asyncio
import json
import select
from contextlib import suppress
from typing import Any, Final

from jouleline import wiring
from jouleline.config import SECTION, read_settings
from jouleline.core.source import SourceText

from .client import Client
from .greeting import Opening, answer, message
from .hints import Hint, hints
from .session import Session
from .texts import to_bytes, to_folders
from .view import View

_PATIENCE_S: Final = 0.05
"""An editor that shows a file has asked for its hints by then."""
_ASIDE: Final = ("initialized", "$/")


async def first_hints(session: Session, opening: Opening) -> Opening:
    """Answer requests for hints while nothing else is to be done before; with what is left for the server."""
    left: list[bytes] = []
    answered: set[object] = set()
    # Whatever is wrong with a message or with the settings, the server comes to it and tells.
    with suppress(Exception):
        _begin(session, opening)
        patience_s = _PATIENCE_S
        while select.select([0], [], [], patience_s)[0] and (body := message()):
            left.append(body)
            said = json.loads(body)
            method, params = said["method"], said.get("params")
            if method == "textDocument/didOpen":
                _open(session, params["textDocument"])
                await asyncio.sleep(0)  # the disk is looked at while we wait
            elif method == "workspace/didChangeConfiguration":
                _choose(session, params["settings"].get(SECTION))
            elif method == "textDocument/inlayHint":
                answer(said["id"], await _hints(session, params))
                answered.add(said["id"])
                left.pop()
                patience_s = 0.0
            elif method == "$/cancelRequest" and params["id"] in answered:
                left.pop()
            elif not (method.startswith(_ASIDE) or ("id" in said and method.startswith("textDocument/"))):
                break  # what comes behind may depend on it
    return opening._replace(behind=tuple(left))


def _begin(session: Session, opening: Opening) -> None:
    """Take what the first message says; raises LookupError where the settings are still to be asked for."""
    params: dict[str, Any] = json.loads(opening.body)["params"]
    workspace, options = params["capabilities"].get("workspace", {}), params.get("initializationOptions")
    if opening.encoding is None or (options is None and workspace.get("configuration")):
        raise LookupError("settings")
    session.encoding = opening.encoding
    uris = [folder["uri"] for folder in params.get("workspaceFolders") or ()]
    session.folders = to_folders(uris or [params.get("rootUri") or ""])
    _choose(session, options)
    session.client = Client(refresh_hints=workspace.get("inlayHint", {}).get("refreshSupport", False))
    session.ready.set()


def _choose(session: Session, settings: object) -> None:
    session.settings, _ = read_settings(settings, session.settings)
    session.device = wiring.device(session.settings.gpu or wiring.DEFAULT_DEVICE)


def _open(session: Session, item: dict[str, Any]) -> None:
    uri, text = item["uri"], SourceText(to_bytes(item["text"]))
    document = session.document(uri, item["languageId"], item["version"], text)
    session.opened(document, asyncio.get_running_loop().create_task(_look(session, uri)))


async def _look(session: Session, uri: str) -> None:
    await session.look_around(uri)


async def _hints(session: Session, params: dict[str, Any]) -> list[Hint]:
    view = await session.view(params["textDocument"]["uri"])
    if view is None:
        raise LookupError(params["textDocument"]["uri"])
    if not session.settings.inlay_hints.enable:
        return []
    return await hints(view, *(_offset(view, params["range"][end]) for end in ("start", "end")))


def _offset(view: View, position: dict[str, int]) -> int:
    return view.text.offset(view.text.point_at(position["line"], position["character"], view.encoding))
