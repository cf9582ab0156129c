"""What an editor says at the start, taken in before those libraries are imported that understand all of it.

An editor that starts us has a file to show, and asks for its hints at once. What is not answered is left for
the server, which begins as if nothing had been opened yet.
"""

from __future__ import annotations

import json
import select
from contextlib import suppress
from typing import Any, Final, NamedTuple

from jouleline.config import SECTION, Settings, read_settings

from .greeting import DEFAULT_ENCODING, Opening, answer, message

_PATIENCE_S: Final = 0.05
"""An editor that shows a file has asked for its hints by then."""
_ASIDE: Final = ("initialized", "$/")


class Question(NamedTuple):
    """A request for the hints of a document in a range, as the protocol has both."""

    number: int | str
    uri: str
    range: dict[str, Any]


class Beginning:
    """The messages that are read before the server is there.

    ``documents`` are those that were opened, by URI, as the protocol has them; ``asked`` is a request for
    hints that has not been answered yet.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._left = list(opening.behind)
        self.encoding = opening.encoding or DEFAULT_ENCODING
        self._answered: set[object] = set()
        self.settings = Settings()
        self.folders: list[str] = []
        self.refresh_hints = False
        self.documents: dict[str, dict[str, Any]] = {}
        self.asked: Question | None = None
        self._ended = True
        # Whatever is wrong with a message or with the settings, the server comes to it and tells.
        with suppress(Exception):
            self._ended = not self._initialized()

    @property
    def left(self) -> Opening:
        """What is left for the server."""
        return self._opening._replace(behind=tuple(self._left))

    def read_on(self) -> Question | None:
        """Read up to the next request for hints; None if there is something else to be done first."""
        found = None
        with suppress(Exception):
            while found is None and not self._ended:
                patience_s = 0.0 if self._answered else _PATIENCE_S
                found = self._take(message() if select.select([0], [], [], patience_s)[0] else b"")
        self.asked = found
        return found

    def answer(self, hints: list[dict[str, Any]]) -> None:
        """Answer what was asked."""
        assert self.asked is not None, "something was asked"
        answer(self.asked.number, hints)
        self._answered.add(self.asked.number)
        self._left.pop()
        self.asked = None

    def _initialized(self) -> bool:
        """Take what the first message says; whether nothing has to be asked for before hints are told."""
        params: dict[str, Any] = json.loads(self._opening.body)["params"]
        workspace, options = params["capabilities"].get("workspace", {}), params.get("initializationOptions")
        if self._opening.encoding is None or (options is None and workspace.get("configuration")):
            return False
        uris = [folder["uri"] for folder in params.get("workspaceFolders") or ()]
        self.folders = uris or [params.get("rootUri") or ""]
        self.refresh_hints = workspace.get("inlayHint", {}).get("refreshSupport", False)
        self._choose(options)
        return True

    def _choose(self, settings: object) -> None:
        self.settings, _ = read_settings(settings, self.settings)

    def _take(self, body: bytes) -> Question | None:
        """Take one message; the question if it is one."""
        self._ended = not body
        if self._ended:
            return None
        self._left.append(body)
        said = json.loads(body)
        method, params = said["method"], said.get("params")
        if method == "textDocument/inlayHint":
            return Question(said["id"], params["textDocument"]["uri"], params["range"])
        if method == "textDocument/didOpen":
            self.documents[params["textDocument"]["uri"]] = params["textDocument"]
        elif method == "workspace/didChangeConfiguration":
            self._choose(params["settings"].get(SECTION))
        elif method == "$/cancelRequest" and params["id"] in self._answered:
            self._left.pop()
        else:
            # What comes behind anything else may depend on it.
            aside = method.startswith(_ASIDE) or ("id" in said and method.startswith("textDocument/"))
            self._ended = not aside
        return None
