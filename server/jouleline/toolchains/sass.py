"""The machine code of NVIDIA GPUs as text: by nvcc from CUDA, by clang and ptxas from OpenMP."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jouleline.core.compile_commands import chosen_options
from jouleline.core.ports import Availability, Finding
from jouleline.toolchains.clang import ClangToolchain
from jouleline.toolchains.nvcc import NvccToolchain, nvcc_programs
from jouleline.toolchains.probe import first_found, quoted

_DISASSEMBLER: Final = "pip install 'jouleline[cuda]'"
_PREPROCESSOR: Final = r"-[DIU].+"
_NVCC_OPTIONS: Final = re.compile(
    rf"{_PREPROCESSOR}|--?use_fast_math|--?(?:ftz|fmad|prec-div|prec-sqrt)=\w+|--?maxrregcount=?\d+"
    r"|--expt-[\w-]+|--?extended-lambda|-rdc=true|--relocatable-device-code=true|-dc"
)
_CLANG_OPTIONS: Final = re.compile(rf"{_PREPROCESSOR}|-ffast-math|-std=(?:c|gnu)\+\+\d\w")


class NvccListing:
    """CUDA to SASS with ``nvcc -cubin`` and ``nvdisasm``."""

    @property
    def name(self) -> str:
        """``nvcc``."""
        return "nvcc"

    @property
    def folders(self) -> tuple[str, ...]:
        """Where nvcc and nvdisasm are installed."""
        return _installed(_nvcc(), _beside("nvdisasm"))

    def find(self) -> Finding:
        """Whether nvcc and nvdisasm are here."""
        return _with_disassembler(NvccToolchain().find())

    def nearest(self, target: str) -> str:
        """The target itself, but none older than nvcc 13 makes."""
        return _within(target, oldest=75)

    def options(self, given: Sequence[str], folder: str = ".") -> tuple[str, ...]:
        """Macros, folders of headers, and what changes the arithmetic."""
        return chosen_options(given, _NVCC_OPTIONS, folder)

    def listing_command(self, source: str, options: Sequence[str], target: str, output: str) -> str:
        """Compile to a cubin, the registers reported by ptxas, and disassemble it with lines."""
        cubin = quoted([output + ".cubin"])
        # -x cu: kernels in a .cpp file are CUDA, too.
        return (
            f"{quoted([_nvcc() or 'nvcc'])} -x cu -arch={target} -O3 -lineinfo -w -Xptxas -v -cubin"
            f" {shlex.join(options)} {quoted([source])} -o {cubin} && {_disassemble(cubin, output)}"
        )


class OpenMPListing:
    """OpenMP target regions to SASS with clang, ptxas and ``nvdisasm``."""

    @property
    def name(self) -> str:
        """``clang++``."""
        return "clang++"

    @property
    def folders(self) -> tuple[str, ...]:
        """Where clang, ptxas and nvdisasm are installed."""
        return _installed(_clang(), _beside("ptxas"), _beside("nvdisasm"))

    def find(self) -> Finding:
        """Whether clang with its device library, ptxas and nvdisasm are here."""
        finding = ClangToolchain().find()
        if finding.availability is not Availability.READY:
            return finding
        if _beside("ptxas") is None:
            return Finding("compiler", self.name, Availability.LIMITED, "ptxas is missing", _DISASSEMBLER)
        return _with_disassembler(finding)

    def nearest(self, target: str) -> str:
        """The target itself, but none newer than clang 19 makes."""
        return _within(target, newest=90)

    def options(self, given: Sequence[str], folder: str = ".") -> tuple[str, ...]:
        """Macros, folders of headers, and what changes the arithmetic."""
        return chosen_options(given, _CLANG_OPTIONS, folder)

    def listing_command(self, source: str, options: Sequence[str], target: str, output: str) -> str:
        """Compile to bitcode and PTX with the device library linked in, assemble and disassemble it."""
        clang = quoted([_clang() or "clang++"])
        bitcode, ptx, cubin = (quoted([output + suffix]) for suffix in (".bc", ".ptx", ".cubin"))
        assembler = quoted([_beside("ptxas") or "ptxas"])
        # With -S clang 19 reads neither --libomptarget-nvptx-bc-path nor a toolkit as new as ours; and
        # its optimiser makes new calls of the runtime after linking, hence the second time.
        runtime = _linked(_openmp_library(target))
        # A C++ compiler's driver takes .c files for C++, and so did the Makefile that says so.
        cplusplus = not source.endswith(".c") or any("++" in option for option in options)
        language = "c++" if cplusplus else "c"
        return (
            f"{clang} -x {language} -O3 -fopenmp --offload-arch={target} --offload-device-only -nocudalib"
            f" -c -emit-llvm -gline-tables-only -w{runtime}{_linked(_math_library())}"
            f" {shlex.join(options)} {quoted([source])} -o {bitcode}"
            f" && {clang} -x ir --target=nvptx64-nvidia-cuda -march={target} -nocudalib -O1 -S{runtime}"
            f" {bitcode} -o {ptx}"
            f" && {assembler} -arch={target} -v --generate-line-info {ptx} -o {cubin}"
            f" && {_disassemble(cubin, output)}"
        )


def _within(target: str, oldest: int = 0, newest: int = 1000) -> str:
    number = target.removeprefix("sm_")
    return f"sm_{min(newest, max(oldest, int(number)))}" if number.isdigit() else target


def _linked(library: str | None) -> str:
    return f" -Xclang -mlink-builtin-bitcode -Xclang {quoted([library])}" if library else ""


def _disassemble(cubin: str, output: str) -> str:
    return f"{quoted([_beside('nvdisasm') or 'nvdisasm'])} -gi -c {cubin} > {quoted([output])}"


def _with_disassembler(finding: Finding) -> Finding:
    if finding.availability is Availability.READY and _beside("nvdisasm") is None:
        detail = f"{finding.detail}, but nvdisasm is missing"
        return Finding(finding.kind, finding.name, Availability.LIMITED, detail, _DISASSEMBLER)
    return finding


def _nvcc() -> str | None:
    return first_found(nvcc_programs())


def _clang() -> str | None:
    return first_found(("clang++-19", "clang++"))


def _beside(program: str) -> str | None:
    """A program of the CUDA toolkit: on the PATH, or beside any nvcc."""
    places = (str(Path(nvcc).parent / program) for nvcc in nvcc_programs() if os.sep in nvcc)
    return first_found([program, *places])


def _openmp_library(target: str) -> str | None:
    """Clang's OpenMP library for GPUs, as bitcode."""
    clang = _clang()
    found = shutil.which(clang) if clang else None
    if found is None:
        return None
    library = Path(found).resolve().parent.parent / "lib" / f"libomptarget-nvptx-{target}.bc"
    return str(library) if library.is_file() else None


def _math_library() -> str | None:
    """NVIDIA's mathematical functions as bitcode, which comes with nvcc."""
    found = shutil.which(_nvcc() or "")
    roots = [Path(found).resolve().parent.parent] if found else []
    roots += [Path(nvcc).parent.parent for nvcc in nvcc_programs() if os.sep in nvcc]
    libraries = (root / "nvvm" / "libdevice" / "libdevice.10.bc" for root in roots)
    return next((str(library) for library in libraries if library.is_file()), None)


def _installed(*programs: str | None) -> tuple[str, ...]:
    """The folders above the programs' own, links followed."""
    found = (shutil.which(program) for program in programs if program is not None)
    return tuple(dict.fromkeys(str(Path(each).resolve().parent.parent) for each in found if each))
