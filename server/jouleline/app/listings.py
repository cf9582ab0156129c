"""The machine code of a program's kernels as text: compiled in a folder of its own, kept by content."""

from __future__ import annotations

import asyncio
import re
import shlex
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from jouleline.core.compile_commands import CompileCommand, compile_commands
from jouleline.core.content_key import content_key
from jouleline.core.ports import Cache, DeviceCompiler, Job, Limits, Runner, RunnerError

from .build import how_it_failed
from .program import Problem, Program

COMPILE_LIMITS: Final = Limits(wall_s=180.0)
_ASK_LIMITS: Final = Limits(wall_s=10.0)
_LISTING: Final = "jouleline.sass"
_MAX_LISTING_BYTES: Final = 64 * 1024 * 1024
_HEADERS: Final = frozenset((".h", ".hpp", ".hh", ".hxx", ".cuh", ".inl"))
_INCLUDE: Final = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">\n]+)[">]', re.MULTILINE)
_DEVICE_CODE: Final = re.compile(rb"__device__|declare\s+target")
_ERROR: Final = re.compile(r"^.*(?:\berror\b|\bfatal\b).*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a compiler made of one source. Files in ``text`` are named as in the program.

    ``log`` is what the compiler printed: registers, spills and shared memory of each kernel.
    """

    source: str
    text: str
    log: str


@dataclass(frozen=True)
class Lister:
    """Makes listings with one compiler. ``target`` is the instruction set, such as ``sm_86``."""

    compiler: DeviceCompiler
    runner: Runner
    cache: Cache
    target: str

    async def listings(
        self, program: Program, kernel_files: Collection[str]
    ) -> tuple[list[Listing], list[Problem]]:
        """The machine code of the sources that define or include ``kernel_files``, or what these may call.

        What does not compile becomes a problem; the other sources are not affected.
        """
        version = await asyncio.to_thread(self.compiler.find)
        found: list[Listing] = []
        problems: list[Problem] = []
        with tempfile.TemporaryDirectory(prefix="jouleline-compile-") as scratch:
            place = _Place(Path(scratch), program)
            for command in await self._commands(place, kernel_files):
                result = await self._listing(place, command, version.detail)
                if isinstance(result, Listing):
                    found.append(result)
                else:
                    problems.append(result)
        return found, problems

    async def _commands(self, place: _Place, kernel_files: Collection[str]) -> list[CompileCommand]:
        """How each source with kernels is compiled: as the Makefile says, else with no options."""
        program = place.program
        sources = [
            name
            for name in program.files
            if PurePosixPath(name).suffix.lower() not in _HEADERS
            and (
                _DEVICE_CODE.search(program.files[name])
                or any(file in kernel_files for file in closure(program, name))
            )
        ]
        asked = await self._asked(place) if program.makefile and sources else ""
        commands = compile_commands(asked, str(place.root), program.files.keys())
        wanted = [command for command in commands if command.source in sources]
        # A Makefile may choose between sources, so that those it does not name are not built.
        headers = (PurePosixPath(name) for name in program.files)
        folders = dict.fromkeys(str(name.parent) for name in headers if name.suffix.lower() in _HEADERS)
        options = tuple(f"-I{folder}" for folder in folders)
        return wanted or [CompileCommand(name, ".", options) for name in sources]

    async def _asked(self, place: _Place) -> str:
        """What make would do; it is asked in our folder, for a Makefile can run commands to find out."""
        program = place.program
        key = content_key("make", program.makefile, *sorted(program.files))
        known = await asyncio.to_thread(self.cache.get, key)
        if isinstance(known, str):
            return known
        await place.write()
        try:
            done = await self.runner.run(
                Job("make -n -B", str(place.root), {"LC_ALL": "C"}, limits=_ASK_LIMITS)
            )
        except RunnerError:
            return ""
        text = done.stdout.decode("utf-8", "replace").replace(str(place.root), ".")
        if done.succeeded:
            await asyncio.to_thread(self.cache.put, key, text)
        return text

    async def _listing(self, place: _Place, command: CompileCommand, version: str) -> Listing | Problem:
        program = place.program
        options = self.compiler.options(command.options, command.folder)
        job = self.compiler.listing_command(command.source, options, self.target, _LISTING)
        texts = [part for name in closure(program, command.source) for part in (name, program.files[name])]
        key = content_key("listing", version, job, *texts)
        known = await asyncio.to_thread(self.cache.get, key)
        if isinstance(known, list) and len(known) == 2 and all(isinstance(each, str) for each in known):
            return Listing(command.source, *known)
        await place.write()
        try:
            done = await self.runner.run(
                Job(f"cd {shlex.quote(str(place.root))} && {job}", str(place.top), limits=COMPILE_LIMITS)
            )
        except RunnerError as error:
            return Problem(command.source, 1, f"was not compiled: {error}")
        log = (done.stdout + done.stderr).decode("utf-8", "replace").replace(f"{place.root}/", "")
        if not done.succeeded:
            reason = _ERROR.search(log)
            said = f": {reason[0].strip()[:300]}" if reason else ""
            return Problem(
                command.source, 1, f"does not compile with {self.compiler.name} ({how_it_failed(done)}){said}"
            )
        text = await asyncio.to_thread(place.listing)
        if text is None:
            return Problem(
                command.source, 1, f"compiles to too much code to be read (> {_MAX_LISTING_BYTES} B)"
            )
        await asyncio.to_thread(self.cache.put, key, [text, log])
        return Listing(command.source, text, log)


class _Place:
    """The program's sources, written where a compiler may work; nothing is written until needed."""

    def __init__(self, top: Path, program: Program) -> None:
        self.top = top
        self.program = program
        outer = max((PurePosixPath(name).parts.count("..") for name in program.files), default=0)
        own = program.root.absolute()
        # Names as they are: a header may be reached through the program's own folder, "../x-omp/x.h".
        above = [parent.name or "top" for parent in list(own.parents)[:outer]]
        self.root = top.joinpath(*reversed(above), own.name or "program")
        self._written = False

    async def write(self) -> None:
        """Write the sources and the Makefile, once.

        When cancelled, it ends first: files must not appear in a folder that is being removed.
        """
        if self._written:
            return
        self._written = True
        writing = asyncio.create_task(asyncio.to_thread(self._write))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    def _write(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for name, data in self.program.files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if self.program.makefile:
            (self.root / "Makefile").write_text(self.program.makefile, "utf-8")

    def listing(self) -> str | None:
        """The listing that was written, files named as in the program; None if it is too long."""
        file = self.root / _LISTING
        if file.stat().st_size > _MAX_LISTING_BYTES:
            return None
        return file.read_text("utf-8", "replace").replace(f"{self.root}/", "")


def closure(program: Program, source: str) -> Sequence[str]:
    """A source and the program's files that it includes, directly or not, by what the names end in."""
    by_name: dict[str, list[str]] = {}
    for name in program.files:
        by_name.setdefault(PurePosixPath(name).name, []).append(name)
    found = {source: None}
    waiting = [source]
    while waiting:
        for included in _INCLUDE.findall(program.files[waiting.pop()]):
            text = included.decode("utf-8", "replace")
            for name in by_name.get(PurePosixPath(text).name, ()):
                if name not in found:
                    found[name] = None
                    waiting.append(name)
    return list(found)
