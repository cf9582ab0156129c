"""Hints that were told in haste are worked out in peace, and asked for again where they were not right.

Host code may have been followed as it was before the last change, and a half-typed text may have been
taken apart otherwise than it is by who sees it for the first time.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from jouleline.app.analyse import KernelReport

from .background import Background
from .hints import hints, said
from .view import View

if TYPE_CHECKING:
    from .server import Server

QUIET_S: Final = 0.2
"""How long nothing may have changed before host code is followed anew, in seconds."""
_PATIENCE: Final = 3.0
"""How much longer than it takes: in a file of tens of thousands of lines, following holds up the next key."""


class Settling(Background):
    """Follows host code, and reads half-typed texts, of open programs as if nothing were known of them."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, QUIET_S)

    @property
    def wanted(self) -> bool:
        """Always: an editor that cannot be told to ask again asks with its next change."""
        return True

    def drop(self) -> None:
        """Nothing is kept."""

    async def work(self) -> None:
        """Work out what was told early in the open documents, or of a tree that was left in error."""
        session, began_s = self._server.session, time.monotonic()
        news = False
        for uri in list(session.documents):
            view = await session.view(uri)
            if view is not None:
                news |= await _settle(view)
                news |= await self._look_into(uri, view)
            await asyncio.sleep(0)  # whatever else has arrived goes first
            news |= session.read_anew(uri)
        self._quiet_s = max(QUIET_S, _PATIENCE * (time.monotonic() - began_s))
        if news:
            self._server.refresh()
        for uri in list(session.documents):
            view = await session.view(uri)
            if view is not None:
                await _foresee(view)
                await self._keep(uri, view)

    async def _look_into(self, uri: str, view: View) -> bool:
        """Work out whether hints that were kept were wrong, if any were told."""
        session = self._server.session
        told = session.kept.told(uri, session.kept_key(uri) or "")
        if told is None:
            return False
        found = await hints(view, 0, len(view.text.data))
        session.kept.looked_into(uri)
        if told == found:
            session.kept.wanted.discard(uri)
        return told != found

    async def _keep(self, uri: str, view: View) -> None:
        """Keep the hints of a document as it was opened or saved.

        Compiled evidence comes later the next time, too: where it has come, what was known before is lost.
        """
        session = self._server.session
        key = session.kept_key(uri)
        if uri in session.kept.wanted and key is not None and view.is_from_source:
            session.kept.keep(uri, key, await hints(view, 0, len(view.text.data)))


async def _settle(view: View) -> bool:
    """Work out what a view told early; whether that was not right."""
    wrong = False
    while view.early:  # more may be told meanwhile
        await asyncio.sleep(0)  # whatever else has arrived goes first
        if view.early:
            place, early = view.early.popitem()
            wrong |= _told(view, early) != _told(view, view.reports(place))
    return wrong


async def _foresee(view: View) -> None:
    """Count the kernels of the document that nobody has asked for yet: a hover then has not to wait."""
    for place, _ in view.kernels:
        await asyncio.sleep(0)  # whatever else has arrived goes first
        view.reports(place)


def _told(view: View, reports: tuple[KernelReport, ...]) -> list[object]:
    """The hints at a kernel and at its launches."""
    return [said(view, shown) for shown in (reports, *((one,) for one in reports)) if shown]
