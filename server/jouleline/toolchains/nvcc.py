"""NVIDIA's CUDA compiler; it builds on machines without a GPU too."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from jouleline.core.ports import Finding
from jouleline.toolchains.probe import find_compiler, first_found, quoted


class NvccToolchain:
    """Builds CUDA with ``nvcc``.

    ``arch`` is a target such as ``sm_86``. Without one nvcc's default serves: it holds PTX that a
    newer GPU's driver compiles at start, while ``native`` only warns where there is no GPU.
    """

    def __init__(self, arch: str | None = None) -> None:
        """Nothing is tried here; see :meth:`find`."""
        self._arch = arch

    @property
    def name(self) -> str:
        """``nvcc``."""
        return "nvcc"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """CUDA sources."""
        return (".cu",)

    def find(self) -> Finding:
        """Whether nvcc is here, with its version."""
        return find_compiler(
            "nvcc",
            nvcc_programs(),
            version=r"release (\d+\.\d+)",
            remedy="pip install nvidia-cuda-nvcc nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm",
        )

    def build_command(self, sources: Sequence[str], output: str) -> str:
        """The shell command that builds ``sources`` into the program ``output``."""
        arch = "" if self._arch is None else f" -arch={self._arch}"
        program = first_found(nvcc_programs()) or "nvcc"
        return f"{quoted([program])} -O3{arch} {quoted(sources)} -o {quoted([output])}"


def nvcc_programs() -> list[str]:
    """Where nvcc may be: it is often installed and not on the PATH, and always so from the wheels."""
    named = [Path(folder) for name in ("CUDA_HOME", "CUDA_PATH") if (folder := os.environ.get(name))]
    wheels = sorted(Path(sysconfig.get_path("purelib"), "nvidia").glob("cu[0-9]*"), reverse=True)
    roots = [*named, *wheels, Path("/usr/local/cuda")]
    return ["nvcc", *(str(root / "bin" / "nvcc") for root in roots)]
