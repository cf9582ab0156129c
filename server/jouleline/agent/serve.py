"""Serves one connection: runs jobs and meters here for the Jouleline that is at its other end.

    python3 AGENT.pyz FOLDER SESSION LEASE_S [PREDECESSOR]

It speaks over its standard input and output (:mod:`.wire`). When these end, or nothing has been heard for
LEASE_S seconds, because a laptop was closed, say, or it is asked to end, it ends every job with all its
processes, removes its folder, and exits. It judges nothing: what readings mean is said where they are wanted.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from jouleline.core.meter import MeterError
from jouleline.core.ports import Runner, RunnerError

from .bench import Bench, facts, findings, sees_gpu
from .mirror import Changes, Contents, Mirror, MirrorError, digest_of
from .session import session
from .values import ending, job_of, plain, runs_of
from .wire import CHUNK_BYTES, GREETING, Message, Wire, WireError

_MOST_BACK = 1024**3
"""Bytes that a job may leave to be brought back; what stays in the folder is not counted."""


def main(arguments: list[str]) -> int:
    """Serve until the connection ends; the exit code is 0 then."""
    folder, name, lease_s, *rest = arguments
    reader, writer = _own_pipes()
    try:
        with session(Path(folder), name, *rest) as place:
            service = Service(Wire(reader, writer), place, float(lease_s))
            writer.write(f"\n{GREETING}\n".encode())
            writer.flush()
            return asyncio.run(service.serve())
    except (RunnerError, OSError) as error:
        sys.stderr.write(f"jouleline: {_sentence(error)}\n")
        return 1


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Our input and output, out of the reach of whatever prints or reads."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return reader, writer


class Service:
    """What can be asked for, each by a method whose name is that of the request."""

    def __init__(self, wire: Wire, place: Path, lease_s: float) -> None:
        """Serve the other end of ``wire``; files are kept in ``place``."""
        self._wire = wire
        self._place = place
        self._lease_s = lease_s
        self._bench = Bench()
        self._runner: Runner | None = None
        self._contents = Contents()
        self._mirrors: dict[str, Mirror] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._full: OSError | None = None
        self._heard_s = time.monotonic()
        self._stopping = False

    async def serve(self) -> int:
        """Answer requests until there will be no more."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, ended.set)
        listening = threading.Thread(target=self._listen, args=(loop, ended), daemon=True)
        listening.start()
        ending_soon = asyncio.ensure_future(ended.wait())
        while not ending_soon.done():
            left_s = self._heard_s + self._lease_s - time.monotonic()
            if left_s <= 0:
                break
            await asyncio.wait({ending_soon}, timeout=left_s)
        ending_soon.cancel()
        await self._stop()
        return 0

    async def _stop(self) -> None:
        self._stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._bench.close)

    def _listen(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        """Receive, in a thread of its own; contents are written down at once."""

        def tell(what: Callable[..., object], *arguments: object) -> None:
            with suppress(RuntimeError):  # the loop has ended before us
                loop.call_soon_threadsafe(what, *arguments)

        with suppress(WireError, OSError, ValueError):
            while (message := self._wire.receive()) is not None:
                self._heard_s = time.monotonic()
                if "content" in message.head:
                    self._keep(message)
                elif message.head.get("do") != "ping":
                    tell(self._begin, message.head)
        tell(ended.set)

    def _keep(self, message: Message) -> None:
        digest, folder = str(message.head["content"]), str(message.head["folder"])
        if not (digest.isalnum() and folder.isalnum()):
            raise WireError(f"no digest: {digest!r}")
        # The same content may be on its way to several folders at once.
        path = self._place / "incoming" / folder / digest
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb" if message.head["first"] else "ab") as file:
                file.write(message.payload)
            if message.head["last"] and digest_of(path) == digest:
                self._contents.put(digest, path)
        except OSError as error:
            self._full = error

    def _begin(self, head: dict[str, Any]) -> None:
        number = head.pop("id")
        if head["do"] == "cancel":
            task = self._tasks.get(head["of"])
            if task is not None:
                task.cancel()
            return
        self._tasks[number] = asyncio.ensure_future(self._answer(number, head))

    async def _answer(self, number: int, head: dict[str, Any]) -> None:
        try:
            answer = await getattr(self, f"do_{head.pop('do')}")(number, **head)
        except asyncio.CancelledError:
            if self._stopping:
                return  # the end of the connection says it all: whoever waits may try again
            answer = {"cancelled": True}
        except MeterError as error:
            answer = {"meter_error": str(error)}
        except (RunnerError, MirrorError, OSError) as error:
            answer = {"error": _sentence(error)}
        except Exception as error:  # noqa: BLE001 - the other side has to hear of it, or it waits for ever
            answer = {"error": f"the agent failed: {type(error).__name__}: {error}"}
        finally:
            del self._tasks[number]
        with suppress(OSError, ValueError):  # nobody listens any more; the reader will notice
            await asyncio.to_thread(self._wire.send, {"id": number, **answer})

    async def do_hello(self, number: int, *, sandboxes: list[str], readable: list[str]) -> dict[str, Any]:
        """Choose a sandbox, and tell of this machine."""
        runner, notes = await asyncio.to_thread(self._bench.runner, sandboxes, readable)
        self._runner = runner
        return {
            **plain(await asyncio.to_thread(facts)),
            "runner": runner.name,
            "guarantees": list(runner.guarantees),
            "notes": list(notes),
        }

    async def do_doctor(self, number: int) -> dict[str, Any]:
        """What is here."""
        return {"findings": plain(await asyncio.to_thread(findings))}

    async def do_sync(
        self, number: int, *, folder: str, entries: list[Any], gone: list[Any]
    ) -> dict[str, Any]:
        """Change a folder here as it was changed there; contents have come before."""
        full, self._full = self._full, None
        if full is not None:
            raise full
        changes = Changes.of({"entries": entries, "gone": gone})
        lacking = await asyncio.to_thread(self._mirror(folder).apply, changes)
        if not lacking:
            incoming = self._place / "incoming" / folder
            await asyncio.to_thread(shutil.rmtree, incoming, ignore_errors=True)
        return {"lacking": lacking}

    async def do_run(
        self, number: int, *, folder: str, job: dict[str, Any], meter: int | None
    ) -> dict[str, Any]:
        """Run a job; within a window of a ``meter``, or else with what it left sent back."""
        if self._runner is None:
            raise RunnerError("no sandbox was chosen")
        mirror = self._mirror(folder)
        asked = job_of(job, str(mirror.root))
        if meter is not None:
            await asyncio.to_thread(self._bench.meter(meter).start)
        completed = await self._runner.run(asked)
        answer: dict[str, Any] = {"completed": ending(completed)}
        if meter is not None:
            try:
                sample = await asyncio.to_thread(self._bench.meter(meter).stop, [completed])
                answer["sample"] = plain(sample)
            except MeterError as error:
                answer["sample_error"] = str(error)
        else:
            answer |= await asyncio.to_thread(self._send_changes, number, mirror)
        await asyncio.to_thread(self._send, number, "stdout", completed.stdout)
        await asyncio.to_thread(self._send, number, "stderr", completed.stderr)
        return answer

    def _mirror(self, folder: str) -> Mirror:
        if folder not in self._mirrors:
            # Numbered, for what it is called there is no name of a file here.
            root = self._place / "jobs" / str(len(self._mirrors) + 1)
            root.mkdir(parents=True)
            self._mirrors[folder] = Mirror(root, self._contents)
        return self._mirrors[folder]

    def _send_changes(self, number: int, mirror: Mirror) -> dict[str, Any]:
        """Send what a job left. A file that was only touched, or lies on the other side, goes by name."""
        before = mirror.digests()
        changes = mirror.changes()
        fresh = [entry for entry in changes.files if before.get(entry.name) != entry.text]
        size = sum(entry.size for entry in fresh)
        if size > _MOST_BACK:
            raise RunnerError(
                f"the job left {size / 2**30:.1f} GiB in its folder, more than the {_MOST_BACK // 2**30} GiB "
                "that are brought back from another machine; have it write less"
            )
        for entry in fresh:
            with (mirror.root / entry.name).open("rb") as file:
                first = True
                while True:
                    chunk = file.read(CHUNK_BYTES)
                    last = len(chunk) < CHUNK_BYTES
                    head = {"id": number, "content": entry.text, "first": first, "last": last}
                    self._wire.send(head, chunk)
                    if last:
                        break
                    first = False
        return changes.plain()

    def _send(self, number: int, what: str, data: bytes) -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            self._wire.send({"id": number, "part": what}, data[start : start + CHUNK_BYTES])

    async def do_meter_open(
        self, number: int, *, name: str | None, gpus: list[str], accept_mig: bool, uses_gpu: bool
    ) -> dict[str, Any]:
        """Make a meter; its number and what is known of it."""

        def opened() -> int:
            return self._bench.open(name, gpus, accept_mig=accept_mig, uses_gpu=uses_gpu)

        made = await asyncio.to_thread(opened)
        meter = self._bench.meter(made)
        return {"meter": made, "info": plain(meter.info), "sees_gpus": sees_gpu(meter)}

    async def do_meter_check(self, number: int, *, meter: int) -> dict[str, Any]:
        """Test a meter."""
        return {"info": plain(await asyncio.to_thread(self._bench.meter(meter).check))}

    async def do_meter_start(self, number: int, *, meter: int) -> dict[str, Any]:
        """Begin a window."""
        await asyncio.to_thread(self._bench.meter(meter).start)
        return {"info": plain(self._bench.meter(meter).info)}

    async def do_meter_stop(
        self, number: int, *, meter: int, runs: list[Any], repeats: int
    ) -> dict[str, Any]:
        """End a window."""
        sample = await asyncio.to_thread(self._bench.meter(meter).stop, runs_of(runs), repeats)
        return {"sample": plain(sample)}

    async def do_turn_take(self, number: int) -> dict[str, Any]:
        """Ask for the turn to measure."""
        return {"taken": await asyncio.to_thread(self._bench.turn.take)}

    async def do_turn_give_back(self, number: int) -> dict[str, Any]:
        """Let others measure."""
        await asyncio.to_thread(self._bench.turn.give_back)
        return {}


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error.filename or 'where Jouleline keeps its files'}): make room there"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}"
    return str(error)
