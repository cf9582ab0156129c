"""LLVM's C++ compiler: OpenMP on the host, or offloaded to a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jouleline.core.ports import Finding
from jouleline.toolchains.probe import find_compiler, first_found, quoted

# The newest that Debian 12 packages with GPU support comes before the system's default, which has none.
_PROGRAMS: Final = ("clang++-19", "clang++")


class ClangToolchain:
    """Builds C++ with ``clang++``.

    ``offload_arch`` is the GPU target of OpenMP regions, such as ``sm_86`` or ``gfx90a``; without one
    they run on the host.
    """

    def __init__(self, offload_arch: str | None = None) -> None:
        """Nothing is tried here; see :meth:`find`."""
        self._offload_arch = offload_arch

    @property
    def name(self) -> str:
        """``clang++``."""
        return "clang++"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """C++ sources."""
        return (".cpp", ".cc", ".cxx", ".c++")

    def find(self) -> Finding:
        """Whether clang++ is here, with its version."""
        return find_compiler(
            "clang++",
            _PROGRAMS,
            version=r"clang version (\d+\.\d+\S*)",
            remedy="sudo apt-get install clang-19 libomp-19-dev lld-19 clang-tools-19",
        )

    def build_command(self, sources: Sequence[str], output: str) -> str:
        """The shell command that builds ``sources`` into the program ``output``."""
        program = first_found(_PROGRAMS) or _PROGRAMS[0]
        offload = ""
        if self._offload_arch is not None:
            vendor = "nvptx" if self._offload_arch.startswith("sm_") else "amdgpu"
            # Debian puts the device's runtime where clang finds it by name but not by itself.
            library = f"libomptarget-{vendor}-{self._offload_arch}.bc"
            offload = (
                f" --offload-arch={self._offload_arch}"
                f' --libomptarget-{vendor}-bc-path="$({program} -print-file-name={library})"'
            )
        return f"{program} -std=c++17 -O3 -fopenmp{offload} {quoted(sources)} -o {quoted([output])}"
