"""Meters, and how to measure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jouleline.core.meter import Measured, Meter, MeterError, MeterInfo, Turn

from .devices import host_device
from .errors import UnavailableError
from .folders import config_folder, state_folder

if TYPE_CHECKING:
    from jouleline.app.energy_replay import Replayable
    from jouleline.app.measure_settings import MeasureSettings
    from jouleline.app.virtual_machine import VirtualMachine
    from jouleline.core.ports import Finding


def meter(
    name: str | None = None, gpus: Sequence[str] = (), *, accept_mig: bool = False, uses_gpu: bool = False
) -> Meter[Any]:
    """The meter called ``name``, else the one that sees most of what a program uses; close it after use.

    ``gpus`` are places or identifiers of the GPUs that count (none: all that programs may use);
    ``accept_mig`` takes the figure of a whole GPU for a part of it, labelled; ``uses_gpu`` says that the
    program has kernels.

    Raises:
        UnavailableError: if it cannot be used here; the message says why and what to do.
    """
    from jouleline.meters.selection import best_meter, named_meter

    try:
        if name is None:
            return best_meter(gpus, cpu_time_meter, accept_mig=accept_mig, uses_gpu=uses_gpu)
        return named_meter(name, gpus, cpu_time_meter, accept_mig=accept_mig)
    except MeterError as error:
        raise UnavailableError(str(error) if name is None else f"meter {name}: {error}") from error


def two_meters(settings: MeasureSettings, *, uses_gpu: bool) -> tuple[Meter[Any], Meter[Any]]:
    """One meter for windows and one for the whole search; a meter has one window at a time.

    Raises:
        UnavailableError: as :func:`meter`.
    """

    def another() -> Meter[Any]:
        return meter(settings.meter, settings.gpus, accept_mig=settings.accept_mig, uses_gpu=uses_gpu)

    with ExitStack() as opened:
        one = opened.enter_context(closing(another()))
        other = another()
        opened.pop_all()
    return one, other


def find_gpu() -> Finding:
    """What is known of the GPUs of this machine."""
    from jouleline.meters.selection import find_gpu

    return find_gpu()


def sees_gpus(meter: MeterInfo[Any]) -> bool:
    """Whether a GPU's energy is in the figures of this meter, or of one that replays it."""
    from jouleline.meters.selection import sees_gpus

    return sees_gpus(meter)


def cpu_time_meter() -> Meter[Any]:
    """The meter that models energy from CPU time, with this host's figures."""
    from jouleline.meters.cpu_time import CpuTimeMeter

    return CpuTimeMeter.of(host_device())


def measure_settings(program: Path | None = None) -> MeasureSettings:
    """How to measure, as ``jouleline.toml`` says: that file of a ``program``, else the user's own.

    Raises:
        UnavailableError: if a setting is wrong.
    """
    from jouleline.app.measure_settings import MeasureSettingsError, find_settings
    from jouleline.app.workload import WORKLOAD_FILE

    try:
        return find_settings(config_folder() / WORKLOAD_FILE, program)
    except MeasureSettingsError as error:
        raise UnavailableError(str(error)) from error


def turn() -> Turn:
    """The right to measure, of which this user has one on this machine."""
    from jouleline.meters.turn import FileTurn

    return FileTurn(state_folder())


def replay_meter(source: Replayable) -> Meter[Any]:
    """The meter that gives a record's windows again."""
    from jouleline.meters.replay import ReplayMeter

    return ReplayMeter(source.record.header.meter, source.samples, source.recorded)


def simulated_meter(machine: VirtualMachine) -> Meter[Measured]:
    """The meter for real sensors on a simulated machine, in that machine's time."""
    from jouleline.meters.sensor import SensorMeter

    # Nothing is there to be polled: a simulated machine has a counter and nothing else.
    return SensorMeter(machine, machine.clock, machine.sleep, background=lambda _: lambda: None)
