"""The runs that this server follows, each in a process of its own, at most one a program.

What is known of a run is what lies in its record's folder, whoever began it: one that this server has started
and one that it found are followed alike.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import status
from .progress import WorkDone, readable

if TYPE_CHECKING:
    from lsprotocol import types

    from jouleline.app.detached import DetachedRun, State

    from .server import Server

_LOOK_S: Final = 0.2
_PATIENCE_S: Final = 30.0
"""How long a run may take to end what it has started; a connection to another machine is closed then too."""


class Jobs:
    """The runs that are followed, and ``target``, the machine for new ones (empty: this one)."""

    def __init__(self) -> None:
        self._running: dict[Path, asyncio.Task[Any]] = {}
        self.target = ""
        self.leaving = False
        """The editor goes: runs that outlive it are left alone."""

    def running(self, root: Path) -> bool:
        """Whether a program is being refactored."""
        return root in self._running

    @contextmanager
    def job(self, root: Path) -> Iterator[Callable[[], None]]:
        """Hold a program for the current task; gives what cancels it."""
        task = asyncio.current_task()
        assert task is not None, "a job is a task"
        self._running[root] = task

        def cancel() -> None:
            # Later than the job's end, the task belongs to what comes after it.
            if self._running.get(root) is task:
                task.cancel()

        try:
            yield cancel
        finally:
            del self._running[root]

    async def stop(self) -> None:
        """Cancel all runs that do not outlive the editor and wait until their processes have ended."""
        self.leaving = True
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def start(run: DetachedRun) -> int | None:
    """Start a run's process; closing the descriptor ends one that does not outlive us."""
    from jouleline.app.detached import LOG_FILE

    reader, writer = (None, None) if run.outlives else os.pipe()
    try:
        with (run.folder / LOG_FILE).open("ab") as log:
            # Without -P a module of the user's that is called as one of ours would be run.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "jouleline.lsp.worker", str(run.folder)),
                stdin=asyncio.subprocess.DEVNULL if reader is None else reader,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # It returns as soon as the run has begun, or could not; until then nothing could be ended.
        begun = asyncio.ensure_future(process.wait())
        try:
            await asyncio.shield(begun)
        except asyncio.CancelledError:
            await begun
            raise
    except BaseException:
        if writer is not None:
            os.close(writer)
        raise
    finally:
        if reader is not None:
            os.close(reader)
    return writer


async def follow(
    server: Server,
    run: DetachedRun,
    token: types.ProgressToken | None,
    cancel: Callable[[], None],
    *,
    begin: bool,
) -> State:
    """Show a run's progress until it has ended, after it was begun if it is to be; where it was at the end.

    Cancelling ends the run with all its processes, or leaves one alone that outlives the editor which goes.
    """
    async with AsyncExitStack() as stack:
        if not run.target:
            # A compiler that runs beside would be measured with the program.
            for background in (server.compilation, server.diagnostics, server.foresight):
                await stack.enter_async_context(background.paused())
        try:
            work = await stack.enter_async_context(WorkDone(server, token, run.title, cancel))
        except asyncio.CancelledError:
            if begin:  # the editor has never said that it shows the run, which has not begun
                run.drop_if_nothing_was_found()
            raise
        status.send(server, "working", run.title)
        stack.callback(status.send, server)
        try:
            return await _followed(run, work, begin=begin)
        except asyncio.CancelledError:
            if server.jobs.leaving and run.outlives:
                work.closing = "goes on without the editor"
                raise
            work.closing = "cancelled"
            await asyncio.shield(end(run))
            if not server.jobs.leaving:
                run.mark_told()
            run.drop_if_nothing_was_found()
            raise


async def _followed(run: DetachedRun, work: WorkDone, *, begin: bool) -> State:
    ends = await start(run) if begin else None
    try:
        while True:
            # Asked first: what is read of one that has ended is its last word.
            alive, state = await asyncio.to_thread(lambda: (run.alive, run.state))
            if state.step is not None:
                work.report(readable(state.step.stage, state.step.message), state.step.fraction)
            if not alive:
                break
            await asyncio.sleep(_LOOK_S)
        work.closing = "could not be done" if state.problem else _last_word(run, state)
        return state
    finally:
        if ends is not None:
            os.close(ends)


def _last_word(run: DetachedRun, state: State) -> str:
    return state.step.message if run.finished and state.step is not None else "did not finish"


async def end(run: DetachedRun) -> None:
    """End a run with all that it started; returns when it has."""
    await asyncio.to_thread(run.signal)
    waited = 0.0
    while await asyncio.to_thread(lambda: run.alive):
        await asyncio.sleep(_LOOK_S)
        waited += _LOOK_S
        if waited > _PATIENCE_S:
            await asyncio.to_thread(run.signal, signal.SIGKILL)
            waited = 0.0
