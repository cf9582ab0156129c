"""What every stage works with: the device, its meter, polling of our own, and loads."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from jouleline.app.budget import Budget
from jouleline.app.measurement import Plan
from jouleline.app.windows import RepeatedProgram
from jouleline.core.meter import EnergySample, Measured, Meter, MeterError, MeterInfo
from jouleline.core.ports import Completed, Job, Limits
from jouleline.meters.nvml import NvmlSource
from jouleline.meters.nvml_devices import choose_gpus, start_nvml, stop_nvml
from jouleline.meters.sensor import SensorMeter
from jouleline.runners.local import LocalRunner

ROOT: Final = Path(__file__).resolve().parents[2]
LOAD: Final = Path(__file__).with_name("load.cu")
POLL_S: Final = 0.05


class CheckError(RuntimeError):
    """A stage cannot be done; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Hurried:
    """A meter that asks for shorter windows than it should, for tests of the check itself."""

    meter: Meter[Measured]
    scale: float

    @property
    def info(self) -> MeterInfo[Measured]:
        """The meter's, with the shorter window."""
        info = self.meter.info
        return replace(info, window_s=max(self.scale * info.window_s, 3 * (info.period_s or 0.0)))

    def check(self) -> MeterInfo[Measured]:
        """As the meter does."""
        self.meter.check()
        return self.info

    def start(self) -> None:
        """As the meter does."""
        self.meter.start()

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Measured]:
        """As the meter does."""
        return self.meter.stop(runs, repeats)

    def close(self) -> None:
        """As the meter does."""
        self.meter.close()


@dataclass(frozen=True, slots=True)
class Polled:
    """Means of power readings over a stretch of time, W; None where the device tells none."""

    instant_w: float | None
    average_w: float | None


@dataclass(slots=True)
class Bench:
    """One GPU and what it takes to check it.

    ``scale`` shortens every duration, 1 for a real check. ``load`` is the command of a load that stands in
    for the CUDA one (empty: that is built). ``scratch`` is a folder for what is built.
    """

    gpu: str
    scale: float
    load: str
    scratch: Path
    say: Callable[[str], None]
    deadline_s: float = 0.0
    device: str = ""
    driver: str = ""
    capability: tuple[int, int] = (0, 0)
    _built: str = ""
    _meter: Meter[Measured] | None = field(default=None, init=False)

    def find(self) -> None:
        """Find the GPU, and have the programs that we start use no other.

        Raises:
            MeterError: when there is none that can be asked.
        """
        import pynvml

        version = start_nvml()
        try:
            (gpu,) = choose_gpus((self.gpu,), {})
            self.device, self.driver = gpu.name, f"NVIDIA {version}"
            self.capability = tuple(pynvml.nvmlDeviceGetCudaComputeCapability(gpu.handle))
        finally:
            stop_nvml()
        # By its identifier: CUDA's numbers are not the driver's.
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu.identifiers[0]

    @property
    def remaining_s(self) -> float:
        """What is left of the stage's time, s."""
        return self.deadline_s - time.monotonic()

    @property
    def arch(self) -> str:
        """What nvcc calls the device's instruction set."""
        return "sm_{}{}".format(*self.capability)

    @property
    def meter(self) -> Meter[Measured]:
        """The device's meter, tested."""
        if self._meter is None:
            meter: Meter[Measured] = SensorMeter(self.source())
            self._meter = Hurried(meter, self.scale) if self.scale < 1 else meter
            self._meter.check()
        return self._meter

    def source(self) -> NvmlSource:
        """A way of our own to read the device; close it."""
        return NvmlSource((self.gpu,))

    def close(self) -> None:
        """Let go of the meter."""
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.close()

    def command(self, *words: str) -> str:
        """The shell command of a load, which is built before its first use.

        Raises:
            CheckError: when it does not build.
        """
        self._built = self._built or self.load or shlex.quote(str(self._build()))
        return shlex.join(words) if not self._built else f"{self._built} {shlex.join(words)}"

    def _build(self) -> Path:
        program = self.scratch / "load"
        words = ("nvcc", "-std=c++17", "-O3", f"-arch={self.arch}", str(LOAD), "-o", str(program))
        self.say(f"building {LOAD.name} for {self.arch}")
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise CheckError("nvcc is not on the PATH: it builds the loads; install a CUDA toolkit") from None
        if done.returncode != 0:
            raise CheckError(f"nvcc cannot build {LOAD.name}: {done.stderr.strip()[-400:]}")
        return program

    def load_name(self) -> str:
        """What the load says that it is."""
        return self.run("name").stdout.decode().strip()

    def run(self, *words: str) -> Completed:
        """Run a load to its end.

        Raises:
            CheckError: when it fails.
        """
        begun = time.monotonic()
        done = subprocess.run(["sh", "-c", self.command(*words)], capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-400:]
            raise CheckError(f"the load `{shlex.join(words)}` failed: {said}")
        return Completed(0, done.stdout, done.stderr, time.monotonic() - begun, 0.0)

    @contextlib.contextmanager
    def loaded(self, *words: str) -> Iterator[None]:
        """Have a load run meanwhile, and end it.

        Raises:
            CheckError: when it ended by itself.
        """
        command = f"exec {self.command(*words)}"
        with subprocess.Popen(["sh", "-c", command], stderr=subprocess.PIPE) as process:
            try:
                yield
                if process.poll() is not None and process.stderr is not None:
                    said = process.stderr.read().decode(errors="replace").strip()[-400:]
                    raise CheckError(f"the load `{shlex.join(words)}` ended too soon: {said or 'no message'}")
            finally:
                process.terminate()

    @contextlib.contextmanager
    def polled(self) -> Iterator[Callable[[], Polled]]:
        """Read power twenty times a second meanwhile; the call tells the means, once at the end."""
        source, ended = self.source(), threading.Event()
        instant: list[float] = []
        average: list[float] = []

        def poll() -> None:
            # A reading that fails also fails the meter, which says so.
            with contextlib.suppress(MeterError):
                while not ended.wait(POLL_S):
                    instant.extend(_told(source.power()))
                    average.extend(_told(source.average_power()))

        thread = threading.Thread(target=poll, daemon=True)

        def means() -> Polled:
            ended.set()
            thread.join()
            return Polled(*(fmean(each) if each else None for each in (instant, average)))

        thread.start()
        try:
            yield means
        finally:
            ended.set()
            thread.join()
            source.close()

    def program(self, label: str, *words: str) -> RepeatedProgram[Measured]:
        """A load as the measuring protocol runs programs."""
        job = Job(self.command(*words), str(self.scratch), limits=Limits(wall_s=120.0))
        return RepeatedProgram(LocalRunner(), self.meter, job, label, Budget())


PLAN: Final = Plan(warm_up_windows=3, idle_s=0.0)


def _told(watts: float | None) -> tuple[float, ...]:
    return () if watts is None else (watts,)
