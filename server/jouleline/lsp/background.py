"""Work that nobody waits for: it begins when nothing has changed for a while, and any change ends it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import Server


class Background(ABC):
    """One kind of such work. It does not run while it is paused, as a measurement asks for."""

    def __init__(self, server: Server, quiet_s: float) -> None:
        self._server = server
        self._quiet_s = quiet_s
        self._task: asyncio.Task[None] | None = None
        self._alone = asyncio.Lock()
        self._pauses = 0

    @property
    @abstractmethod
    def wanted(self) -> bool:
        """Whether there is anything to be done at all."""

    @abstractmethod
    async def work(self) -> None:
        """Do it; cancelled, end all processes that were started."""

    @abstractmethod
    def drop(self) -> None:
        """Forget what was done, for it is not wanted any more."""

    def restart(self) -> None:
        """End what goes on, for something changed, and begin anew in a while."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if not self.wanted:
            self.drop()
        elif not self._pauses:
            self._task = self._server.start(self._wait_and_work())

    async def _wait_and_work(self) -> None:
        await asyncio.sleep(self._quiet_s)
        async with self._alone:  # one that was cancelled is still ending its processes
            await self.work()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Nothing is done in this context: what goes on is ended before it is entered."""
        self._pauses += 1
        self.restart()
        try:
            async with self._alone:
                pass  # its processes have ended
            yield
        finally:
            self._pauses -= 1
            self.restart()
