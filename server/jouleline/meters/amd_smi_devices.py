"""AMD's GPUs as AMD SMI tells them: its library, errors in words, and what each GPU can be asked."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .choice import chosen
from .errors import SourceError

NAME: Final = "amd-smi"
KFD: Final = Path("/dev/kfd")
_GRANT: Final = "sudo usermod -aG render,video $USER, then log in again"
_DRIVER: Final = "AMD's driver"
_MICRO: Final = 1e-6

_CURRENT: Final = "current_socket_power"
_AVERAGE: Final = "average_socket_power"

# amdsmi_status_t, as far as a user can do something about it.
_LOST: Final = (
    "{where} does not answer the driver any more",
    "look at `sudo dmesg | grep amdgpu`, and restart the machine",
)
_NOT_LOADED: Final = ("AMD's driver is not loaded", "sudo modprobe amdgpu")
_TROUBLES: Final[Mapping[int, tuple[str, str]]] = {
    10: ("no permission to read {what} of {where}", _GRANT),
    12: _LOST,
    31: _LOST,
    34: _NOT_LOADED,
    51: _NOT_LOADED,
}
LOST: Final = tuple(code for code, said in _TROUBLES.items() if said is _LOST)
_NOT_SUPPORTED: Final = (2, 3)

# Power caps are told in microwatts by most releases and in watts by some; no GPU takes this many watts.
_SURELY_MICROWATTS: Final = 10_000

# One card with two GPUs, of which the first tells the power of both and the second nothing (zeus #203).
_TWO_DIES: Final = "MI250"


class _Library:
    """``amdsmi``, which shuts down for all its users in a process at once."""

    def __init__(self) -> None:
        self._users = 0
        self._lock = threading.Lock()

    def start(self, kfd: Path) -> Any:
        """The initialised module."""
        amdsmi = _imported(kfd)
        with self._lock:
            if self._users == 0:
                with asking(amdsmi, "the GPUs", _DRIVER):
                    amdsmi.amdsmi_init()
            self._users += 1
        return amdsmi

    def stop(self, amdsmi: Any) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                with contextlib.suppress(amdsmi.AmdSmiException):
                    amdsmi.amdsmi_shut_down()


LIBRARY: Final = _Library()


def _imported(kfd: Path) -> Any:
    if not kfd.exists():
        raise SourceError("no AMD GPU's driver is here (/dev/kfd)", "install ROCm if there is such a GPU")
    # Without its library it prints, onto a standard output that may be the language server's, and raises
    # whatever comes of it: KeyError, AttributeError, OSError.
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import amdsmi
    except ModuleNotFoundError:
        raise SourceError(
            "amdsmi is not installed", "pip install /opt/rocm/share/amd_smi, which fits the ROCm that is here"
        ) from None
    except Exception as error:
        raise SourceError(
            f"amdsmi does not find ROCm's library ({type(error).__name__}: {error})",
            "sudo apt install amd-smi-lib, or set ROCM_PATH to where ROCm is",
        ) from error
    return amdsmi


@contextmanager
def asking(amdsmi: Any, what: str, where: str) -> Iterator[None]:
    """Turn the library's errors into :class:`SourceError`."""
    try:
        yield
    except amdsmi.AmdSmiException as error:
        known = _TROUBLES.get(_code(error))
        if known is None:
            said = error.get_error_info() if hasattr(error, "get_error_info") else str(error)
            raise SourceError(
                f"{what} of {where} cannot be read: AMD SMI says {said}", "look at what amd-smi says"
            ) from error
        sentence, remedy = known
        raise SourceError(sentence.format(what=what, where=where), remedy) from error


def _code(error: Exception) -> int:
    code = getattr(error, "err_code", None)
    return code if isinstance(code, int) else -1


def told(amdsmi: Any, read: Callable[..., Any], *arguments: object) -> Any:
    """A reading that may be missing or fail; then None. A lost device is an error all the same."""
    try:
        return read(*arguments)
    except amdsmi.AmdSmiException as error:
        if _code(error) in LOST:
            raise
        return None


def number(value: object) -> float | None:
    """A figure, which is ``"N/A"`` where the device has none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


@dataclass(frozen=True, eq=False)
class Gpu:
    """One GPU, and what it can be asked; found out once."""

    amdsmi: Any
    handle: Any
    index: int
    name: str
    identifiers: tuple[str, ...]
    partition: str
    counter: bool
    instant: bool
    average: bool
    second_die: bool
    limit_w: float | None

    @property
    def where(self) -> str:
        """How sentences call it."""
        return f"GPU {self.index} ({self.name})"

    @property
    def divided(self) -> bool:
        """Whether it is a part of a GPU, whose figures are the whole one's."""
        return self.partition not in ("SPX", "N/A", "")

    @property
    def two_dies(self) -> bool:
        """Whether its figures are of the card's other GPU as well."""
        return _TWO_DIES in self.name

    def energy_j(self) -> float:
        """What the counter shows, J."""
        with asking(self.amdsmi, "the energy counter", self.where):
            energy = _energy_j(self.amdsmi.amdsmi_get_energy_count(self.handle))
        if energy is None:
            raise SourceError(f"the energy counter of {self.where} is gone", "measure again")
        return energy

    def instant_w(self) -> float:
        """Power at this moment, W; only where :attr:`instant`, which is from MI300 on."""
        return self._power_w(_CURRENT)

    def average_w(self) -> float:
        """Average power, W; only where :attr:`average`, which is before MI300."""
        return self._power_w(_AVERAGE)

    def _power_w(self, key: str) -> float:
        with asking(self.amdsmi, "the power", self.where):
            watts = number(self.amdsmi.amdsmi_get_power_info(self.handle).get(key))
        if watts is None:
            raise SourceError(f"the power of {self.where} is not told any more", "measure again")
        return watts


