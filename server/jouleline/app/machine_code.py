"""What was built: whether it is the same machine code as another build, and whether it is for a GPU.

No run could tell two builds of the same machine code apart. What is compared is what gets loaded: all
allocated sections of each ELF file (code, constants, data), but neither debug information nor notes with a
build's id.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from .program import SOURCE_SUFFIXES

_ELF: Final = b"\x7fELF"
_ALLOCATED: Final = 0x2
_WITHOUT_BYTES: Final = 8
_NOTE: Final = 7
_RELOCATIONS: Final = (4, 9)
"""In an object file they say which function is called, and are not loaded themselves."""
# What compiles or reads sources when it runs may do otherwise with the same machine code.
_READS_SOURCES: Final = re.compile(
    rb"nvrtcCreateProgram|hiprtcCreateProgram|clBuildProgram|cuModuleLoad|dlopen"
)

# Where nvcc (and clang for CUDA) and hipcc put what GPUs run.
_DEVICE_CODE: Final = (b".nv_fatbin\0", b".hip_fatbin\0")


def holds_device_code(folder: Path) -> bool:
    """Whether something that was built in a folder holds kernels of CUDA or HIP, which need a GPU.

    OpenMP's target regions do not count: they run on the host where there is none.
    """
    return any(section in data for _, data in _elf_files(folder) for section in _DEVICE_CODE)


def same_machine_code(baseline: Path, candidate: Path, changed: Mapping[str, bytes]) -> bool:
    """Whether what was built in two folders is the same, though the sources ``changed`` differ.

    False where it cannot be known: nothing that was built, files that are no sources of a compiler, or a
    program that may read its sources when it runs.
    """
    if any(PurePosixPath(name).suffix.lower() not in SOURCE_SUFFIXES for name in changed):
        return False
    before, after = _built(baseline), _built(candidate)
    return bool(before) and None not in before.values() and before == after


def _built(folder: Path) -> dict[str, tuple[tuple[int, bytes], ...] | None]:
    """The loaded sections of each ELF file in a folder, by its name."""
    return {
        path.relative_to(folder).as_posix(): None if _READS_SOURCES.search(data) else loaded(data)
        for path, data in _elf_files(folder)
    }


def _elf_files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.suffix.lower() in SOURCE_SUFFIXES:
            continue
        with path.open("rb") as file:
            if file.read(len(_ELF)) != _ELF:
                continue
        yield path, path.read_bytes()


def loaded(data: bytes) -> tuple[tuple[int, bytes], ...] | None:
    """The allocated sections of an ELF file with their sizes, in order; None if it cannot be read."""
    try:
        wide = data[4] == 2
        order = "<" if data[5] == 1 else ">"
        header = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", data, 0x28 if wide else 0x20)[0]
        size, number = struct.unpack_from(f"{order}HH", data, 0x3A if wide else 0x2E)
        layout = f"{order}IIQQQQ" if wide else f"{order}IIIIII"
        sections = []
        for place in range(number):
            _, kind, flags, _, offset, length = struct.unpack_from(layout, data, header + place * size)
            if not (flags & _ALLOCATED or kind in _RELOCATIONS) or kind == _NOTE:
                continue
            sections.append((length, b"" if kind == _WITHOUT_BYTES else data[offset : offset + length]))
    except (struct.error, IndexError):
        return None
    return tuple(sections) or None
