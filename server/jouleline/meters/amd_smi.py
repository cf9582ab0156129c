"""The energy of AMD GPUs: the energy accumulator and socket power, read by AMD SMI.

Units of AMD SMI: the accumulator counts steps of its resolution in uJ, power W, clocks MHz:
https://rocm.docs.amd.com/projects/amdsmi/en/latest/reference/amdsmi-py-api.html. Counters have been seen
frozen (MI100) and far too low: whether to believe one is the meter's to find out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jouleline.core.meter import Conditions
from jouleline.core.ports import Availability, Finding

from .amd_smi_devices import (
    GRANT,
    KFD,
    LIBRARY,
    NAME,
    Gpu,
    asking,
    choose_gpus,
    every_gpu,
    may_use,
    number,
    told,
)
from .boards import Boards
from .errors import SourceError
from .neighbours import Neighbours

_MEGA: Final = 1e6

# For a board that tells no limit: twice the 1400 W of the largest there is.
_MOST_WATTS: Final = 2800.0

# How long each limit has held the clocks down (metrics 1.4 and later): what grew since the last look did.
_RESIDENCIES: Final[Mapping[str, str]] = {
    "prochot_residency_acc": "heat (processor hot)",
    "ppt_residency_acc": "power limit",
    "socket_thm_residency_acc": "heat (socket)",
    "vr_thm_residency_acc": "heat (voltage regulator)",
    "hbm_thm_residency_acc": "heat (memory)",
}
# Groups of bits of indep_throttle_status: SMU_THROTTLER_* in Linux's amdgpu_smu.h.
_STATUS: Final[Mapping[str, range]] = {
    "power limit": range(16),
    "current limit": range(16, 32),
    "heat": range(32, 56),
    "another limit": range(56, 64),
}
_JOIN: Final = "sudo amd-smi set --compute-partition SPX joins the partitions"
_UNSAID: Final = "a limit that the driver does not name"

DIVIDED_LABEL: Final = "the whole GPU's figure although it is partitioned: other partitions' energy is in it"
DIES_LABEL: Final = "both GPUs of each card: AMD counts their energy together"


class AmdSmiSource(Boards[Gpu]):
    """The GPUs that ``gpus`` names (AMD SMI's places, or identifiers), else those ROCm may use.

    ``accept_partitions`` takes figures of whole GPUs where they are partitioned, which are labelled.
    """

    def __init__(
        self,
        gpus: Sequence[str] = (),
        *,
        accept_partitions: bool = False,
        environment: Mapping[str, str] = os.environ,
        neighbours: Neighbours | None = None,
        kfd: Path = KFD,
    ) -> None:
        """Find the GPUs.

        Raises:
            MeterError: when there is no driver or no such GPU, or it may or can not be measured.
        """
        self._neighbours = neighbours or Neighbours()
        self._amdsmi: Any = LIBRARY.start(kfd)
        self._open = True
        self._held: dict[tuple[int, str], float] = {}
        try:
            cards = _whole_cards(choose_gpus(gpus, environment, every_gpu(self._amdsmi)))
            for gpu in cards:
                _require_figures(gpu, accept_partitions=accept_partitions)
            super().__init__(cards, most_watts=_MOST_WATTS)
            self._driver = self._named_driver()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """``amd-smi``."""
        return NAME

    @property
    def driver(self) -> str:
        """The kernel's driver and AMD SMI, with their versions."""
        return self._driver

    @property
    def note(self) -> str:
        """What the figures hold."""
        what = "AMD SMI's energy counter" if self._is_counting else "AMD SMI's power readings"
        return f"measured: {what} of the GPU's socket with its memory; the CPU's energy is not in it"

    @property
    def labels(self) -> tuple[str, ...]:
        """Whether figures are sums over GPUs, or of more than the program could use."""
        dies = (DIES_LABEL,) if any(gpu.two_dies for gpu in self._gpus) else ()
        divided = (DIVIDED_LABEL,) if any(gpu.divided for gpu in self._gpus) else ()
        return (*super().labels, *dies, *divided)

    def conditions(self) -> tuple[Conditions, ...]:
        """Clocks, temperature, what slowed them down since the last look, and who else is there."""
        return tuple(self._condition(gpu) for gpu in self._gpus)

    def close(self) -> None:
        """Shut the library down if nobody else uses it."""
        if self._open:
            self._open = False
            LIBRARY.stop(self._amdsmi)

    def _named_driver(self) -> str:
        handle = self._gpus[0].handle
        with asking(self._amdsmi, "the version", "AMD's driver"):
            info = told(self._amdsmi, self._amdsmi.amdsmi_get_gpu_driver_info, handle) or {}
        module = f"{info.get('driver_name', 'amdgpu')} {info.get('driver_version', '')}".strip()
        return f"{module}, AMD SMI {getattr(self._amdsmi, '__version__', 'of unknown version')}"

    def _condition(self, gpu: Gpu) -> Conditions:
        library = self._amdsmi
        with asking(library, "the state", gpu.where):
            core = told(library, library.amdsmi_get_clock_info, gpu.handle, library.AmdSmiClkType.GFX)
            memory = told(library, library.amdsmi_get_clock_info, gpu.handle, library.AmdSmiClkType.MEM)
            heat = told(
                *(library, library.amdsmi_get_temp_metric, gpu.handle),
                *(library.AmdSmiTemperatureType.HOTSPOT, library.AmdSmiTemperatureMetric.CURRENT),
            )
            metrics = told(library, library.amdsmi_get_gpu_metrics_info, gpu.handle) or {}
            listing = told(library, library.amdsmi_get_gpu_process_list, gpu.handle)
        return Conditions(
            device=gpu.where,
            time_s=0.0,
            core_clock_hz=_hertz(core),
            memory_clock_hz=_hertz(memory),
            temperature_c=number(heat),
            throttled=(*self._held_down(gpu, metrics), *_status(metrics)),
            others=self._others(listing),
        )

    def _held_down(self, gpu: Gpu, metrics: Mapping[str, object]) -> tuple[str, ...]:
        found = []
        for key, words in _RESIDENCIES.items():
            now = number(metrics.get(key))
            if now is None:
                continue
            if now > self._held.get((gpu.index, key), now):
                found.append(words)
            self._held[gpu.index, key] = now
        return tuple(found)

    def _others(self, listing: Sequence[Any] | None) -> int | None:
        # Releases before 6.0 list handles that have to be looked up one by one.
        if listing is None or not all(isinstance(one, dict) for one in listing):
            return None
        return self._neighbours.count(int(one["pid"]) for one in listing)


def _hertz(clock: Mapping[str, object] | None) -> float | None:
    # Releases before 6.2 call it cur_clk.
    megahertz = None if clock is None else number(clock.get("clk", clock.get("cur_clk")))
    return None if megahertz is None else megahertz * _MEGA


def _status(metrics: Mapping[str, object]) -> tuple[str, ...]:
    status = metrics.get("indep_throttle_status")
    if isinstance(status, int) and not isinstance(status, bool):
        return tuple(words for words, bits in _STATUS.items() if any(status & (1 << bit) for bit in bits))
    # Newer releases of the binding make a truth value of it.
    return (_UNSAID,) if status is True or metrics.get("throttle_status") is True else ()


def _whole_cards(gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Without those whose figures are in their neighbour's.

    Raises:
        SourceError: when that neighbour was not chosen.
    """
    chosen = {gpu.index for gpu in gpus}
    for gpu in gpus:
        if gpu.second_die and gpu.index - 1 not in chosen:
            raise SourceError(
                f"{gpu.where} tells no energy of its own: that of GPU {gpu.index - 1} on its card holds it",
                f"measure GPU {gpu.index - 1}, whose figure is that of both",
            )
    return tuple(gpu for gpu in gpus if not gpu.second_die)


def _require_figures(gpu: Gpu, *, accept_partitions: bool) -> None:
    if gpu.divided and not accept_partitions:
        raise SourceError(
            f"{gpu.where} is a partition ({gpu.partition}), and figures are those of the whole GPU",
            f"{_JOIN}, or accept the whole GPU's figure",
        )
    if not (gpu.counter or gpu.instant or gpu.average):
        raise SourceError(
            f"{gpu.where} tells neither energy nor power, as in a virtual machine",
            "measure on the host, or with another meter",
        )


def find_amd_smi(kfd: Path = KFD) -> Finding:
    """What AMD SMI finds here, what of it may be read, and what would help."""
    try:
        library = LIBRARY.start(kfd)
    except SourceError as error:
        return Finding("meter", NAME, Availability.MISSING, error.what, error.remedy)
    try:
        gpus = every_gpu(library)
    except SourceError as error:
        return Finding("meter", NAME, Availability.LIMITED, error.what, error.remedy)
    finally:
        LIBRARY.stop(library)
    kinds = Counter((gpu.name, _readings(gpu)) for gpu in gpus)
    found = "; ".join(
        f"{name if count == 1 else f'{count} x {name}'}: {readings}"
        for (name, readings), count in kinds.items()
    )
    if not may_use(kfd):
        said = f"{found}; programs of yours may not use {kfd}"
        return Finding("meter", NAME, Availability.LIMITED, said, GRANT)
    if any(gpu.divided for gpu in gpus):
        return Finding("meter", NAME, Availability.LIMITED, found, f"{_JOIN}, or accept whole-GPU figures")
    if not all(gpu.counter or gpu.second_die for gpu in gpus):
        said = "nothing to be done: a virtual machine's guest has no counter"
        return Finding("meter", NAME, Availability.LIMITED, found, said)
    return Finding("meter", NAME, Availability.READY, found)


def _readings(gpu: Gpu) -> str:
    if gpu.second_die:
        return "counted with the GPU before it"
    power = (*(("instant",) if gpu.instant else ()), *(("average",) if gpu.average else ()))
    told_of = (
        "energy counter" if gpu.counter else "no energy counter (power is polled)",
        f"{' and '.join(power)} power" if power else "no power",
        *((f"partitioned ({gpu.partition})",) if gpu.divided else ()),
    )
    return ", ".join(told_of)
