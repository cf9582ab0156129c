"""The machine code of AMD GPUs as text: by hipcc from HIP."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jouleline.core.compile_commands import chosen_options
from jouleline.core.ports import Finding
from jouleline.toolchains.hipcc import HipccToolchain
from jouleline.toolchains.probe import quoted

_OPTIONS: Final = re.compile(
    r"-[DIU].+|-std=(?:c|gnu)\+\+\d\w|-ffast-math|-ffp-contract=[\w-]+|-f(?:gpu|cuda)-flush-denormals-to-zero"
    r"|-m(?:no-)?unsafe-fp-atomics|-m(?:no-)?wavefrontsize64|--gpu-max-threads-per-block=\d+"
)
_LIBRARY: Final = "oclc_isa_version_"
"""The device library has a file for each instruction set that hipcc can link a kernel for."""
_LIBRARIES: Final = ("amdgcn/bitcode", "lib/*/amdgcn/bitcode", "lib/clang/*/lib/amdgcn/bitcode",
                     "lib/llvm/lib/clang/*/lib/amdgcn/bitcode")  # fmt: skip


class HipccListing:
    """HIP to the assembly of AMD GPUs with ``hipcc -S``."""

    @property
    def name(self) -> str:
        """``hipcc``."""
        return "hipcc"

    @property
    def folders(self) -> tuple[str, ...]:
        """Where hipcc is installed, with its headers and device library."""
        root = _root()
        return () if root is None else (str(root),)

    def find(self) -> Finding:
        """Whether hipcc is here."""
        return HipccToolchain().find()

    def nearest(self, target: str) -> str:
        """The target itself, or the nearest one that hipcc has a device library for."""
        known = _targets()
        if not known or target in known:
            return target
        try:
            number = int(target.removeprefix("gfx"), 16)
        except ValueError:
            return target
        return min(known, key=lambda each: (abs(int(each.removeprefix("gfx"), 16) - number), each))

    def options(self, given: Sequence[str], folder: str = ".") -> tuple[str, ...]:
        """Macros, folders of headers, and what changes the arithmetic."""
        return chosen_options(given, _OPTIONS, folder)

    def listing_command(self, source: str, options: Sequence[str], target: str, output: str) -> str:
        """Compile to assembly, which tells lines and registers; nothing is assembled."""
        # Clang names files by the folder it runs in, and ours is a new one each time. Kernels in a .cpp
        # file are HIP, too.
        return (
            f"HIP_PLATFORM=amd hipcc -x hip --offload-arch={shlex.quote(target)} --cuda-device-only -S -O3"
            f' -gdwarf-4 -gline-tables-only -fdebug-prefix-map="$PWD"=. -w'
            f" {shlex.join(options)} {quoted([source])} -o {quoted([output])}"
        )


def _root() -> Path | None:
    """The folder that hipcc is installed under, such as ``/usr`` or ``/opt/rocm``, links followed."""
    found = shutil.which("hipcc")
    return Path(found).resolve().parent.parent if found else None


def _targets() -> frozenset[str]:
    """The instruction sets that the device library is for; empty where it is not found."""
    root = _root()
    named = os.environ.get("HIP_DEVICE_LIB_PATH")
    folders = [Path(named)] if named else []
    if root is not None:
        folders += [folder for pattern in _LIBRARIES for folder in root.glob(pattern)]
    files = (file.stem for folder in folders for file in folder.glob(f"{_LIBRARY}*.bc"))
    return frozenset("gfx" + file.removeprefix(_LIBRARY) for file in files)
