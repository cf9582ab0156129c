"""One connection to an agent: its process here, requests and their answers.

Requests may come from any thread and from the event loop; a thread of our own takes the answers.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from jouleline.agent.wire import CHUNK_BYTES, GREETING, WANTED, Message, Wire, WireError
from jouleline.core.meter import MeterError
from jouleline.core.ports import RunnerError

from .bundle import bundle
from .errors import ConnectionLostError, UnreachableError

# What a login shell may say before the agent is heard.
_MOST_NOISE: Final = 256 * 1024
# The most that an agent sends back of one job, and its output: who sends more shall not fill this machine.
_MOST_ANSWER: Final = 2 * 1024**3
_END_PATIENCE_S: Final = 20.0
_PINGS_A_LEASE: Final = 4


@dataclass
class Answer:
    """What came back: ``head`` is the answer itself, ``parts`` longer texts by their names."""

    head: dict[str, Any]
    parts: dict[str, bytearray]


@dataclass
class _Pending:
    future: Future[Answer]
    keep: Callable[[Message], None] | None
    parts: dict[str, bytearray] = field(default_factory=dict)
    room: int = field(default_factory=lambda: _MOST_ANSWER)


Hear = Callable[[Mapping[str, Any]], None]
"""Is told what the other side says unasked, such as the place in a queue."""


class Channel:
    """A process that brings us to an agent, and the agent at its other end."""

    def __init__(
        self, command: Sequence[str], explain: Callable[[int, str], str], *, lease_s: float, hear: Hear
    ) -> None:
        """Start ``command``; nobody answers before :meth:`open`.

        ``explain`` makes a sentence of an exit code and of what was said on standard error.

        Raises:
            UnreachableError: when it cannot be started.
        """
        self._explain = explain
        self._hear = hear
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._lock = threading.Lock()
        self._lost: RunnerError | None = None
        # A file, not a pipe: a connection that ssh keeps open for the next one would hold the pipe's end.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - kept until the process ends
        try:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._said.close()
            raise UnreachableError(f"{command[0]} cannot be started: {error.strerror}") from error
        reader = cast("BinaryIO", self._process.stdout)
        writer = cast("BinaryIO", self._process.stdin)
        self._wire = Wire(reader, writer)
        self._ended = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._lease_s = lease_s

    def open(self) -> None:
        """Wait until the agent answers, sending its file where it is not there.

        Raises:
            UnreachableError: when it never does.
        """
        try:
            self._greet(self._wire.reader, self._wire.writer)
        except BaseException:
            self.close(patience_s=0.5)
            raise
        self._begin("jouleline-listening", self._listen)
        self._keep_alive()

    def kill(self) -> None:
        """End the process here at once, whoever waits for it; nothing is heard any more."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        if name not in self._threads:
            self._threads[name] = threading.Thread(target=work, name=name, daemon=True)
            self._threads[name].start()

    def _keep_alive(self) -> None:
        """Give signs of life from now on."""
        self._begin("jouleline-ping", self._ping)

    def _greet(self, reader: BinaryIO, writer: BinaryIO) -> None:
        noise = 0
        while line := reader.readline(_MOST_NOISE):
            text = line.decode(errors="replace").strip()
            if text.endswith(GREETING):
                return
            if text.endswith(WANTED):
                with suppress(OSError):
                    writer.write(bundle().data)
                    writer.flush()
            elif text.startswith("{"):
                self._unasked(line)
            noise += len(line)
            if noise > _MOST_NOISE:
                self.kill()
                raise UnreachableError(
                    "who answers there talks without end and is no agent; see what a login shell prints there"
                )
        raise UnreachableError(self._why())

    def _unasked(self, line: bytes) -> None:
        with suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and "event" in told:
                self._keep_alive()  # a queue may be long
                self._hear(told)

    def _why(self) -> str:
        """Why there is no agent, or none any more."""
        with suppress(OSError):
            self._wire.writer.close()
        try:
            code = self._process.wait(_END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._said.seek(0)
        return self._explain(code, self._said.read(_MOST_NOISE).decode(errors="replace"))

    def _listen(self) -> None:
        lost: RunnerError | None = None
        try:
            while (message := self._wire.receive()) is not None:
                self._take(message)
        except (WireError, RunnerError, TypeError, KeyError) as error:
            # To connect again would bring the same.
            lost = UnreachableError(
                f"the other machine sent what it should not ({error}); its agent is not well"
            )
            self.kill()
        except (OSError, ValueError):
            pass
        if lost is None:
            why = "" if self._ended.is_set() else self._why()
            lost = ConnectionLostError(why or "the connection was closed")
        with self._lock:
            self._lost = lost
            pending, self._pending = list(self._pending.values()), {}
        self._ended.set()
        for one in pending:
            one.future.set_exception(lost)

    def _take(self, message: Message) -> None:
        if "event" in message.head:
            self._hear(message.head)
            return
        with self._lock:
            pending = self._pending.get(message.head.get("id", 0))
            if "content" not in message.head and "part" not in message.head:
                self._pending.pop(message.head.pop("id", None), None)
        if pending is None:
            return
        pending.room -= len(message.payload)
        if pending.room < 0:
            raise WireError("more is sent than was asked for")
        if "part" in message.head:
            pending.parts.setdefault(message.head["part"], bytearray()).extend(message.payload)
        elif "content" in message.head:
            if pending.keep is not None:
                pending.keep(message)
        else:
            _settle(pending, message.head)

    def _ping(self) -> None:
        while not self._ended.wait(self._lease_s / _PINGS_A_LEASE):
            with suppress(OSError, ValueError):
                self._wire.send({"do": "ping"})

    def ask(
        self, do: str, fields: Mapping[str, Any] | None = None, keep: Callable[[Message], None] | None = None
    ) -> tuple[int, Future[Answer]]:
        """Send a request; its number, and its answer to come. ``keep`` takes contents that come before it.

        Raises:
            ConnectionLostError: when there is no connection any more.
        """
        pending = _Pending(Future(), keep)
        with self._lock:
            if self._lost is not None:
                raise self._lost
            number = next(self._numbers)
            self._pending[number] = pending
        with suppress(OSError, ValueError):  # whoever listens finds out why, and tells it to all
            self._wire.send({"id": number, "do": do, **(fields or {})})
        return number, pending.future

    def call(self, do: str, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            RunnerError, MeterError: as the other side says, or when the connection is lost.
        """
        return self.ask(do, fields)[1].result().head

    def cancel(self, number: int) -> None:
        """Have a request ended; its answer will say so."""
        with suppress(OSError, ValueError):
            self._wire.send({"id": 0, "do": "cancel", "of": number})

    def send_content(self, digest: str, path: Path, folder: str) -> None:
        """Send a file's content for a folder there, to be named by its digest afterwards.

        Raises:
            OSError: when the file cannot be read.
        """
        with path.open("rb") as file:
            first = True
            while True:
                chunk = file.read(CHUNK_BYTES)
                last = len(chunk) < CHUNK_BYTES
                with suppress(BrokenPipeError, ValueError):
                    self._wire.send(
                        {"content": digest, "folder": folder, "first": first, "last": last}, chunk
                    )
                if last:
                    return
                first = False

    def close(self, patience_s: float = _END_PATIENCE_S) -> None:
        """Have the agent end what it runs, remove its folder and go; returns when it has."""
        self._ended.set()
        with suppress(OSError, ValueError):
            self._wire.writer.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        for thread in self._threads.values():
            thread.join()
        self._wire.reader.close()
        self._said.close()


def _settle(pending: _Pending, head: dict[str, Any]) -> None:
    if "meter_error" in head:
        pending.future.set_exception(MeterError(str(head["meter_error"])))
    elif "error" in head:
        pending.future.set_exception(RunnerError(str(head["error"])))
    else:
        pending.future.set_result(Answer(head, pending.parts))
