"""What tests have workers do."""

import os
import signal
from pathlib import Path

from jouleline.wiring import evaluation
from tests.runners.processes import until

PINS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")


def work(what: str, folder: str = "", workers: int = 1) -> dict[str, str]:
    """End itself, or say how it is pinned, as soon as so many workers are asked."""
    if what == "end":
        os.kill(os.getpid(), signal.SIGKILL)
    if folder:
        Path(folder, str(os.getpid())).touch()
        until(lambda: len(list(Path(folder).iterdir())) == workers)
    return {"gpus": evaluation._pinned(), **{name: os.environ.get(name, "") for name in PINS}}
