"""The program that an open file belongs to. Everything here reads the disk: call it off the loop."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Final

from jouleline.app.analyse import ParsedFile, parse_file
from jouleline.app.program import SOURCE_SUFFIXES, Program, ProgramError, has_main, read_program
from jouleline.app.workload import WORKLOAD_FILE, WorkloadError, find_workload
from jouleline.core.syntax import UnreadableSourceError

# Beyond these, hints are computed from the file and what it includes: a folder of a thousand
# programs is not one program, and a background task must not keep a laptop busy.
_MAX_FILES: Final = 64
_MAX_BYTES: Final = 3_000_000

_MAKEFILES: Final = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the disk says of an open file's program: its other files, and its run line.

    ``name`` is the file's own name in the program. ``origin`` says where ``arguments`` come from, and
    ``macros`` are those that the build defines. ``makefile`` is the text of the Makefile.
    """

    root: Path
    name: str
    files: Mapping[str, ParsedFile]
    arguments: str = ""
    origin: str = ""
    macros: Mapping[str, str] = field(default_factory=dict)
    makefile: str = ""

    def same_as(self, other: Surroundings | None) -> bool:
        """Whether nothing differs that could change a bound."""
        return (
            other is not None
            and self.name == other.name
            and self.arguments == other.arguments
            and self.macros == other.macros
            and self.makefile == other.makefile
            and self.files.keys() == other.files.keys()
            and all(self.files[name] is other.files[name] for name in self.files)
        )


def program_root(file: Path, folders: Collection[Path]) -> Path:
    """The folder of a file's program: the nearest one with a workload file, else the file's own.

    The search ends at the workspace folder that holds the file.
    """
    top = next((folder for folder in folders if folder in file.parents), file.parent)
    for folder in file.parents:
        if (folder / WORKLOAD_FILE).is_file():
            return folder
        if folder == top:
            break
    return file.parent


def read_program_of(file: Path, folders: Collection[Path], overlay: Mapping[Path, bytes]) -> Program:
    """The program that a file belongs to; ``overlay`` holds the texts that are open.

    A folder with a workload file or a Makefile is one program. In any other folder the sources
    beside the file belong to it, except for those that have a ``main`` as it has itself.

    Raises:
        ProgramError: if nothing can be read.
    """
    root = program_root(file, folders)
    if any((root / name).is_file() for name in (WORKLOAD_FILE, *_MAKEFILES)):
        return read_program([root], overlay)
    try:
        beside = sorted(
            path for path in root.iterdir() if path.suffix.lower() in SOURCE_SUFFIXES and path.is_file()
        )
    except OSError:
        beside = []
    if len(beside) > _MAX_FILES:
        beside = []
    program = read_program([file, *(path for path in beside if path != file)], overlay)
    if not has_main(program.files.get(file.name, b"")):
        return program
    files = {name: data for name, data in program.files.items() if name == file.name or not has_main(data)}
    return replace(program, files=files)


def look_around(
    file: Path,
    folders: Collection[Path],
    overlay: Mapping[Path, bytes],
    known: Mapping[Path, ParsedFile],
) -> Surroundings:
    """Read and parse the other files of a file's program; ``known`` are parsed states to reuse."""
    try:
        program = read_program_of(file, folders, overlay)
        sizes = [len(data) for data in program.files.values()]
        if len(sizes) > _MAX_FILES or sum(sizes) > _MAX_BYTES:
            program = replace(read_program([file], overlay), root=program.root)
    except ProgramError:
        return Surroundings(file.parent, file.name, {})
    name = os.path.relpath(file, program.root).replace(os.sep, "/")
    parsed: dict[str, ParsedFile] = {}
    for other, data in program.files.items():
        if other != name:
            try:
                parsed[other] = parse_file(data, known.get(absolute(program.root, other)))
            except UnreadableSourceError:
                continue  # said when that file is opened
    arguments, origin = _run_line(program)
    return Surroundings(program.root, name, parsed, arguments, origin, program.macros, program.makefile)


def absolute(root: Path, name: str) -> Path:
    """The path of a program's file; ``name`` may begin with dots."""
    return Path(os.path.normpath(root / PurePath(name)))


def _run_line(program: Program) -> tuple[str, str]:
    try:
        workload = find_workload(program, ())
    except WorkloadError:
        return "", ""  # said when the program is to be refactored
    return shlex.join(workload.arguments), workload.origin
