"""Which meter measures: the one that was named, else the best that this machine has for the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jouleline.core.meter import Measured, Meter, MeterError, MeterInfo
from jouleline.core.ports import Availability, Finding

from .amd_smi import AmdSmiSource, find_amd_smi
from .amd_smi_devices import KFD
from .node import NodeMeter
from .nvml import NvmlSource, find_nvml
from .rapl import RaplSource, find_rapl
from .replay import REPLAYED
from .sensor import SensorMeter
from .source import Source

METERS: Final = ("nvml", "amd-smi", "rapl", "node", "cpu-time")
"""Everything that ``--meter`` can name beside a recording, the surest first."""

_GPU: Final = ("nvml", "amd-smi")
_UNTOLD: Final = (KFD, Path("/dev/nvhost-gpu"))
"""By these, programs reach GPUs that nobody tells of: AMD's without amdsmi, a Jetson's without NVML."""


def named_meter(
    name: str, gpus: Sequence[str], model: Callable[[], Meter[Any]], *, accept_mig: bool = False
) -> Meter[Any]:
    """The meter called ``name``, one of :data:`METERS`; ``model`` makes that of CPU time.

    ``gpus`` chooses among the GPUs, and ``accept_mig`` takes whole GPUs' figures for a part's.

    Raises:
        MeterError: when it cannot be used here; the message says why and what to do.
    """
    if name in _GPU:
        return SensorMeter(_gpu_source(name, gpus, accept_mig=accept_mig))
    if name == "rapl":
        return SensorMeter(RaplSource())
    if name == "node":
        sensors = _gpu_meters(gpus, accept_mig=accept_mig)
        if not sensors:
            raise MeterError("no GPU answers here, so there is nothing to add to rapl; measure with rapl")
        return _together([*sensors, SensorMeter(RaplSource())])
    if name == "cpu-time":
        return model()
    raise MeterError(f"there is no such meter; there are {', '.join(METERS)}")


def best_meter(
    gpus: Sequence[str], model: Callable[[], Meter[Any]], *, accept_mig: bool = False, uses_gpu: bool = False
) -> Meter[Any]:
    """The meter that sees most of what a program uses.

    For one that ``uses_gpu``: the GPUs' meter, with the processor's where that may be read. Otherwise, and
    where no GPU answers: the processor's, else the model of CPU time.

    Raises:
        MeterError: when a GPU is there and cannot be measured: a figure without it would say nothing.
    """
    sensors = _gpu_meters(gpus, accept_mig=accept_mig) if uses_gpu or gpus else []
    if find_rapl().availability is Availability.READY:
        sensors.append(SensorMeter(RaplSource()))
    return _together(sensors) if sensors else model()


def sees_gpus(meter: MeterInfo[Any]) -> bool:
    """Whether a GPU's energy is in the figures of this meter, or of one that replays it."""
    return any(part in _GPU for part in meter.name.removeprefix(REPLAYED).split("+"))


def counts_only_gpus(meter: MeterInfo[Any]) -> bool:
    """Whether what else happens on the machine is in none of this meter's figures."""
    return all(part in _GPU for part in meter.name.split("+"))


def find_gpu(nodes: Sequence[Path] = _UNTOLD) -> Finding:
    """What is known of the GPUs here: that of the vendor whose driver answers, else if one has a node."""
    found = (find_nvml(), find_amd_smi())
    for each in found:
        if each.availability is not Availability.MISSING:
            return each
    lacking = ", and ".join(each.detail for each in found)
    node = next((str(node) for node in nodes if node.exists()), None)
    if node is not None:
        return Finding("meter", "gpu", Availability.LIMITED, f"{node} is here, but {lacking}")
    return replace(found[0], detail=lacking)


def find_meters(model: Callable[[], Meter[Any]]) -> list[Finding]:
    """All meters, with what helps where one cannot be used, and which one is taken when none is named."""
    nvml, amd_smi, rapl = find_nvml(), find_amd_smi(), find_rapl()
    gpu = [each for each in (nvml, amd_smi) if each.availability is not Availability.MISSING]
    cpu_meter = "rapl" if rapl.availability is Availability.READY else "cpu-time"
    gpu_meter = "node" if cpu_meter == "rapl" else " and ".join(each.name for each in gpu)
    modelled = model().info
    taken = f"{cpu_meter} for programs on the CPU" + (f", {gpu_meter} for those on a GPU" if gpu else "")
    return [
        nvml,
        amd_smi,
        rapl,
        _find_node(gpu, rapl),
        Finding("meter", modelled.name, Availability.READY, modelled.note),
        Finding("meter", "default", Availability.READY, taken),
    ]


def _find_node(gpu: Sequence[Finding], rapl: Finding) -> Finding:
    parts = (*gpu, rapl)
    lacking = [each for each in parts if each.availability is not Availability.READY]
    names = " + ".join(each.name for each in parts)
    if not gpu:
        said = "no GPU's meter is here to be added to rapl"
        return Finding("meter", "node", Availability.MISSING, said, "measure with rapl or cpu-time")
    if rapl.availability is not Availability.READY:
        said = f"{names}, of which rapl cannot be read"
        return Finding("meter", "node", Availability.MISSING, said, rapl.remedy)
    if lacking:
        return replace(lacking[0], name="node", detail=f"{names}; see {lacking[0].name}")
    return Finding("meter", "node", Availability.READY, names)


def _gpu_source(name: str, gpus: Sequence[str], *, accept_mig: bool) -> Source:
    if name == "nvml":
        return NvmlSource(gpus, accept_mig=accept_mig)
    return AmdSmiSource(gpus, accept_partitions=accept_mig)


def _gpu_meters(gpus: Sequence[str], *, accept_mig: bool) -> list[Meter[Measured]]:
    """A meter for each vendor whose driver answers: a program may use either."""
    findings = {"nvml": find_nvml, "amd-smi": find_amd_smi}
    return [
        SensorMeter(_gpu_source(name, gpus, accept_mig=accept_mig))
        for name, find in findings.items()
        if find().availability is not Availability.MISSING
    ]


def _together(sensors: Sequence[Meter[Measured]]) -> Meter[Measured]:
    return sensors[0] if len(sensors) == 1 else NodeMeter(sensors)
