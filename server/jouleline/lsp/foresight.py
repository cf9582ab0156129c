"""The hints of files that may be opened next, worked out in a pause and kept as if they had been open.

To read a file for the first time takes longer than its hints may. Whoever has one open will soon want those
beside it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from .aside import AsideError, foresee
from .background import Background
from .nearby import Outlook

if TYPE_CHECKING:
    from .server import Server

_log = logging.getLogger(__name__)

QUIET_S: Final = 1.0
"""How long after a file was opened it begins, in seconds."""


class Foresight(Background):
    """Keeps the hints of files near to the open ones: once, until something else is open or chosen."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, QUIET_S)
        self._asked: Outlook | None = None
        self._done: Outlook | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is something that was not looked for yet."""
        return self._asked != self._done

    def drop(self) -> None:
        """What was kept holds for its text, and stays."""

    def follow(self) -> None:
        """Begin in a while if something else is open now, or chosen."""
        if (asked := self._outlook()) != self._asked:
            self._asked = asked
            self.restart()

    async def work(self) -> None:
        """Have it done in a process of its own; of one that is ended, what it has kept stays."""
        asked = self._asked
        if asked is not None:
            try:
                await foresee(asked)
            except (AsideError, OSError) as error:
                _log.warning("%s", error)
        self._done = asked

    def _outlook(self) -> Outlook | None:
        """What may be opened next; None where nothing would be told of it."""
        session = self._server.session
        opened = {str(one.path.parent) for one in session.documents.values() if one.path is not None}
        shown = session.client.refresh_hints and session.settings.inlay_hints.enable
        if session.device is None or not opened or not shown:
            return None
        return Outlook(
            tuple(sorted(opened)),
            tuple(map(str, session.folders)),
            session.device.id,
            session.settings.arguments,
            session.encoding,
        )
