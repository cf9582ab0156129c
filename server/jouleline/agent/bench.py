"""What this machine offers: its sandbox, its meters, the turn to measure, its processor.

The agent's own wiring: it imports the edges, and each only when it is asked for.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jouleline.core.meter import Meter, Turn
from jouleline.core.ports import Availability, Finding, Runner, RunnerError
from jouleline.devices.host import host_device
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.meters.selection import best_meter, find_gpu, find_meters, named_meter, sees_gpus
from jouleline.meters.turn import FileTurn
from jouleline.runners.choice import find_sandboxes, sandboxed
from jouleline.runners.environment import job_environment
from jouleline.runners.local import LocalRunner


class Bench:
    """Meters by number, the turn and the sandbox, for one connection."""

    def __init__(self) -> None:
        self._meters: dict[int, Meter[Any]] = {}
        self._made = 0
        self._turn: Turn | None = None

    def runner(self, backends: Sequence[str], readable: Sequence[str]) -> tuple[Runner, tuple[str, ...]]:
        """The first of these sandboxes that works here (none named: outside of any), and notes on it.

        Raises:
            RunnerError: when none does.
        """
        if not backends:
            return LocalRunner(), ()
        return sandboxed(backends, readable)

    def open(self, name: str | None, gpus: Sequence[str], *, accept_mig: bool, uses_gpu: bool) -> int:
        """The number of a new meter.

        Raises:
            MeterError: when it cannot be used here.
        """
        meter = (
            best_meter(gpus, _modelled, accept_mig=accept_mig, uses_gpu=uses_gpu)
            if name is None
            else named_meter(name, gpus, _modelled, accept_mig=accept_mig)
        )
        self._made += 1
        self._meters[self._made] = meter
        return self._made

    def meter(self, number: int) -> Meter[Any]:
        """The meter of a number."""
        try:
            return self._meters[number]
        except KeyError:
            raise RunnerError(f"there is no meter {number} here") from None

    @property
    def turn(self) -> Turn:
        """The turn to measure of this user on this machine, whoever asks."""
        if self._turn is None:
            # Where a Jouleline that is started on this machine keeps it, too.
            state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
            self._turn = FileTurn(Path(state) / "jouleline")
        return self._turn

    def close(self) -> None:
        """Let go of all meters and of the turn."""
        for meter in self._meters.values():
            meter.close()
        self._meters.clear()
        if self._turn is not None:
            self._turn.give_back()


def sees_gpu(meter: Meter[Any]) -> bool:
    """Whether a GPU's energy is in a meter's figures."""
    return sees_gpus(meter.info)


def facts() -> dict[str, Any]:
    """What a record says of this machine, and what tells it from others."""
    return {
        "node": platform.node(),
        "identity": [platform.node(), _machine(), os.environ.get("CUDA_VISIBLE_DEVICES", "")],
        "versions": {
            "python": platform.python_version(),
            "kernel": platform.release(),
            "os": platform.platform(terse=True),
        },
        # No secret of this machine leaves it.
        "environment": job_environment(os.environ, "", {}),
        "host": host_device(),
        "gpu": find_gpu(),
    }


def findings() -> list[Finding]:
    """What ``jouleline doctor --target`` tells of this machine."""
    python = Finding(
        "agent", "python", Availability.READY, f"{platform.python_version()} on {platform.node()}"
    )
    return [python, *find_meters(_modelled), *find_sandboxes()]


def _machine() -> str:
    """What changes when the machine is another, or was started anew."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _modelled() -> CpuTimeMeter:
    return CpuTimeMeter.of(host_device())