def _energy_j(count: Mapping[str, Any]) -> float | None:
    # Releases before 6.4 call it power, though it is energy.
    accumulated = number(count.get("energy_accumulator", count.get("power")))
    resolution_uj = number(count.get("counter_resolution"))
    if accumulated is None or not resolution_uj:
        return None
    return accumulated * resolution_uj * _MICRO


def gpu_at(amdsmi: Any, index: int, handle: Any) -> Gpu:
    """The GPU at AMD SMI's place ``index``.

    Raises:
        SourceError: when it does not answer, or may not be read.
    """
    with asking(amdsmi, "the name", f"GPU {index}"):
        asic = told(amdsmi, amdsmi.amdsmi_get_gpu_asic_info, handle) or {}
        uuid = told(amdsmi, amdsmi.amdsmi_get_gpu_device_uuid, handle)
        partition = told(amdsmi, amdsmi.amdsmi_get_gpu_compute_partition, handle)
        cap = told(amdsmi, amdsmi.amdsmi_get_power_cap_info, handle) or {}
    name = str(asic.get("market_name") or "AMD GPU")
    where = f"GPU {index} ({name})"
    with asking(amdsmi, "the energy counter", where):
        energy_j = _energy_j(_supported(amdsmi, amdsmi.amdsmi_get_energy_count, handle))
    with asking(amdsmi, "the power", where):
        power = _supported(amdsmi, amdsmi.amdsmi_get_power_info, handle)
    current, average = (number(power.get(key)) for key in (_CURRENT, _AVERAGE))
    serial = str(asic.get("asic_serial", "")).lower().removeprefix("0x")
    limits = [number(cap.get(key)) or 0 for key in ("power_cap", "max_power_cap")]
    return Gpu(
        amdsmi=amdsmi,
        handle=handle,
        index=index,
        name=name,
        # ROCm's runtime, and so ROCR_VISIBLE_DEVICES, makes its identifier of the serial number.
        identifiers=tuple(own for own in (f"GPU-{serial}" if serial else "", str(uuid or "")) if own)
        or (f"place {index}",),
        partition=str(partition or ""),
        counter=energy_j is not None,
        instant=current is not None,
        average=average is not None,
        second_die=_TWO_DIES in name and not (energy_j or current or average),
        limit_w=max(each * _MICRO if each > _SURELY_MICROWATTS else each for each in limits) or None,
    )


def _supported(amdsmi: Any, read: Callable[[Any], Mapping[str, Any]], handle: Any) -> Mapping[str, Any]:
    try:
        return read(handle)
    except amdsmi.AmdSmiException as error:
        if _code(error) in _NOT_SUPPORTED:
            return {}
        raise


def every_gpu(amdsmi: Any) -> tuple[Gpu, ...]:
    """All GPUs, in AMD SMI's order.

    Raises:
        SourceError: when one does not answer, or there is none.
    """
    with asking(amdsmi, "the GPUs", _DRIVER):
        handles = amdsmi.amdsmi_get_processor_handles()
    if not handles:
        raise SourceError("AMD's driver finds no GPU that we may use", _GRANT)
    return tuple(gpu_at(amdsmi, index, handle) for index, handle in enumerate(handles))


def choose_gpus(
    wanted: Sequence[str], environment: Mapping[str, str], everything: tuple[Gpu, ...]
) -> tuple[Gpu, ...]:
    """The GPUs named by ``wanted`` (AMD SMI's place, or the beginning of an identifier).

    Without names, those that ROCm lets programs see: ROCR_VISIBLE_DEVICES, and of those
    HIP_VISIBLE_DEVICES or else CUDA_VISIBLE_DEVICES.

    Raises:
        SourceError: when a name fits none.
    """
    if wanted:
        return chosen(wanted, everything)
    left = _visible("ROCR_VISIBLE_DEVICES", environment, everything)
    hip = "HIP_VISIBLE_DEVICES" if "HIP_VISIBLE_DEVICES" in environment else "CUDA_VISIBLE_DEVICES"
    return _visible(hip, environment, left)


def _visible(variable: str, environment: Mapping[str, str], gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    given = environment.get(variable)
    if given is None:
        return gpus
    names = [name.strip() for name in given.split(",")]
    if names[0] in ("", "-1"):
        raise SourceError(
            f"{variable}={given}: no GPU is left for programs", "unset it, or name GPUs for the meter"
        )
    return chosen(names, gpus, f"{variable}={given}: ")


def may_use(kfd: Path = KFD) -> bool:
    """Whether programs of this user may use AMD's GPUs."""
    return os.access(kfd, os.R_OK | os.W_OK)


GRANT: Final = _GRANT
