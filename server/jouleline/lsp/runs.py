"""A run from its beginning to what becomes of it: followed, told, and its edit offered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types

from jouleline import wiring
from jouleline.app.workload import WorkloadError, find_workload
from jouleline.config import Outlive

from .jobs import follow
from .offer import StaleError, confirms, offer, see_that_nothing_changed, show
from .question import ask

if TYPE_CHECKING:
    from jouleline.app.detached import DetachedRun, State
    from jouleline.app.kept_result import KeptResult
    from jouleline.app.program import Program

    from .server import Server

FINISHED: Final = "jouleline/finished"
"""The notification of a result that no command asked for, or that its user wants to see again."""

_RESUME: Final = "Resume"
_SHOW: Final = "Show"
_DISMISS: Final = "Dismiss"


def problem(server: Server, sentence: str) -> dict[str, Any]:
    """A run that could not be made: the user is told, and the caller can read why."""
    server.tell(types.MessageType.Warning, sentence)
    return {"improved": False, "applied": False, "problem": sentence}


async def carry_out(
    server: Server,
    root: Path,
    run_of: Callable[[], DetachedRun],
    token: types.ProgressToken | None = None,
    *,
    begin: bool = True,
    asked: bool = True,
) -> dict[str, Any]:
    """Follow a program's run to its end, after it was begun if it is to be, and offer what it found.

    ``run_of`` gives the run, and may read the disk. The answer is that of the command; empty for a run that
    is not to be begun and that another editor follows. Where nobody ``asked`` by a command, a notification
    says what an answer would.
    """
    with ExitStack() as stack:
        if server.jobs.running(root):
            return already(server, root)
        with server.jobs.job(root) as cancel:
            run = await asyncio.to_thread(run_of)
            lock = await asyncio.to_thread(run.follow)
            if lock is None:
                return already(server, root) if begin else {}
            stack.enter_context(lock)
            alive = begin or await asyncio.to_thread(lambda: run.alive)
            if alive:
                run.mark_untold()
                state = await follow(server, run, token, cancel, begin=begin)
            else:
                state = run.state
        if alive and not asked and run.finished:
            server.protocol.notify(FINISHED, {"record": str(run.folder)})
        return await _conclude(server, run, state, away=not alive)


async def _conclude(server: Server, run: DetachedRun, state: State, *, away: bool) -> dict[str, Any]:
    """Tell what became of a run that has ended, and offer its edit."""
    from jouleline.app.detached import DetachedRunError
    from jouleline.app.history import HistoryError
    from jouleline.app.kept_result import kept_result

    try:
        result = await asyncio.to_thread(kept_result, run.folder) if run.finished else None
        program = await asyncio.to_thread(run.program)
    except (HistoryError, DetachedRunError) as error:
        return problem(server, str(error))
    if result is None:
        return await _unfinished(server, run, state)
    answer = {"improved": result.improved, "headline": result.headline, "record": str(result.record)}
    news = f"{run.title} finished while you were away: {result.headline}" if away else ""
    applied = False
    if not result.improved:
        await _tell_of_no_gain(server, run, result, news)
    elif not (news and confirms(server)):
        applied = await offer(server, program, result, news)
    elif await ask(server, news, _SHOW, _DISMISS) == _SHOW:
        server.protocol.notify(FINISHED, {"record": str(result.record)})
        applied = await offer(server, program, result)
    run.mark_told()
    return {**answer, "applied": applied}


async def _tell_of_no_gain(server: Server, run: DetachedRun, result: KeptResult, news: str) -> None:
    if not news:
        server.tell(types.MessageType.Info, f"{run.name}: {result.headline}")
    elif await ask(server, news, _SHOW, _DISMISS) == _SHOW:
        server.protocol.notify(FINISHED, {"record": str(result.record)})
        if not confirms(server):
            await show(server, result)


async def _unfinished(server: Server, run: DetachedRun, state: State) -> dict[str, Any]:
    """Say why a run has no result; where that saves anything, it can be resumed."""
    if state.problem:
        sentence = f"{run.name} cannot be refactored: {state.problem}"
    else:
        why = f" ({run.last_words})" if run.last_words else ""
        sentence = f"{run.title} was cut off before it was done{why}"
    if state.problem and run.past is None:
        run.mark_told()
        run.drop_if_nothing_was_found()
        return problem(server, sentence)
    server.start(_offer_to_resume(server, run, sentence))
    return {"improved": False, "applied": False, "problem": sentence}


async def _offer_to_resume(server: Server, run: DetachedRun, sentence: str) -> None:
    question = f"{sentence}. {_RESUME} goes on with it, and pays for nothing twice."
    chosen = await ask(server, question, _RESUME, _DISMISS, kind=types.MessageType.Warning)
    run.mark_told()
    if chosen == _RESUME:
        await resume(server, run, asked=False)


async def resume(
    server: Server, run: DetachedRun, token: types.ProgressToken | None = None, *, asked: bool = True
) -> dict[str, Any]:
    """Go on with a run that did not end, unless its result could not be offered any more."""
    from jouleline.app.detached import DetachedRunError, lasting
    from jouleline.app.history import HistoryError

    try:
        await see_that_nothing_changed(server, await asyncio.to_thread(_checked, run))
    except (DetachedRunError, HistoryError, WorkloadError, StaleError) as error:
        return problem(server, f"{run.title} cannot be resumed: {error}; refactor it anew.")
    keeps = outlives(server, run.target)
    return await carry_out(server, run.root, lambda: lasting(run, outlives=keeps), token, asked=asked)


def _checked(run: DetachedRun) -> Program:
    """The program of a run that goes on, if that would save anything."""
    from jouleline.app.detached import see_that_it_is_the_same

    program = run.program()
    see_that_it_is_the_same(run.past, program, find_workload(program, wiring.toolchains()))
    return program


def already(server: Server, root: Path) -> dict[str, Any]:
    """A program is refactored once at a time."""
    return problem(server, f"{root.name} is being refactored already; cancel that run first.")


def outlives(server: Server, target: str) -> bool:
    """Whether a run on a target, or here, goes on when the editor ends, as the user's settings say."""
    wanted = server.session.settings.outlive
    return wanted is Outlive.ALWAYS or (wanted is Outlive.TARGETS and bool(target))
