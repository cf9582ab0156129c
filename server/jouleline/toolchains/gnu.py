"""GNU C++: OpenMP on the host, where it also runs target regions."""

from __future__ import annotations

from collections.abc import Sequence

from jouleline.core.ports import Finding
from jouleline.toolchains.probe import find_compiler, quoted


class GnuToolchain:
    """Builds C++ with ``g++``. Regions for a GPU run on the host, whatever OMP_TARGET_OFFLOAD says."""

    @property
    def name(self) -> str:
        """``g++``."""
        return "g++"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """C++ sources."""
        return (".cpp", ".cc", ".cxx", ".c++")

    def find(self) -> Finding:
        """Whether g++ is here, with its version."""
        return find_compiler(
            "g++",
            ("g++",),
            version=r"\) (\d+\.\d+\S*)",
            remedy="sudo apt-get install g++",
        )

    def build_command(self, sources: Sequence[str], output: str) -> str:
        """The shell command that builds ``sources`` into the program ``output``."""
        return f"g++ -std=c++17 -O3 -fopenmp {quoted(sources)} -o {quoted([output])}"
