"""LLVM's C++ compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jouleline.core.ports import Finding
from jouleline.toolchains.probe import find_compiler, first_found, quoted

# The newest that Debian 12 packages with GPU support comes before the system's default, which has none.
_PROGRAMS: Final = ("clang++-19", "clang++")


class ClangToolchain:
    """Builds C++ with ``clang++``; OpenMP target regions run on the host."""

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
        return f"{program} -std=c++17 -O3 -fopenmp {quoted(sources)} -o {quoted([output])}"
