"""What runs on a worker of a fleet: it works with the edges of its own node.

Parsl calls :func:`answer` by name in a process of its own, one request after the other.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from .devices import host_device
from .errors import UnavailableError
from .folders import state_folder
from .measuring import meter, replay_meter
from .running import runner_of, toolchains

if TYPE_CHECKING:
    from jouleline.app.evaluation import Reply, Request, Worker
    from jouleline.app.outcome import Tools

_WORKERS: list[Worker] = []
"""At most one: this process."""


def answer(request: Request) -> Reply:
    """What this worker finds; what can go wrong there is in the reply."""
    from jouleline.app.evaluation import FAILURES, Reply, failure_of

    # When the scheduler takes the allocation back, programs end and copies are removed, as on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    node, gpus = platform.node(), _pinned()
    reply = Reply(node, gpus, os.getpid(), time.time())
    try:
        reply = _answered(request, reply)
    except UnavailableError as error:
        reply = replace(reply, failure=("RunnerError", str(error)))
    except FAILURES as error:
        reply = replace(reply, failure=failure_of(error))
    return replace(reply, seconds=time.time() - reply.began)


def _answered(request: Request, reply: Reply) -> Reply:
    from jouleline.app.beside_others import BesideOthers
    from jouleline.app.evaluation import Question, Worker, place_of

    if not _WORKERS:
        _WORKERS.append(Worker())
    with closing(_tools(request, reply)) as tools:
        if request.question is Question.FACTS:
            return replace(reply, facts=place_of(tools, reply.node, reply.gpus))
        reply = _WORKERS[0].answer(request, tools, reply)
        assert isinstance(tools.runner, BesideOthers)
        return replace(reply, waited_s=tools.runner.waited_s)


def _pinned() -> str:
    """The GPUs of this worker, as Parsl chose them; what runtimes and meters go by then says the same."""
    gpus = os.environ.get("ROCR_VISIBLE_DEVICES", "") if "PARSL_WORKER_RANK" in os.environ else ""
    if gpus:
        # Parsl may have two workers share a GPU (it expects NVIDIA's multi-process service); ours never do.
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus
        # The order of NVIDIA's meter, in which our users count.
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        # HIP counts among those that ROCR leaves, and would take CUDA's list for its own.
        os.environ["HIP_VISIBLE_DEVICES"] = ",".join(str(place) for place in range(gpus.count(",") + 1))
    return gpus


def _tools(request: Request, reply: Reply) -> Tools:
    """The edges of this node."""
    from jouleline.app.beside_others import BesideOthers, TimedTurn
    from jouleline.app.outcome import Tools
    from jouleline.meters.located import LocatedMeter
    from jouleline.meters.selection import counts_only_gpus, find_gpu
    from jouleline.meters.turn import SharedNodeTurn

    settings = request.settings
    chosen, notes = runner_of(request.sandboxes, request.readable)
    # A worker that has GPUs of its own counts these and no others, whatever is said for one machine.
    gpus = () if reply.gpus else settings.gpus
    used = meter(settings.meter, gpus, accept_mig=settings.accept_mig, uses_gpu=request.uses_gpu)
    own = reply.gpus if counts_only_gpus(used.info) else ""

    def node_turn() -> SharedNodeTurn:
        return SharedNodeTurn(state_folder(), own)

    turn, host = TimedTurn(node_turn()), host_device()
    return Tools(
        runner=BesideOthers(chosen, reply.node, turn, node_turn),
        meter=LocatedMeter(used, reply.node),
        rules=(),
        toolchains=toolchains(),
        records=state_folder(),
        plan=settings.plan,
        notes=notes,
        gpu=find_gpu(),
        turn=turn,
        host=host.name,
        device=host,
        replay_meter=replay_meter,
    )
