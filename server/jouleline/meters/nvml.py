"""The energy of NVIDIA GPUs: the driver's total-energy counter, and its power sensors, read by NVML.

Units of NVML: the counter mJ, power mW, clocks MHz. The counter is there from Volta on; its reference is
https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from jouleline.core.meter import Conditions
from jouleline.core.ports import Availability, Finding

from .boards import Boards
from .errors import SourceError
from .neighbours import Neighbours
from .nvml_devices import NAME, Gpu, asking, choose_gpus, count_gpus, gpu_at, start_nvml, stop_nvml

_MEGA: Final = 1e6

# For a board that tells no limit: twice the 1000 W of the largest there is.
_MOST_WATTS: Final = 2000.0

# nvmlClocksEventReasons. Left out, for nothing is slower than asked: idle, and clocks that the user or a
# display set.
_AS_ASKED: Final = 0x001 | 0x002 | 0x100
_REASONS: Final[Mapping[int, str]] = {
    0x004: "power limit",
    0x008: "hardware slowdown",
    0x010: "clocks kept equal to other GPUs' (sync boost)",
    0x020: "heat (software)",
    0x040: "heat (hardware)",
    0x080: "power brake of the power supply",
    0x200: "limit of the board",
    0x400: "limit of the voltage",
}
_KNOWN: Final = sum(_REASONS) | _AS_ASKED

# The newest name first; drivers and bindings before 535 know only the second, later ones may drop it.
_EVENT_REASONS: Final = (
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons",
)
_TEMPERATURE: Final = ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature")

MIG_LABEL: Final = "the whole GPU's figure although MIG is on: other instances' energy is in it"


class NvmlSource(Boards[Gpu]):
    """The GPUs that ``gpus`` names (places as nvidia-smi shows them, or UUIDs), else those CUDA may use.

    ``accept_mig`` takes figures of whole GPUs where MIG is on, which are labelled.
    """

    def __init__(
        self,
        gpus: Sequence[str] = (),
        *,
        accept_mig: bool = False,
        environment: Mapping[str, str] = os.environ,
        neighbours: Neighbours | None = None,
    ) -> None:
        """Find the GPUs.

        Raises:
            MeterError: when there is no driver or no such GPU, or it may or can not be measured.
        """
        self._neighbours = neighbours or Neighbours()
        self._open = False
        version = start_nvml()
        self._open = True
        try:
            chosen = choose_gpus(gpus, environment)
            for gpu in chosen:
                _require_figures(gpu, accept_mig=accept_mig)
        except BaseException:
            self.close()
            raise
        super().__init__(chosen, most_watts=_MOST_WATTS)
        self._driver = f"NVIDIA {version}"

    @property
    def name(self) -> str:
        """``nvml``."""
        return NAME

    @property
    def driver(self) -> str:
        """``NVIDIA`` and the driver's version."""
        return self._driver

    @property
    def note(self) -> str:
        """What the figures hold."""
        what = "the driver's energy counter" if self._is_counting else "the driver's power readings"
        return f"measured: {what} of the whole GPU board with its memory; the CPU's energy is not in it"

    @property
    def labels(self) -> tuple[str, ...]:
        """Whether figures are sums over GPUs, or of GPUs that MIG divides."""
        return (*super().labels, *((MIG_LABEL,) if any(gpu.mig for gpu in self._gpus) else ()))

    def conditions(self) -> tuple[Conditions, ...]:
        """Clocks, temperature, what slows them down, and who else is there."""
        return tuple(self._condition(gpu) for gpu in self._gpus)

    def close(self) -> None:
        """Shut NVML down."""
        if self._open:
            self._open = False
            stop_nvml()

    def _condition(self, gpu: Gpu) -> Conditions:
        import pynvml

        lost = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED)

        def told(read: Callable[..., Any], *arguments: object) -> Any:
            try:
                return read(*arguments)
            except pynvml.NVMLLibraryMismatchError:
                return None
            except pynvml.NVMLError as error:
                if error.value in lost:
                    raise
                return None

        with asking("the state", gpu.where):
            core = told(pynvml.nvmlDeviceGetClockInfo, gpu.handle, pynvml.NVML_CLOCK_SM)
            memory = told(pynvml.nvmlDeviceGetClockInfo, gpu.handle, pynvml.NVML_CLOCK_MEM)
            reasons = told(_newest, _EVENT_REASONS, gpu.handle) or 0
            others = told(self._others, gpu.handle)
            temperature = told(_newest, _TEMPERATURE, gpu.handle, pynvml.NVML_TEMPERATURE_GPU)
        return Conditions(
            device=gpu.where,
            time_s=0.0,
            core_clock_hz=None if core is None else core * _MEGA,
            memory_clock_hz=None if memory is None else memory * _MEGA,
            temperature_c=None if temperature is None else float(temperature),
            throttled=_in_words(reasons),
            others=others,
        )

    def _others(self, handle: Any) -> int | None:
        import pynvml

        computing = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
        drawing = pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle)
        return self._neighbours.count(process.pid for process in (*computing, *drawing))


