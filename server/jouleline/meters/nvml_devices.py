"""NVIDIA's GPUs as NVML tells them: errors in words, what each can be asked, and which are meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from .choice import chosen
from .errors import SourceError

NAME: Final = "nvml"
_MILLI: Final = 1e-3

# Of nvmlFieldValue_t; the constants are missing in older releases of the binding.
_AVERAGE: Final = 185
_INSTANT: Final = 186

# "On Ampere (except GA100) or newer GPUs, the API returns power averaged over 1 sec interval. On GA100
# and older architectures, instantaneous power is returned": the reference of nvmlDeviceGetPowerUsage.
# GA100 has compute capability 8.0, which no other GPU has.
_LAST_INSTANT_USAGE: Final = (8, 0)

# NVML's error numbers that a user can do something about; {where} is a GPU or the driver.
_TROUBLES: Final[Mapping[int, tuple[str, str]]] = {
    4: (
        "no permission to read {what} of {where}",
        "sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]* grants it until the next start",
    ),
    9: ("NVIDIA's driver is not loaded", "sudo modprobe nvidia"),
    12: (
        "NVIDIA's driver library libnvidia-ml.so.1 is not here",
        "install NVIDIA's driver if this machine has such a GPU; start a container with --gpus all",
    ),
    15: (
        "{where} is lost: it does not answer the driver any more",
        "look at `sudo dmesg | grep Xid`, and restart the machine",
    ),
    16: ("{where} has to be reset before it works again", "sudo nvidia-smi --gpu-reset"),
    17: (
        "the operating system keeps us from {where}",
        "ask for access to /dev/nvidia* (a scheduler or container may withhold it)",
    ),
    18: (
        "NVIDIA's driver library is of another version than the loaded driver, as after an update",
        "restart the machine",
    ),
}
_NOT_SUPPORTED: Final = (3, 13)  # by the GPU; by the driver's library, which is too old


def source_error(error: Exception, what: str, where: str) -> SourceError:
    """An error of the binding in words: ``what`` was asked of ``where``."""
    known = _TROUBLES.get(getattr(error, "value", -1))
    if known is None:
        return SourceError(
            f"{what} of {where} cannot be read: NVML says {error}", "look at what nvidia-smi says"
        )
    said, remedy = known
    return SourceError(said.format(what=what, where=where), remedy)


@contextmanager
def asking(what: str, where: str) -> Iterator[None]:
    """Turn errors of the binding into :class:`SourceError`."""
    import pynvml

    try:
        yield
    except pynvml.NVMLError as error:
        raise source_error(error, what, where) from error


def start_nvml() -> str:
    """Initialise NVML; returns the driver's version. One :func:`stop_nvml` has to follow.

    Raises:
        SourceError: when there is no driver to ask.
    """
    try:
        import pynvml  # the module of the package nvidia-ml-py
    except ImportError:
        raise SourceError("nvidia-ml-py is not installed", "pip install nvidia-ml-py") from None
    with asking("the version", "NVIDIA's driver"):
        pynvml.nvmlInit()
        return _text(pynvml.nvmlSystemGetDriverVersion())


def stop_nvml() -> None:
    """Let go of NVML, which may have died meanwhile."""
    import pynvml

    with suppress(pynvml.NVMLError):
        pynvml.nvmlShutdown()


@dataclass(frozen=True, eq=False)
class Gpu:
    """One GPU, and what it can be asked; found out once, since a reading is to be cheap."""

    handle: Any
    index: int
    name: str
    identifiers: tuple[str, ...]
    mig: bool
    persistent: bool
    counter: bool
    instant_field: bool
    average_field: bool
    usage: bool
    usage_is_instant: bool
    limit_w: float | None

    @property
    def where(self) -> str:
        """How sentences call it."""
        return f"GPU {self.index} ({self.name})"

    @property
    def instant(self) -> bool:
        """Whether it tells its power at a moment."""
        return self.instant_field or (self.usage and self.usage_is_instant)

    @property
    def average(self) -> bool:
        """Whether it tells an average of its power."""
        return self.average_field or (self.usage and not self.usage_is_instant)

    def energy_j(self) -> float:
        """What the counter shows, J."""
        import pynvml

        with asking("the energy counter", self.where):
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)) * _MILLI

    def instant_w(self) -> float:
        """Power at this moment, W; only where :attr:`instant`."""
        return self._field_w(_INSTANT) if self.instant_field else self._usage_w()

    def average_w(self) -> float:
        """Average power, W, over a second in most devices; only where :attr:`average`."""
        return self._field_w(_AVERAGE) if self.average_field else self._usage_w()

    def _field_w(self, field: int) -> float:
        with asking("the power", self.where):
            return _field(self.handle, field) * _MILLI

    def _usage_w(self) -> float:
        import pynvml

        with asking("the power", self.where):
            return float(pynvml.nvmlDeviceGetPowerUsage(self.handle)) * _MILLI


def _field(handle: Any, field: int) -> int:
    import pynvml

    value = pynvml.nvmlDeviceGetFieldValues(handle, [field])[0]
    if value.nvmlReturn != 0:
        raise pynvml.NVMLError(value.nvmlReturn)
    return int(value.value.uiVal)


def _has(read: Any, *arguments: object) -> bool:
    """Whether the device has a reading at all; one that fails for another reason is an error."""
    import pynvml

    try:
        read(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _NOT_SUPPORTED:
            return False
        raise
    return True


def _optional(read: Any, *arguments: object) -> Any:
    """A reading that may fail for any reason, such as that the device is too old; then None."""
    import pynvml

    try:
        return read(*arguments)
    except pynvml.NVMLError:
        return None


def gpu_at(index: int) -> Gpu:
    """The GPU at NVML's place ``index``.

    Raises:
        SourceError: when it does not answer.
    """
    import pynvml

    with asking("the name", f"GPU {index}"):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        name = _text(pynvml.nvmlDeviceGetName(handle))
        uuid = _text(pynvml.nvmlDeviceGetUUID(handle))
    with asking("the energy counter", f"GPU {index} ({name})"):
        counter = _has(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    with asking("the power", f"GPU {index} ({name})"):
        instant_field, average_field = _has(_field, handle, _INSTANT), _has(_field, handle, _AVERAGE)
        usage = _has(pynvml.nvmlDeviceGetPowerUsage, handle)
    mig = _optional(pynvml.nvmlDeviceGetMigMode, handle)
    capability = _optional(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    limits = (
        *(_optional(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle) or ()),
        _optional(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle) or 0,
    )
    return Gpu(
        handle=handle,
        index=index,
        name=name,
        identifiers=(uuid,),
        mig=mig is not None and mig[0] == 1,
        persistent=_optional(pynvml.nvmlDeviceGetPersistenceMode, handle) == 1,
        counter=counter,
        instant_field=instant_field,
        average_field=average_field,
        usage=usage,
        usage_is_instant=capability is not None and tuple(capability) <= _LAST_INSTANT_USAGE,
        limit_w=max(limits) * _MILLI or None,
    )


def count_gpus() -> int:
    """How many GPUs the driver has.

    Raises:
        SourceError: when it does not tell.
    """
    import pynvml

    with asking("the number of GPUs", "NVIDIA's driver"):
        return int(pynvml.nvmlDeviceGetCount())


def choose_gpus(wanted: Sequence[str], environment: Mapping[str, str]) -> tuple[Gpu, ...]:
    """The GPUs named by ``wanted`` (NVML's place, as nvidia-smi shows it, or a UUID or its beginning).

    Without names, those that CUDA lets programs see by CUDA_VISIBLE_DEVICES, else all.

    Raises:
        SourceError: when a name fits none, or the variable cannot be understood without doubt.
    """
    everything = tuple(gpu_at(index) for index in range(count_gpus()))
    if not everything:
        raise SourceError("NVIDIA's driver finds no GPU", "look at what nvidia-smi says")
    if wanted:
        return chosen(wanted, everything)
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return everything
    return _visible(visible, environment, everything)


def _visible(visible: str, environment: Mapping[str, str], everything: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    said = f"CUDA_VISIBLE_DEVICES={visible}: "
    names = [name.strip() for name in visible.split(",")]
    if names[0] in ("", "-1"):
        raise SourceError(f"{said}no GPU is left for programs", "unset it, or name GPUs for the meter")
    alike = len({gpu.name for gpu in everything}) == 1
    ordered = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    # CUDA numbers the fastest first unless told otherwise, NVML goes by the bus.
    if not alike and not ordered and any(name.isdecimal() for name in names):
        raise SourceError(
            f"{said}with GPUs of several kinds, CUDA's numbers are not the driver's",
            "set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by UUID (nvidia-smi -L)",
        )
    return chosen(
        [_parent(name, said) if name.startswith("MIG-") else name for name in names], everything, said
    )


def _parent(name: str, said: str) -> str:
    """The UUID of the GPU of which a MIG instance is a part."""
    import pynvml

    with asking("the GPU", f"{said}MIG instance {name}"):
        instance = pynvml.nvmlDeviceGetHandleByUUID(name)
        return _text(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(instance)))


def _text(value: str | bytes) -> str:
    # Older releases of the binding return bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else value
