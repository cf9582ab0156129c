"""What NVML says of the GPUs here. Nothing is measured with it yet."""

from __future__ import annotations

from jouleline.core.ports import Availability, Finding


def find_nvml() -> Finding:
    """Whether NVML finds an NVIDIA GPU, and which."""
    try:
        import pynvml  # the module of the package nvidia-ml-py
    except ImportError:
        return _finding(Availability.MISSING, "nvidia-ml-py is not installed", "pip install nvidia-ml-py")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        driver = "install NVIDIA's driver if this machine has such a GPU"
        return _finding(Availability.MISSING, f"no NVIDIA driver answers: {error}", driver)
    look = "look at nvidia-smi's message"
    try:
        described = [_describe(place) for place in range(pynvml.nvmlDeviceGetCount())]
        version = _text(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError as error:
        return _finding(Availability.MISSING, f"NVML does not answer: {error}", look)
    finally:
        pynvml.nvmlShutdown()
    if not described:
        return _finding(Availability.MISSING, f"driver {version} finds no GPU", look)
    found = "; ".join(described)
    return _finding(Availability.LIMITED, f"{found}; driver {version}; its energy is not measured yet", "")


def _describe(place: int) -> str:
    import pynvml

    device = pynvml.nvmlDeviceGetHandleByIndex(place)
    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except pynvml.NVMLError:
        counter = "without an energy counter"
    else:
        counter = "with an energy counter"
    return f"{_text(pynvml.nvmlDeviceGetName(device))} {counter}"


def _text(value: str | bytes) -> str:
    # Older releases of the binding return bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _finding(availability: Availability, detail: str, remedy: str) -> Finding:
    return Finding("meter", "nvml", availability, detail, remedy)
