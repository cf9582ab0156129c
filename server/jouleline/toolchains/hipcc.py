"""AMD's HIP compiler driver."""

from __future__ import annotations

from collections.abc import Sequence

from jouleline.core.ports import Finding
from jouleline.toolchains.probe import find_compiler, quoted


class HipccToolchain:
    """Builds HIP with ``hipcc``; ``offload_arch`` is a target such as ``gfx90a``.

    Without a target hipcc asks the GPU, and where there is none takes its default.
    """

    def __init__(self, offload_arch: str | None = None) -> None:
        """Nothing is tried here; see :meth:`find`."""
        self._offload_arch = offload_arch

    @property
    def name(self) -> str:
        """``hipcc``."""
        return "hipcc"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """HIP sources."""
        return (".hip",)

    def find(self) -> Finding:
        """Whether hipcc is here, with its version."""
        return find_compiler(
            "hipcc",
            ("hipcc",),
            version=r"HIP version:\s*(\d+\.\d+\S*)",
            remedy="sudo apt-get install hipcc",
            environment={"HIP_PLATFORM": "amd"},
        )

    def build_command(self, sources: Sequence[str], output: str) -> str:
        """The shell command that builds ``sources`` into the program ``output``."""
        arch = "" if self._offload_arch is None else f" --offload-arch={self._offload_arch}"
        # hipcc takes any nvcc on the PATH for a wish to build for NVIDIA, unless told.
        return (
            f'HIP_PLATFORM="${{HIP_PLATFORM:-amd}}" hipcc -O3{arch} {quoted(sources)} -o {quoted([output])}'
        )
