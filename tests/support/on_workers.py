"""What tests have workers do."""

import os
import signal
from pathlib import Path

from jouleline.app.evaluation import Question, Request
from jouleline.app.measure_settings import MeasureSettings
from jouleline.wiring import evaluation
from tests.runners.processes import until

PINS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")


def work(what: str, folder: str = "", workers: int = 1) -> dict[str, str]:
    """End itself, or say how it is pinned or what it measures with, as soon as so many workers are asked."""
    if what == "end":
        os.kill(os.getpid(), signal.SIGKILL)
    if folder:
        Path(folder, str(os.getpid())).touch()
        until(lambda: len(list(Path(folder).iterdir())) == workers)
    if what == "meter":
        reply = evaluation.answer(Request(Question.FACTS, MeasureSettings(meter="nvml", gpus=("0",)), ()))
        reply.raise_failure()
        assert reply.facts is not None
        return {"gpus": reply.gpus, "device": reply.facts.meter.device, "node": reply.node}
    return {"gpus": evaluation._pinned(), **{name: os.environ.get(name, "") for name in PINS}}
