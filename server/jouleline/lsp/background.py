"""Work that nobody waits for: it begins when nothing has changed for a while, and any change ends it."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .server import Server


_TURN_S: Final = 0.002


class Turn:
    """A share of the loop's time: what takes longer lets go first whatever else has arrived, a cancel say."""

    def __init__(self) -> None:
        self._end = time.monotonic()

    async def over(self) -> None:
        """Go on at once if the turn is not over yet; the first one begins behind what has arrived."""
        if time.monotonic() >= self._end:
            await asyncio.sleep(0)
            self._end = time.monotonic() + _TURN_S


class Background(ABC):
    """One kind of such work. It does not run while it is paused, as a measurement asks for."""

    def __init__(self, server: Server, quiet_s: float) -> None:
        self._server = server
        self._quiet_s = quiet_s
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
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
        self._end()
        if not self.wanted:
            self.drop()
        elif not self._pauses:
            self._timer = asyncio.get_running_loop().call_later(self._quiet_s, self._begin)

    def ensure(self) -> None:
        """Begin in a while, unless that is so already."""
        if self._timer is None and self._task is None:
            self.restart()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _begin(self) -> None:
        self._timer = None
        self._task = self._server.start(self._work())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None

    async def _work(self) -> None:
        async with self._alone:  # one that was cancelled is still ending its processes
            await self.work()

    def stop(self) -> None:
        """End it for good."""
        self._pauses += 1
        self._end()

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
