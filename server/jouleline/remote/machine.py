"""Another machine as long as it is worked with: connected again when the connection was lost."""

from __future__ import annotations

import itertools
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from jouleline.agent.mirror import Contents
from jouleline.core.device import Device
from jouleline.core.ports import Finding, RunnerError

from .channel import Channel
from .errors import ConnectionLostError, UnreachableError
from .launcher import Launcher
from .values import value

LEASE_S: Final = 60.0
"""How long an agent goes on without a sign of life from here, s: a closed laptop gives none."""
PATIENCE_S: Final = 120.0
"""How long a lost connection is tried again, s."""

_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0

Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the other machine said of itself.

    ``identity`` is the same for as long as figures of it may be compared. ``environment`` is that of jobs.
    """

    node: str
    identity: tuple[str, ...]
    versions: dict[str, str]
    environment: dict[str, str]
    host: Device
    gpu: Finding
    runner: str
    guarantees: tuple[str, ...]
    notes: tuple[str, ...]


class Machine:
    """A connection to an agent, and a new one when it was lost.

    ``name`` is the target's. ``sandboxes`` are those that would do for jobs there (none: outside of any),
    ``readable`` the folders that jobs may read there. ``tell`` hears what is waited for.
    """

    def __init__(
        self,
        name: str,
        launcher: Launcher,
        *,
        sandboxes: Sequence[str],
        readable: Sequence[str] = (),
        tell: Tell = lambda _: None,
        lease_s: float = LEASE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Connect.

        Raises:
            UnreachableError, RunnerError: when there is no agent to be had, or no sandbox there.
        """
        self.name = name
        self.tell = tell
        self._launcher = launcher
        self._sandboxes = list(sandboxes)
        self._readable = list(readable)
        self._lease_s = lease_s
        self._patience_s = patience_s
        self._session = ""
        self._again = threading.Lock()
        self._reviving = False
        self._abandoned = threading.Event()
        self._opening: Channel | None = None
        self.generation = 0
        """How often it was connected: what the agent knew is gone with each connection."""
        self.contents = Contents()
        self._folders = itertools.count(1)
        self.turn_is_ours = False
        self.window: object | None = None
        """The meter that the next run is a window of."""
        tell(f"{name}: connecting")
        self.channel, self.facts = self._connect()

    def _connect(self) -> tuple[Channel, Facts]:
        predecessor, self._session = self._session, secrets.token_hex(8)
        command = self._launcher.command(self._session, self._lease_s, predecessor)
        channel = Channel(command, self._launcher.explain, lease_s=self._lease_s, hear=self._hear)
        self._opening = channel
        channel.open()
        try:
            told = channel.call("hello", sandboxes=self._sandboxes, readable=self._readable)
            facts = value(told, Facts)
        except ConnectionLostError as error:
            raise UnreachableError(str(error)) from error
        except RunnerError as error:
            channel.close()
            raise type(error)(f"target {self.name}: {error}") from error
        self.generation += 1
        return channel, facts

    def _hear(self, told: Mapping[str, Any]) -> None:
        text = told.get("text")
        if isinstance(text, str):
            self.tell(f"{self.name}: {text}")

    def call(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask something that may as well be asked twice; a lost connection is made anew.

        Raises:
            RunnerError, MeterError: as the other side says, or when there is no connection to be had.
        """
        return self.persist(lambda: self.channel.call(do, **fields))

    def persist(self, attempt: Callable[[], T]) -> T:
        """Do something, and again after a connection that was lost meanwhile has been made anew.

        Raises:
            RunnerError: when there is none to be had.
        """
        while True:
            generation = self.generation
            try:
                return attempt()
            except ConnectionLostError as lost:
                self.revive(generation, lost)

    def revive(self, generation: int, lost: ConnectionLostError) -> None:
        """Connect again if nobody has since that ``generation``; may take as long as our patience.

        Raises:
            RunnerError: when it cannot be done, or another machine answers.
        """
        with self._again:
            if generation != self.generation:
                return
            self._reviving = True
            try:
                self.tell(f"{lost}; connecting again")
                self.channel.close(patience_s=0.5)
                deadline = time.monotonic() + self._patience_s
                self.channel, facts = self._persisted(lost, deadline)
            finally:
                self._reviving = False
            if facts.identity != self.facts.identity:
                self.channel.close()
                raise RunnerError(
                    f"target {self.name}: the connection was lost and came back to another machine or GPU "
                    f"({facts.node} in place of {self.facts.node}), and figures of two cannot be compared"
                )
            if self.turn_is_ours:
                self._take_turn_again(deadline)

    def _persisted(self, lost: ConnectionLostError, deadline: float) -> tuple[Channel, Facts]:
        pause = _FIRST_PAUSE_S
        while (connected := self._tried(lost, out_of_time=time.monotonic() + pause > deadline)) is None:
            self._abandoned.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        return connected

    def _tried(self, lost: ConnectionLostError, *, out_of_time: bool) -> tuple[Channel, Facts] | None:
        """A new connection; None where it is worth trying again."""
        try:
            return self._connect()
        except UnreachableError as error:
            if not out_of_time and not self._abandoned.is_set():
                return None
            raise RunnerError(f"{lost}, and was not to be had again: {error}") from error

    def _take_turn_again(self, deadline: float) -> None:
        while not self.channel.call("turn_take")["taken"]:
            if time.monotonic() > deadline:
                raise RunnerError(f"target {self.name}: somebody else measures there by now; try again later")
            time.sleep(_FIRST_PAUSE_S)

    def findings(self) -> list[Finding]:
        """What is there, for the doctor."""
        return value(self.call("doctor")["findings"], list[Finding])

    def new_folder(self) -> str:
        """A name for a folder there that nobody has used so far."""
        return str(next(self._folders))

    def incoming(self) -> Path:
        """A new private folder for contents that are on their way here."""
        return Path(tempfile.mkdtemp(prefix="jouleline-"))

    def abandon(self) -> None:
        """If a lost connection is waited for, let nobody wait any more; only :meth:`close` may follow."""
        if self._reviving:
            self._abandoned.set()
            if self._opening is not None:
                self._opening.kill()

    def close(self) -> None:
        """End what runs there, and the connection."""
        self.abandon()
        self.channel.close()
