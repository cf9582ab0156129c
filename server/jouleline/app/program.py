"""A program: the source files of one folder, or files that were named together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jouleline.core.kept import cached_property
from jouleline.core.makefile import defined_macros, written_out
from jouleline.core.syntax import MAX_SOURCE_BYTES

from .hidden import leads_to_hidden

SOURCE_SUFFIXES = frozenset(
    (".cu", ".cuh", ".hip", ".cpp", ".cc", ".cxx", ".c++", ".c", ".h", ".hpp", ".hh", ".hxx", ".inl")
)
SKIPPED_FOLDERS = frozenset((".git", ".svn", "node_modules", ".venv", "__pycache__", "build"))
# The search for a pattern skips to the characters that it starts with.
_INCLUDE = re.compile(rb'\n[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"')
_MAIN = re.compile(rb"int(?<!\wint)\s+main\s*\(")
_TARGET = re.compile(rb"^[ \t]*#[ \t]*pragma[ \t]+omp[ \t]+target\b", re.MULTILINE)
_INCLUDE_PATH = re.compile(r"-I\s*([^\s$()]+)")
_OUTSIDE = re.compile(r"(?<![^\s=:])\.\./[\w./+-]+")
_FILE = re.compile(r"[\w./+-]+")
# A rule for files by their endings, other than for the objects of those that are named, or for all there are.
_ANY_FILE = re.compile(r"wildcard|\*\.c|^%?\s*:\s*%?\.c|^\.c\w*\s*:", re.MULTILINE)
_HEADERS = frozenset((".h", ".hpp", ".hh", ".hxx", ".inl", ".cuh"))
MAX_FILES = 2000


class ProgramError(ValueError):
    """A path that is no program; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept part of a program from being read. ``line`` counts from 1."""

    file: str
    line: int
    message: str


@dataclass(frozen=True)
class Program:
    """Files by their path relative to ``root`` (POSIX separators), as bytes.

    ``makefile`` is the text of the folder's Makefile, empty if there is none.
    """

    root: Path
    files: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()
    makefile: str = ""

    @cached_property
    def macros(self) -> Mapping[str, str]:
        """The macros that the build defines on the compiler's command line."""
        return defined_macros(self.makefile)


def read_program(paths: Iterable[Path], overlay: Mapping[Path, bytes] | None = None) -> Program:
    """Read a folder, or files that are taken together.

    ``overlay`` holds texts that an editor has open; they stand in for what is on disk.

    Raises:
        ProgramError: if a path does not exist or nothing in it is source.
    """
    paths = [Path(path) for path in paths]
    overlay = overlay or {}
    for path in paths:
        try:
            there = path.exists() or path in overlay
        except OSError as error:
            raise ProgramError(f"{path}: cannot be read: {error.strerror}") from error
        if not there:
            raise ProgramError(f"{path}: no such file or folder")
    single = len(paths) == 1 and paths[0].is_dir()
    root = paths[0] if single else _common_folder(paths)
    found: dict[str, bytes] = {}
    problems: list[Problem] = []
    makefile = _makefile(root)
    rules = written_out(makefile)
    for path in paths:
        for file in [
            *_source_files(path, root, problems),
            *(_named_elsewhere(rules, root) if single else ()),
        ]:
            name = _relative(file, root)
            if name in found:
                continue
            data = _open_text(overlay, file)
            if data is None:
                data = read_source(file, name, root, problems)
            if data is not None:
                found[name] = data
    for name in _of_other_programs(found, makefile) if single else ():
        del found[name]
        problems.append(Problem(name, 1, "is left out: it has a main, and the Makefile builds another one"))
    _follow_includes(root, found, problems, rules, overlay)
    if not found and not problems:
        raise ProgramError(f"{paths[0]}: no C++ source here ({', '.join(sorted(SOURCE_SUFFIXES))})")
    return Program(root, found, tuple(problems), makefile)


def has_main(data: bytes) -> bool:
    """Whether a file has the function that a program starts with."""
    return _MAIN.search(data) is not None


def _open_text(overlay: Mapping[Path, bytes], file: Path) -> bytes | None:
    """The text an editor has open for a file; it names the file without ``..``."""
    return overlay.get(file, overlay.get(Path(os.path.normpath(file))))


