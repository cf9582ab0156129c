"""Work-done progress: on the editor's token, or on one of ours."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from .server import Server


def readable(stage: str, message: str) -> str:
    """A step of a run in one line, without colons: editors write its title and a colon before it."""
    return f"{stage} · {message.replace(': ', ' · ')}"


class WorkDone:
    """One piece of work that an editor shows and its user may cancel.

    ``async with`` begins and ends it. A client that shows no progress is told that it began, and if it is
    broken off.
    """

    def __init__(
        self, server: Server, token: types.ProgressToken | None, title: str, cancel: Callable[[], None]
    ) -> None:
        self._server = server
        self._token = token
        self._title = title
        self._cancel = cancel
        self._shown = server.session.client.progress
        self._reported = 0
        self._last = ""
        self.closing = ""
        """What is said at the end."""

    async def __aenter__(self) -> Self:
        progress = self._server.work_done_progress
        if not self._shown:
            self._tell("takes a while; you are told when it ends")
        elif self._token is None:
            token = f"jouleline/{uuid.uuid4()}"
            try:
                await progress.create_async(token)
            except JsonRpcException:
                return self  # the work matters more than its display
            self._token = token
        if self._token is not None:
            progress.begin(
                self._token,
                types.WorkDoneProgressBegin(title=self._title, cancellable=True, percentage=0),
            )
            progress.tokens[self._token].add_done_callback(lambda _: self._cancel())
        return self

    def report(self, message: str, fraction: float | None) -> None:
        """Say what is being done; the percentage never goes back."""
        if self._token is None:
            return
        percentage = self._reported
        if fraction is not None:
            percentage = max(percentage, min(100, round(100 * fraction)))
        if (message, percentage) == (self._last, self._reported):
            return
        self._last, self._reported = message, percentage
        self._server.work_done_progress.report(
            self._token, types.WorkDoneProgressReport(message=message, percentage=percentage)
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self.closing and not self._shown:
            self._tell(f"ended: {self.closing}")
        if self._token is None:
            return
        progress = self._server.work_done_progress
        progress.end(self._token, types.WorkDoneProgressEnd(message=self.closing or None))
        # pygls keeps tokens for ever.
        progress.tokens.pop(self._token, None)

    def _tell(self, what: str) -> None:
        self._server.tell(types.MessageType.Info, f"{self._title} {what}.")
