"""Workers on many nodes, by Parsl: it queues, starts and pins them, and replaces those that are lost."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.ports import LostWorkerError
from jouleline.core.target import Target

from .blocks import provider, python_of, workers_per_node
from .errors import FleetError

if TYPE_CHECKING:
    from parsl import DataFlowKernel
    from parsl.executors import HighThroughputExecutor
    from parsl.executors.status_handling import BlockProviderExecutor
    from parsl.jobs.states import JobStatus
    from parsl.providers.base import ExecutionProvider

Tell = Callable[[str], None]

POLL_S = 15.0
"""Between two looks at the queue."""
SCALING_S = 5.0
"""Between two looks whether nodes have to be asked for."""
PATIENCE_S = 30
"""How long a node may be silent before it counts as lost."""

_POOL: Final = "process_worker_pool.py"
_POOL_MODULE: Final = "parsl.executors.high_throughput.process_worker_pool"
_TRIES: Final = 3
"""How often a task is given to a worker: one that ends three of them is not given to a fourth."""
_REFUSALS: Final = 3
"""Allocations in a row that fail before anybody says that there will be none."""
_IDLE_S: Final = 600.0
"""Nodes for which there is no work are given back after so long: a model may think for minutes."""
_LOOK_S: Final = 0.2
_CLEARING_S: Final = 5.0


class Fleet:
    """Nodes whose workers call one function; close it. ``folder``, which nodes share, is gone then.

    ``places`` is how many tasks can be under way at once; in ``known`` its users keep what holds for all of
    them.
    """

    def __init__(
        self,
        target: Target,
        function: Callable[..., Any],
    ) -> None:
        """Ask the scheduler for the nodes of ``target``; they need not be there yet.

        Raises:
            FleetError: if Parsl is not installed, the folder is of no use, or nobody listens to us.
        """
        self._target = target
        self.known: dict[Hashable, Any] = {}
        self.places = target.nodes * workers_per_node(target)
        self.folder = _folder(target)
        try:
            self._blocks = provider(target)
            self._executor = _executor(target, self._blocks, self.folder)
            self._kernel = _kernel(self._executor, self.folder)
        except BaseException as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, ImportError):
                raise FleetError(
                    f"target {target.name} needs Parsl, which is not here: pip install 'jouleline[hpc]'"
                ) from error
            if isinstance(error, OSError):
                raise FleetError(f"target {target.name}: Parsl cannot be started: {error}") from error
            raise
        from parsl import python_app

        self._app = python_app(function, data_flow_kernel=self._kernel)

    def wait(self, *arguments: Any, tell: Tell = lambda _: None) -> Any:
        """What the function returns; ``tell`` hears of the queue meanwhile.

        Raises:
            LostWorkerError: if worker after worker ends over it.
            FleetError: if no worker can be had.
        """
        task, told = self._app(*arguments), ""
        while not task.done():
            if (text := self._waiting()) != told:
                tell(text)
                told = text
            time.sleep(_LOOK_S)
        return self._result(task)

    async def run(self, *arguments: Any) -> Any:
        """What the function returns.

        Whoever is cancelled no longer waits; the worker goes on until the fleet is closed.

        Raises:
            LostWorkerError, FleetError: as :meth:`wait`.
        """
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def tell(_: object) -> None:
            with suppress(RuntimeError):  # the loop may be closed by then
                loop.call_soon_threadsafe(done.set)

        task = self._app(*arguments)
        task.add_done_callback(tell)
        await done.wait()
        return self._result(task)

    def _result(self, task: Future[Any]) -> Any:
        from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

        error = task.exception()
        if error is None:
            return task.result()
        name = self._target.name
        if isinstance(error, ManagerLost | WorkerLost):
            raise LostWorkerError(
                f"target {name}: {_TRIES} workers ended over it, one after the other: {error}"
            ) from error
        words = " ".join(str(error).split()) or type(error).__name__
        raise FleetError(f"target {name}: no worker can be had: {words}") from error

    def _waiting(self) -> str:
        """How the nodes stand that were asked for."""
        states = [status.state.name for status in self._executor.status_facade.values()]
        there, waiting = states.count("RUNNING"), states.count("PENDING")
        target = self._target
        return f"{target.name}: {there} of {target.nodes} nodes run, {waiting} wait in {target.scheduler}"

    def close(self) -> None:
        """Give the nodes back, and take what waits out of the queue."""
        try:
            self._kernel.cleanup()
        finally:
            # Parsl leaves them where it has given up itself.
            left = [job for job, one in self._blocks.resources.items() if not one["status"].terminal]
            if left:
                self._blocks.cancel(left)
            self._clear()

    def _clear(self) -> None:
        """Remove the folder, into which nodes that are about to end may still write."""
        deadline = time.monotonic() + _CLEARING_S
        while self.folder.exists() and time.monotonic() < deadline:
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(_LOOK_S)


def _folder(target: Target) -> Path:
    """A new folder, ours alone: whoever reads the keys in it could give our workers work."""
    above = Path(target.folder or "~/.cache/jouleline/fleet").expanduser()
    try:
        above.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=above))
    except OSError as error:
        raise FleetError(
            f"target {target.name}: {above}: {error.strerror}; name another folder, which nodes share"
        ) from error


def _executor(target: Target, blocks: ExecutionProvider, folder: Path) -> HighThroughputExecutor:
    from parsl import HighThroughputExecutor
    from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD

    class Attentive(HighThroughputExecutor):
        """Looks at the queue more often than Parsl, which does it once a minute."""

        @property
        def status_polling_interval(self) -> float:
            return POLL_S

    # By its module: the script of that name need not be on a node's PATH.
    pool = f"{python_of(target)} -m {_POOL_MODULE}"
    return Attentive(
        label="jouleline",
        provider=blocks,
        address=_address(target),
        launch_cmd=DEFAULT_LAUNCH_CMD.replace(_POOL, pool, 1),
        interchange_launch_cmd=[sys.executable, "-m", "jouleline.fleet.interchange", str(folder)],
        max_workers_per_node=workers_per_node(target),
        # A worker's cores are the node's: it alone runs programs while others wait.
        cores_per_worker=1e-6,
        available_accelerators=list(target.gpus),
        heartbeat_period=max(PATIENCE_S // 3, 1),
        heartbeat_threshold=PATIENCE_S,
        block_error_handler=refused,
        encrypted=True,
    )


def refused(executor: BlockProviderExecutor, status: dict[str, JobStatus]) -> None:
    """After some refusals in a row, go on with the nodes that are there, or end where there are none."""
    from parsl.jobs.error_handlers import windowed_error_handler
    from parsl.jobs.states import JobState

    newest = sorted(status, key=int)[-_REFUSALS:]
    failed = sum(status[block].state in (JobState.FAILED, JobState.MISSING) for block in newest)
    if failed < _REFUSALS:
        return
    left = sum(one.state in (JobState.PENDING, JobState.RUNNING) for one in status.values())
    if left and executor.provider is not None:
        executor.provider.max_blocks = left
    else:
        windowed_error_handler(executor, status, threshold=_REFUSALS)


def _address(target: Target) -> str | None:
    """Where workers find us; None has them try all our addresses."""
    if target.scheduler == "local":
        return "127.0.0.1"
    return socket.gethostbyname(target.host) if target.host else None


def _kernel(executor: HighThroughputExecutor, folder: Path) -> DataFlowKernel:
    from parsl import DataFlowKernel
    from parsl.config import Config
    from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

    def cost(error: Exception, _: object) -> float:
        return 1.0 if isinstance(error, ManagerLost | WorkerLost) else float(_TRIES)

    # A user's terminal is no place for its log, which goes to standard error where nobody takes it.
    logger = logging.getLogger("parsl")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return DataFlowKernel(
        Config(
            executors=[executor],
            run_dir=str(folder),
            retries=_TRIES - 1,
            retry_handler=cost,
            strategy="simple",
            strategy_period=SCALING_S,
            max_idletime=_IDLE_S,
            initialize_logging=False,
        )
    )