def read_source(file: Path, name: str, root: Path, problems: list[Problem]) -> bytes | None:
    """The text of a file below ``root``; None if it is not to be read or cannot, which is a problem then."""
    try:
        if leads_to_hidden(file, root):
            problems.append(Problem(name, 1, "is by a link a hidden file of your home, which is not read"))
            return None
        if not file.is_file() and file.exists():
            problems.append(Problem(name, 1, "is not a regular file"))
            return None
        if file.stat().st_size > MAX_SOURCE_BYTES:
            size = file.stat().st_size / 1e6
            problems.append(
                Problem(name, 1, f"is {size:.1f} MB; sources up to {MAX_SOURCE_BYTES / 1e6:.1f} MB are read")
            )
            return None
        return file.read_bytes()
    except OSError as error:
        problems.append(Problem(name, 1, f"cannot be read: {error.strerror}"))
        return None


def _follow_includes(
    root: Path,
    found: dict[str, bytes],
    problems: list[Problem],
    rules: str,
    overlay: Mapping[Path, bytes],
) -> None:
    """Add the headers that lie elsewhere: beside the file that includes them, or on an -I path."""
    folders = [root / name for name in _INCLUDE_PATH.findall(rules)]
    waiting = list(found)
    while waiting and len(found) < MAX_FILES:
        name = waiting.pop()
        for included in _INCLUDE.findall(b"\n" + found[name]):
            text = included.decode("utf-8", "replace")
            for folder in ((root / name).parent, *folders):
                file = Path(os.path.normpath(folder / text))
                relative = _relative(file, root)
                if relative in found:
                    break
                if not file.is_file() or PurePosixPath(text).suffix.lower() not in SOURCE_SUFFIXES:
                    continue
                data = _open_text(overlay, file)
                if data is None:
                    data = read_source(file, relative, root, problems)
                if data is not None:
                    found[relative] = data
                    waiting.append(relative)
                break


def _source_files(path: Path, root: Path, problems: list[Problem]) -> list[Path]:
    if not path.is_dir():
        if path.suffix.lower() not in SOURCE_SUFFIXES:
            raise ProgramError(f"{path}: is no source file ({', '.join(sorted(SOURCE_SUFFIXES))})")
        return [path]
    found: list[Path] = []

    def unread(error: OSError) -> None:
        words = f"cannot be read: {error.strerror}"
        if Path(error.filename) == path:
            raise ProgramError(f"{path}: {words}") from error
        problems.append(Problem(_relative(Path(error.filename), root), 1, words))

    for folder, folders, names in os.walk(path, onerror=unread):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        found += [
            Path(folder) / name
            for name in sorted(names)
            # A hidden one is an editor's lock or what a Mac left.
            if name[0] != "." and PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES
        ]
        if len(found) > MAX_FILES:
            raise ProgramError(
                f"{path}: more than {MAX_FILES} source files; name the program's folder itself"
            )
    return found


def _common_folder(paths: list[Path]) -> Path:
    folders = [path if path.is_dir() else path.parent for path in paths]
    common = folders[0].absolute()
    for folder in folders[1:]:
        while common not in (folder.absolute(), *folder.absolute().parents):
            common = common.parent
    return folders[0] if len({*folders}) == 1 else common


def _named_elsewhere(rules: str, root: Path) -> list[Path]:
    """Sources outside the folder that its Makefile names: ``../other-cuda/main.cu``."""
    named = dict.fromkeys(_OUTSIDE.findall(rules))
    files = [root / name for name in named if PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES]
    return [file for file in files if file.is_file()]


def _of_other_programs(files: Mapping[str, bytes], makefile: str) -> list[str]:
    """Files with a ``main`` that a Makefile does not build, where it builds another one.

    A version for another language lies beside a program now and then, with functions of the same names.
    """
    paths = {name: PurePosixPath(name) for name, data in files.items() if has_main(data)}
    mains = {name: path for name, path in paths.items() if path.suffix not in _HEADERS}
    if len(mains) < 2 or _ANY_FILE.search(makefile):
        return []
    words = {PurePosixPath(word).name for word in _FILE.findall(written_out(makefile))}
    built = {name for name, path in mains.items() if words & {path.name, f"{path.stem}.o"}}
    return [name for name in mains if name not in built] if built else []


def _relative(file: Path, root: Path) -> str:
    return os.path.relpath(file, root).replace(os.sep, "/")


def _makefile(root: Path) -> str:
    for name in ("GNUmakefile", "makefile", "Makefile"):
        try:
            return (root / name).read_text("utf-8", "replace")
        except OSError:
            continue
    return ""


def needs_gpu(program: Program) -> bool:
    """Whether it cannot run without a GPU: it has CUDA or HIP kernels."""
    return any(b"__global__" in data for data in program.files.values())


def launches_kernels(program: Program) -> bool:
    """Whether it uses a GPU where there is one: OpenMP's target regions run on the host without."""
    return needs_gpu(program) or any(_TARGET.search(data) for data in program.files.values())
