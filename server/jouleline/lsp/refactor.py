"""The command ``jouleline.refactor``: run the loop on a document's program, and offer what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from jouleline import wiring

from . import status
from .code_lens import REFACTOR
from .documents import Document
from .offer import offer
from .programs import program_root, read_program_of
from .progress import WorkDone

if TYPE_CHECKING:
    from jouleline.app.outcome import Outcome
    from jouleline.app.program import Program

    from .server import Server


class Jobs:
    """The runs that are going on, at most one a program. Two programs may run, and disturb each other."""

    def __init__(self) -> None:
        self._running: dict[Path, asyncio.Task[Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

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
        """Cancel all runs and wait until their processes have ended."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def register(server: Server) -> None:
    """Add the command to a server."""

    @server.command(REFACTOR)
    async def refactor(params: types.ExecuteCommandParams) -> dict[str, Any]:
        document = _asked(server, params)
        assert document.path is not None, "asked for a file"
        root = program_root(document.path, server.session.folders)
        if server.jobs.running(root):
            return _told(server, f"{root.name} is being refactored already; cancel that run first.")
        title = f"Refactoring {document.name} for energy"
        with server.jobs.job(root) as cancel:
            # A compiler that runs beside would be measured with the program.
            async with (
                server.compilation.paused(),
                server.diagnostics.paused(),
                WorkDone(server, params.work_done_token, title, cancel) as work,
            ):
                status.send(server, "working", title)
                try:
                    found = await _run(server, document, work)
                finally:
                    status.send(server)
        if isinstance(found, str):
            return _told(server, found)
        program, outcome = found
        result = {"improved": outcome.improved, "headline": outcome.headline, "record": str(outcome.record)}
        if not outcome.improved:
            server.tell(types.MessageType.Info, f"{document.name}: {outcome.headline}")
            return {**result, "applied": False}
        return {**result, "applied": await offer(server, program, outcome)}


def _asked(server: Server, params: types.ExecuteCommandParams) -> Document:
    given = params.arguments[0] if params.arguments else None
    uri = given.get("uri") if isinstance(given, Mapping) else None
    if not isinstance(uri, str):
        raise JsonRpcInvalidParams(f'{REFACTOR} takes one argument: {{"uri": "file:///...", "line": 12}}')
    document = server.session.documents.get(uri)
    if document is None or document.path is None:
        raise JsonRpcInvalidParams(f"{uri} is not open as a file; open it, then refactor it.")
    return document


def _told(server: Server, problem: str) -> dict[str, Any]:
    """A run that could not be made: the user is told, and the caller can read why."""
    server.tell(types.MessageType.Warning, problem)
    return {"improved": False, "applied": False, "problem": problem}


async def _run(server: Server, document: Document, work: WorkDone) -> tuple[Program, Outcome] | str:
    """The program that was measured and what was found, or why it could not be done."""
    # Imported here: a session that never refactors need not wait for the loop.
    from jouleline.app.outcome import Step
    from jouleline.app.program import ProgramError, launches_kernels
    from jouleline.app.refactor import RefactorError, refactor
    from jouleline.app.workload import WORKLOAD_FILE, WorkloadError, find_workload

    def report(step: Step) -> None:
        work.report(f"{step.stage}: {step.message}", step.fraction)

    assert document.path is not None, "asked for a file"
    session = server.session
    overlay = dict(session.overlay())
    work.report("reading the program", 0.0)
    try:
        program = await asyncio.to_thread(read_program_of, document.path, session.folders, overlay)
        # Before anything is opened that would have to be closed.
        workload = await asyncio.to_thread(find_workload, program, wiring.toolchains())
        settings = await asyncio.to_thread(wiring.measure_settings, program.root / WORKLOAD_FILE)
        prepare = partial(
            wiring.refactor_tools,
            uses_gpu=launches_kernels(program),
            settings=settings,
            program=program.root,
        )
        tools = await asyncio.to_thread(prepare)
        with closing(tools):
            outcome = await refactor(program, workload, tools, report)
    except (ProgramError, WorkloadError, RefactorError, wiring.UnavailableError) as error:
        work.closing = "could not be done"
        return f"{document.name} cannot be refactored: {error}"
    except asyncio.CancelledError:
        work.closing = "cancelled"
        raise
    work.closing = outcome.headline
    return program, outcome
