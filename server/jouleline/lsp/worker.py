"""The process of one refactoring: it takes a run's folder, works, and leaves what it found there.

It is in a session of its own and nobody's child, so that neither a signal to an editor's processes nor the
end of one of them reaches it. A run that is not to outlive its editor ends when its standard input does,
which the server holds: no server can die in a way that would go unnoticed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from jouleline import wiring
from jouleline.app.detached import DetachedRun, DetachedRunError, detached_run, see_that_it_is_the_same
from jouleline.app.history import HistoryError
from jouleline.app.outcome import Outcome, Step
from jouleline.app.program import launches_kernels
from jouleline.app.refactor import RefactorError, refactor
from jouleline.app.workload import WORKLOAD_FILE, WorkloadError, find_workload

NO_RUN: Final = 2
"""The exit code where there is no run in the folder, or it has a process."""
_OFTEN_S: Final = 0.05


def work(run: DetachedRun) -> Outcome:
    """Do what was asked for, telling all that follow the run where it is.

    Raises:
        DetachedRunError, HistoryError, WorkloadError, RefactorError, UnavailableError: if it cannot be done.
    """
    tell = _calmly(run.tell)
    tell(Step("baseline", "reading the program", 0.0))
    program = run.program()
    workload = find_workload(program, wiring.toolchains())
    see_that_it_is_the_same(run.past, program, workload)
    tools = wiring.refactor_tools(
        uses_gpu=launches_kernels(program),
        settings=wiring.measure_settings(program.root / WORKLOAD_FILE),
        program=program.root,
        target=run.target or None,
        tell=lambda text: tell(Step("target", text)),
    )
    with closing(tools):
        return asyncio.run(refactor(program, workload, tools, tell, record=run.folder))


def _calmly(tell: Callable[[Step], None]) -> Callable[[Step], None]:
    """The same, but not oftener than anybody looks, within a stage."""
    said: list[tuple[float, str]] = []

    def told(step: Step) -> None:
        now = time.monotonic()
        if said and said[0][1] == step.stage and now - said[0][0] < _OFTEN_S:
            return
        said[:] = [(now, step.stage)]
        tell(step)

    return told


def main() -> int:
    """Work in a process of its own; returns, in the one that was called, when that one has begun."""
    run = detached_run(Path(sys.argv[1]))
    if run is None:
        return NO_RUN
    try:
        mark = run.begin()
    except DetachedRunError:
        return NO_RUN
    begun, tell_begun = os.pipe()
    if os.fork():
        os.close(tell_begun)
        os.read(begun, 1)
        os._exit(0)  # what is open belongs to the other
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _end)
        run.mark(mark)
        os.close(tell_begun)
        if not run.outlives:
            threading.Thread(target=_end_with_input, daemon=True).start()
        work(run)
    except (DetachedRunError, HistoryError, WorkloadError, RefactorError, wiring.UnavailableError) as error:
        run.tell(None, str(error))
    except KeyboardInterrupt:
        pass  # whoever ended it knows
    return 0


def _end(*_: object) -> None:
    """As by Ctrl-C: what was started ends, and what was copied is removed.

    A second time would cut that short: who asks for an end also closes the input.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.raise_signal(signal.SIGINT)


def _end_with_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
