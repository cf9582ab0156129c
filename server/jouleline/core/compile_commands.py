"""Read from what ``make -n`` prints how each source of a program is compiled. Pure text work."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_COMPILER: Final = re.compile(
    r"(?:mpi|n|hip|i|u)?(?:nvcc|hipcc|clang|clang\+\+|gcc|g\+\+|c\+\+|cc|CC|icpx|icpc|icx|icc|nvc\+\+|nvc|amdclang\+\+|xlC|mpic\+\+|mpicxx)(?:-\d+)?"
)
_ENTERING: Final = re.compile(r"make(?:\[\d+\])?: (Entering|Leaving) directory '(.*)'")
_JOINED: Final = re.compile(r"&&|\|\||;")


@dataclass(frozen=True, slots=True)
class CompileCommand:
    """One source with the options that its Makefile gives. ``folder`` is where the command runs.

    ``source`` and ``folder`` are relative to the program's folder, ``options`` as they were written.
    """

    source: str
    folder: str
    options: tuple[str, ...]


def compile_commands(dry_run: str, root: str, sources: Collection[str]) -> list[CompileCommand]:
    """The commands that compile one of ``sources``, the first for each.

    ``root`` is the folder in which make was asked; names in ``sources`` are relative to it.
    """
    found: dict[str, CompileCommand] = {}
    for folder, words in _commands(dry_run, root):
        if not _COMPILER.fullmatch(posixpath.basename(words[0])):
            continue
        for word in words[1:]:
            name = posixpath.normpath(posixpath.join(folder, word))
            if name in sources and name not in found:
                options = tuple(other for other in words[1:] if other != word)
                found[name] = CompileCommand(name, folder, options)
    return list(found.values())


def _commands(dry_run: str, root: str) -> Iterator[tuple[str, list[str]]]:
    """The simple commands with the folder they run in, relative to ``root``."""
    folders = ["."]
    for line in re.sub(r"\\\r?\n", " ", dry_run).splitlines():
        if entered := _ENTERING.match(line):
            if entered[1] == "Entering":
                folders.append(posixpath.relpath(entered[2], root))
            elif len(folders) > 1:
                folders.pop()
            continue
        folder = folders[-1]
        for part in _JOINED.split(line):
            words = _words(part)
            if len(words) > 1 and words[0] == "cd":
                folder = posixpath.normpath(posixpath.join(folder, words[1]))
            elif words:
                yield folder, words


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def chosen_options(options: Sequence[str], wanted: re.Pattern[str], folder: str = ".") -> tuple[str, ...]:
    """The options that ``wanted`` matches, in one word each, with ``-I`` folders seen from the root.

    ``-I folder`` and ``-D NAME`` are joined, so that a pattern need only know the joined spelling.
    """
    chosen: list[str] = []
    pending = ""
    for word in options:
        joined = pending + word
        pending = ""
        if joined in ("-I", "-D", "-U", "-isystem"):
            pending = "-I" if joined == "-isystem" else joined
            continue
        if joined.startswith("-I") and not posixpath.isabs(joined[2:]):
            joined = "-I" + posixpath.normpath(posixpath.join(folder, joined[2:]))
        if wanted.fullmatch(joined):
            chosen.append(joined)
    return tuple(chosen)