def _in_words(reasons: int) -> tuple[str, ...]:
    unknown = reasons & ~_KNOWN
    said = tuple(words for bit, words in _REASONS.items() if reasons & bit)
    return (*said, f"unknown reason {unknown:#x}") if unknown else said


def _newest(names: Sequence[str], *arguments: object) -> Any:
    """What the first function answers that both the binding and the driver have."""
    import pynvml

    for name in names:
        try:
            return getattr(pynvml, name)(*arguments)
        except (AttributeError, pynvml.NVMLError_FunctionNotFound):
            continue
    return None


def _require_figures(gpu: Gpu, *, accept_mig: bool) -> None:
    if gpu.mig and not accept_mig:
        raise SourceError(
            f"MIG is on for {gpu.where}, so its figures are those of all its instances together",
            f"turn it off with `sudo nvidia-smi -i {gpu.index} -mig 0`, or accept the whole GPU's figure",
        )
    if not (gpu.counter or gpu.instant or gpu.average):
        raise SourceError(f"{gpu.where} tells neither energy nor power", "measure with another meter")


def find_nvml() -> Finding:
    """What NVML finds here, what of it may be read, and what would help."""
    try:
        version = start_nvml()
    except SourceError as error:
        return Finding("meter", NAME, Availability.MISSING, error.what, error.remedy)
    try:
        gpus = [gpu_at(index) for index in range(count_gpus())]
    except SourceError as error:
        return Finding("meter", NAME, Availability.LIMITED, f"{error.what}; driver {version}", error.remedy)
    finally:
        stop_nvml()
    if not gpus:
        said = f"driver {version} finds no GPU"
        return Finding("meter", NAME, Availability.MISSING, said, "look at what nvidia-smi says")
    kinds = Counter((gpu.name, _readings(gpu)) for gpu in gpus)
    found = "; ".join(
        f"{name if count == 1 else f'{count} x {name}'}: {readings}"
        for (name, readings), count in kinds.items()
    )
    limited = any(gpu.mig or not gpu.counter for gpu in gpus)
    return Finding(
        "meter",
        NAME,
        Availability.LIMITED if limited else Availability.READY,
        f"{found}; driver {version}",
        _advice(gpus),
    )


def _readings(gpu: Gpu) -> str:
    power = (*(("instant",) if gpu.instant else ()), *(("average",) if gpu.average else ()))
    told = (
        "energy counter" if gpu.counter else "no energy counter (power is polled)",
        f"{' and '.join(power)} power" if power else "no power",
        *(("MIG is on",) if gpu.mig else ()),
        *(() if gpu.persistent else ("persistence mode is off",)),
    )
    return ", ".join(told)


def _advice(gpus: Sequence[Gpu]) -> str:
    divided = [str(gpu.index) for gpu in gpus if gpu.mig]
    if divided:
        return f"sudo nvidia-smi -i {','.join(divided)} -mig 0 turns MIG off; else accept whole-GPU figures"
    if any(not gpu.persistent for gpu in gpus):
        return "sudo nvidia-smi -pm 1 keeps the driver loaded between runs, which steadies idle power"
    if not all(gpu.counter for gpu in gpus):
        return "nothing to be done: GPUs before Volta, and most virtual ones, have no counter"
    return ""
