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
        self._news = False
        """Whether something was found that the editor has not been told of: a change may end the work."""

    @property
    def wanted(self) -> bool:
        """Always: an editor that cannot be told to ask again asks with its next change."""
        return True

    def drop(self) -> None:
        """Nothing is kept."""

    async def work(self) -> None:
        """Work out what was told early in the open documents, or of a tree that was left in error."""
        session, began_s = self._server.session, time.monotonic()
        for uri in list(session.documents):
            view = await session.view(uri)
            if view is not None:
                await self._settle(view)
                await self._look_into(uri, view)
            await asyncio.sleep(0)  # whatever else has arrived goes first
            self._news |= session.read_anew(uri)
        self._quiet_s = max(QUIET_S, _PATIENCE * (time.monotonic() - began_s))
        if self._news:
            self._news = False
            self._server.refresh()
        for uri in list(session.documents):
            view = await session.view(uri)
            if view is not None:
                await _foresee(view)
                await self._keep(uri, view)

    async def _settle(self, view: View) -> None:
        """Work out what a view told early, and whether that was not right."""
        while view.early:  # more may be told meanwhile
            await asyncio.sleep(0)  # whatever else has arrived goes first
            if view.early:
                place, early = view.early.popitem()
                self._news |= _told(view, early) != _told(view, view.reports(place))

    async def _look_into(self, uri: str, view: View) -> None:
        """Work out whether hints that were kept were wrong, if any were told."""
        session = self._server.session
        told, subject = session.kept.told(uri), session.subject(uri)
        if told is None or subject is None:
            return
        found = await hints(view, 0, len(view.text.data))
        session.kept.looked_into(uri)
        holds = told.state == subject.state and told.hints == found
        if holds:
            session.kept.wanted.discard(uri)
        self._news |= not holds

    async def _keep(self, uri: str, view: View) -> None:
        """Keep the hints of a document as it was opened or saved.

        Compiled evidence comes later the next time, too: where it has come, what was known before is lost.
        """
        session = self._server.session
        if uri in session.kept.wanted:
            found, subject = await hints(view, 0, len(view.text.data)), session.subject(uri)
            if subject is not None and subject.text == view.text.data and view.is_from_source:
                session.kept.keep(subject, found)


async def _foresee(view: View) -> None:
    """Count the kernels of the document that nobody has asked for yet: a hover then has not to wait."""
    for place, _ in view.kernels:
        await asyncio.sleep(0)  # whatever else has arrived goes first
        view.reports(place)


def _told(view: View, reports: tuple[KernelReport, ...]) -> list[object]:
    """The hints at a kernel and at its launches."""
    return [said(view, shown) for shown in (reports, *((one,) for one in reports)) if shown]
