"""The commands ``jouleline.refactor`` and ``jouleline.resume``: run the loop, or go on with a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from jouleline import wiring
from jouleline.app.program import ProgramError, read_program
from jouleline.app.workload import WorkloadError, find_workload

from . import arguments, runs
from .code_lens import REFACTOR
from .documents import Document
from .programs import program_root, read_program_of

if TYPE_CHECKING:
    from jouleline.app.detached import DetachedRun

    from .server import Server

RESUME: Final = "jouleline.resume"


def register(server: Server) -> None:
    """Add the commands to a server."""

    @server.command(REFACTOR)
    async def refactor(params: types.ExecuteCommandParams) -> dict[str, Any]:
        document = _asked(server, params)
        assert document.path is not None, "asked for a file"
        root = program_root(document.path, server.session.folders)
        asked = _Asked(document, server.session.folders, dict(server.session.overlay()), server.jobs.target)
        outlives = runs.outlives(server, asked.target)
        try:
            return await runs.carry_out(
                server, root, partial(_detached, asked, outlives=outlives), params.work_done_token
            )
        except _UnderWayError:
            return runs.already(server, root)
        except ProgramError as error:
            return runs.problem(server, f"{document.name} cannot be refactored: {error}")
        except OSError as error:
            return runs.problem(server, f"{error.filename}: records cannot be kept here: {error.strerror}")

    @server.command(RESUME)
    async def resume(params: types.ExecuteCommandParams) -> dict[str, Any]:
        from jouleline.app.history import HistoryError

        name = arguments.text(
            params, "record", f'{RESUME} takes one argument: {{"record": "a run\'s folder"}}'
        )
        target = server.jobs.target
        outlives = runs.outlives(server, target)
        try:
            run = await asyncio.to_thread(_past, Path(name).name, target, outlives=outlives)
        except (HistoryError, ProgramError, WorkloadError, OSError) as error:
            return runs.problem(server, f"The run {Path(name).name} cannot be resumed: {error}")
        return await runs.resume(server, run, params.work_done_token)


@dataclass(frozen=True)
class _Asked:
    """What a run is of: a document, with the workspace's folders, all open texts, and where it is to run."""

    document: Document
    folders: tuple[Path, ...]
    overlay: Mapping[Path, bytes]
    target: str


class _UnderWayError(Exception):
    """The program is being refactored, for another editor."""


def _detached(asked: _Asked, *, outlives: bool) -> DetachedRun:
    # Imported here, as all of the loop: a session that never refactors need not wait for it.
    from jouleline.app.detached import detach, detached_runs

    records = wiring.records_folder()
    assert asked.document.path is not None, "asked for a file"
    program = read_program_of(asked.document.path, asked.folders, asked.overlay)
    root = program.root.absolute()
    if any(run.root == root and run.alive for run in detached_runs(records)):
        raise _UnderWayError
    return detach(records, program, asked.document.name, asked.target, outlives=outlives)


def _past(name: str, target: str, *, outlives: bool) -> DetachedRun:
    """The run called ``name``; one of a command line goes on where new runs go."""
    from jouleline.app.detached import adopt, detached_run, see_that_it_is_the_same
    from jouleline.app.history import HistoryError, run_in

    folder = wiring.records_folder() / name
    past = run_in(folder)
    if past is not None and past.ended:
        raise HistoryError("it has ended")
    if run := detached_run(folder):
        return run
    if past is None:
        raise HistoryError(f"there is no run of that name in {folder.parent}")
    program = read_program([Path(past.program)])
    see_that_it_is_the_same(past, program, find_workload(program, wiring.toolchains()))
    return adopt(past, program, target, outlives=outlives)


def _asked(server: Server, params: types.ExecuteCommandParams) -> Document:
    usage = f'{REFACTOR} takes one argument: {{"uri": "file:///...", "line": 12}}'
    uri = arguments.text(params, "uri", usage)
    document = server.session.documents.get(uri)
    if document is None or document.path is None:
        raise JsonRpcInvalidParams(f"{uri} is not open as a file; open it, then refactor it.")
    return document
