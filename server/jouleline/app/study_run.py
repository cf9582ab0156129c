"""Running a study's tasks, in this process or in several, so that a stopped run goes on where it was."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import TypeVar

from .answers import AnswerFile
from .study import Replies, Task

Work = Callable[[Task], Replies]
"""Does a task. With several jobs it is sent to other processes, so it must be a module's function."""


T = TypeVar("T")
R = TypeVar("R")


class StudyError(RuntimeError):
    """The study could not go on; the message says what to do."""


def run(
    tasks: Sequence[Task], work: Work, answers: AnswerFile, jobs: int, tell: Callable[[str, float], None]
) -> None:
    """Do the tasks that ``answers`` lacks, and add each to it as it ends.

    Raises:
        StudyError: if one of several processes was killed.
    """
    waiting = [task for task in tasks if task.key not in answers.done]
    done = len(tasks) - len(waiting)
    if done:
        tell(f"{done} of {len(tasks)} tasks were answered before", done / len(tasks))
    with closing(results(waiting, work, jobs)) as answered:
        for replies in answered:
            answers.add(replies)
            done += 1
            tell(f"{replies.scenario}: {replies.program} ({done} of {len(tasks)})", done / len(tasks))


def results(todo: Sequence[T], work: Callable[[T], R], jobs: int) -> Generator[R, None, None]:
    """What ``work`` makes of each, in the order in which it gets done.

    Raises:
        StudyError: if one of several processes was killed.
    """
    return _here(todo, work) if jobs == 1 else _elsewhere(todo, work, jobs)


def _here(tasks: Sequence[T], work: Callable[[T], R]) -> Generator[R, None, None]:
    for task in tasks:
        yield work(task)


def _elsewhere(tasks: Sequence[T], work: Callable[[T], R], jobs: int) -> Generator[R, None, None]:
    # A fork would copy whatever threads and open files this process has.
    context = multiprocessing.get_context("spawn")
    done = False
    with ProcessPoolExecutor(jobs, context, initializer=_end_when_told) as pool:
        try:
            futures: list[Future[R]] = [pool.submit(work, task) for task in tasks]
            for future in as_completed(futures):
                yield future.result()
            done = True
        except BrokenProcessPool as error:
            raise StudyError(
                "a process ended without an answer, for lack of memory perhaps; "
                "run the same command again with fewer --jobs"
            ) from error
        finally:
            # When the run is stopped, what has begun is not waited for. At its end nothing is terminated:
            # a process that ends while it holds a lock of the pool's queue would leave the others waiting.
            if not done:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in multiprocessing.active_children():
                    process.terminate()


def _end_when_told() -> None:
    """Ctrl-C reaches every process of the terminal, but the one that started us ends us.

    It does so by an exception, so that what we have started ends, too.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
