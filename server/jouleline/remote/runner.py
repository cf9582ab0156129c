"""Runs jobs on another machine, in copies of their folders that are kept alike with those here."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jouleline.agent.mirror import Changes, Mirror, MirrorError
from jouleline.agent.values import plain
from jouleline.agent.wire import Message
from jouleline.core.ports import Completed, InterruptedRunError, Job, RunnerError

from .channel import Answer
from .errors import ConnectionLostError, UnreachableError
from .machine import Machine
from .meter import RemoteMeter
from .values import completed

_CANCEL_PATIENCE_S: Final = 20.0
# Beyond a job's time limit: its end is awaited, and what it left is sent back.
_GRACE_S: Final = 600.0
_MOST_ATTEMPTS: Final = 3


@dataclass
class _Folder:
    mirror: Mirror
    name: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class RemoteRunner:
    """Runs each job as the runner there does; its folder here is as after a run here.

    A job of a connection that was lost is run again, unless a meter watched it.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._folders: dict[str, _Folder] = {}
        self._generation = machine.generation
        self._attended: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name of the runner there, and of the machine: ``bubblewrap on gpu-box``."""
        return f"{self._machine.facts.runner} on {self._machine.facts.node}"

    @property
    def guarantees(self) -> tuple[str, ...]:
        """Those of the runner there, for that machine."""
        return self._machine.facts.guarantees

    async def run(self, job: Job) -> Completed:
        """Run a job to its end or to its limits.

        Raises:
            InterruptedRunError: when it was to be measured, and the connection was lost and is there again.
            RunnerError: when it could not be started, or the connection is lost for good.
        """
        self._attend()
        for attempt in itertools.count(1):
            machine = self._machine
            generation, meter = machine.generation, machine.window
            machine.window = None
            try:
                return await self._once(job, meter)
            except ConnectionLostError as lost:
                if attempt == _MOST_ATTEMPTS:
                    raise RunnerError(f"{lost}, {attempt} times while the same job ran there") from lost
                await self._revived(generation, lost)
                if meter is not None:
                    raise InterruptedRunError(str(lost)) from lost
        raise AssertionError("one of the attempts ends it")

    def _attend(self) -> None:
        """Notice when all that runs here is cancelled: a meter's thread may wait for a connection then."""
        loop = asyncio.get_running_loop()
        if self._attended is None or self._attended.get_loop() is not loop:
            self._attended = loop.create_task(self._until_cancelled())

    async def _until_cancelled(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self._machine.abandon()

    async def _revived(self, generation: int, lost: ConnectionLostError) -> None:
        try:
            await asyncio.to_thread(self._machine.revive, generation, lost)
        except asyncio.CancelledError:
            # Its thread would go on, in a scheduler's queue perhaps for days.
            self._machine.abandon()
            raise

    async def _once(self, job: Job, meter: object | None) -> Completed:
        folder = self._folder(job.directory)
        async with folder.turn:
            try:
                await self._push(folder)
                return await self._run(job, folder, meter)
            except BaseException:
                # Both sides may differ by now in ways that nobody followed.
                self._folders.pop(job.directory, None)
                raise

    def _folder(self, directory: str) -> _Folder:
        if not Path(directory).is_dir():
            raise RunnerError(f"cannot run in {directory}: it is not a folder; name the program's folder")
        if self._generation != self._machine.generation:
            self._folders.clear()
            self._generation = self._machine.generation
        if directory not in self._folders:
            mirror = Mirror(Path(directory), self._machine.contents)
            self._folders[directory] = _Folder(mirror, self._machine.new_folder())
        return self._folders[directory]

    async def _push(self, folder: _Folder) -> None:
        """Make the folder there like ours."""
        try:
            changes = await asyncio.to_thread(folder.mirror.changes)
        except OSError as error:
            raise RunnerError(f"{error.filename}: cannot be read: {error.strerror}") from error
        if not changes and self._is_known(folder):
            return
        lacking = await self._sync(folder, changes)
        if lacking:
            await asyncio.to_thread(self._send, changes, set(lacking), folder)
            if await self._sync(folder, changes):
                raise UnreachableError(f"target {self._machine.name}: files that were sent did not arrive")

    def _is_known(self, folder: _Folder) -> bool:
        return bool(folder.mirror.digests())

    async def _sync(self, folder: _Folder, changes: Changes) -> list[str]:
        fields = {"folder": folder.name, **changes.plain()}
        answer = await self._asked("sync", fields)
        return [str(digest) for digest in answer.head["lacking"]]

    def _send(self, changes: Changes, lacking: set[str], folder: _Folder) -> None:
        for entry in changes.files:
            if entry.text in lacking:
                lacking.discard(entry.text)
                path = folder.mirror.root / entry.name
                self._machine.channel.send_content(entry.text, path, folder.name)

    async def _run(self, job: Job, folder: _Folder, meter: object | None) -> Completed:
        fields = plain(job)
        del fields["directory"]
        incoming = _Incoming(self._machine.incoming())
        try:
            watching = meter if isinstance(meter, RemoteMeter) else None
            number = await asyncio.to_thread(watching.number) if watching is not None else None
            answer = await self._asked(
                "run",
                {"folder": folder.name, "job": fields, "meter": number},
                incoming.keep,
                patience_s=job.limits.wall_s + _GRACE_S,
            )
            if answer.head.get("cancelled"):
                raise RunnerError(f"target {self._machine.name}: the job was ended there")
            if watching is not None:
                watching.watched(answer.head)
            else:
                await self._taken_over(folder, answer, incoming)
        finally:
            await asyncio.to_thread(shutil.rmtree, incoming.folder, ignore_errors=True)
        parts = answer.parts
        return completed(
            answer.head["completed"], bytes(parts.get("stdout", b"")), bytes(parts.get("stderr", b""))
        )

    async def _taken_over(self, folder: _Folder, answer: Answer, incoming: _Incoming) -> None:
        try:
            await asyncio.to_thread(self._take_over, folder, answer, incoming)
        except MirrorError as error:
            raise UnreachableError(
                f"target {self._machine.name}: {error}; its agent does not work as it should"
            ) from error
        except OSError as error:
            raise RunnerError(f"{error.filename or folder.mirror.root}: {error.strerror or error}") from error

    def _take_over(self, folder: _Folder, answer: Answer, incoming: _Incoming) -> None:
        if incoming.problem is not None:
            raise incoming.problem
        for digest in incoming.digests:
            self._machine.contents.put(digest, incoming.folder / digest)
        if folder.mirror.apply(Changes.of(answer.head)):
            raise UnreachableError(f"target {self._machine.name}: files of a job did not arrive")

    async def _asked(
        self,
        do: str,
        fields: dict[str, Any],
        keep: Callable[[Message], None] | None = None,
        patience_s: float = _GRACE_S,
    ) -> Answer:
        """Ask, and have it ended there before a cancellation goes on here."""
        channel = self._machine.channel
        number, answer = await asyncio.to_thread(channel.ask, do, fields, keep)
        waiting = asyncio.wrap_future(answer)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=patience_s)
        except asyncio.CancelledError:
            channel.cancel(number)
            await _ended(waiting)
            raise
        if not done:
            raise RunnerError(
                f"target {self._machine.name}: nothing was heard for {patience_s:.0f} s, longer than it may "
                "take; see whether that machine is well"
            )
        return waiting.result()


async def _ended(waiting: asyncio.Future[Answer]) -> None:
    """Wait for a cancelled request even when cancelled again: its processes must have ended by then."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _CANCEL_PATIENCE_S
    while not waiting.done() and loop.time() < deadline:
        try:
            await asyncio.wait({waiting}, timeout=max(deadline - loop.time(), 0.0))
        except asyncio.CancelledError:
            continue
    if waiting.done() and not waiting.cancelled():
        waiting.exception()  # seen, whatever it is


@dataclass
class _Incoming:
    """Contents on their way here, written down as they come."""

    folder: Path
    digests: set[str] = field(default_factory=set)
    problem: OSError | None = None

    def keep(self, message: Message) -> None:
        digest = str(message.head["content"])
        if not digest.isalnum() or self.problem is not None:
            return
        try:
            with (self.folder / digest).open("wb" if message.head["first"] else "ab") as file:
                file.write(message.payload)
        except OSError as error:
            self.problem = error
        self.digests.add(digest)
