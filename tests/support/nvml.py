"""A double of NVIDIA's driver library, in C: the real nvidia-ml-py loads it and calls it.

What it answers is scripted, line by line, each from a moment on (s after the script was set):

    gpus 2
    clock virtual                 # time moves by `advance` alone; real by default
    gpu 0 power 70                # W; without `gpu` for all of them
    at 2 gpu 0 power 300
    period 0.1                    # of the energy counter, s
    at 9 fail nvmlDeviceGetTotalEnergyConsumption 15

The properties are listed in nvml_double/script.h. `fail` takes a function, the number of a field, or * for
all of a GPU, and NVML's number of the error.
"""

import _ctypes
import ctypes
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynvml
import pytest

from tests.support.tools import require_tool

SOURCES = Path(__file__).parent / "nvml_double"
LIBRARY = "libnvidia-ml.so.1"

NOT_SUPPORTED = 3
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
RESET_REQUIRED = 16
VERSION_MISMATCH = 18

COUNTER = "nvmlDeviceGetTotalEnergyConsumption"
AVERAGE, INSTANT = "185", "186"


def build_nvml_double(folder: Path) -> Path:
    """Build the library into ``folder``, for LD_LIBRARY_PATH; returns it."""
    library = folder / LIBRARY
    flags = "-std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -shared -fPIC".split()
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    command = [
        *(str(require_tool("gcc")), *flags, f"-Wl,-soname,{LIBRARY}"),
        *("-o", str(library), *sources, "-lm", "-lpthread"),
    ]
    subprocess.run(command, check=True)
    return library


class NvmlDouble:
    """The double within this process; ``now`` and ``advance`` are its clock, in seconds."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.double_now.restype = ctypes.c_double
        library.double_advance.argtypes = (ctypes.c_double,)

    def script(self, *lines: str, clock: str = "virtual") -> None:
        """Set what it answers, from second 0 again."""
        text = "\n".join((f"clock {clock}", *lines))
        wrong = self._library.double_load(text.encode())
        if wrong:
            raise ValueError(f"the script's line {wrong} is wrong:\n{text}")

    def now(self) -> float:
        return float(self._library.double_now())

    def advance(self, seconds: float) -> None:
        self._library.double_advance(seconds)

    @property
    def users(self) -> int:
        """How many initialisations have not been shut down."""
        return int(self._library.double_uses())

    def forget(self) -> None:
        """Be a machine without a driver again."""
        self._library.double_forget()


@contextmanager
def loaded(path: Path) -> Iterator[NvmlDouble]:
    """Have this process's pynvml call the double at ``path``."""
    library = ctypes.CDLL(str(path))
    double = NvmlDouble(library)
    double.forget()
    with pytest.MonkeyPatch.context() as patch:
        # pynvml keeps the library and its functions once it has loaded them, also a real one.
        patch.setattr(pynvml, "nvmlLib", library)
        patch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        try:
            yield double
        finally:
            double.forget()
    # Unloaded, or the next to ask for the library by its name would get this one.
    _ctypes.dlclose(library._handle)
