"""A runner that does not build twice what it has built.

What a build follows from: the files in its folder, its command, its environment, the sandbox, the machine
and the tools that it names, by path, size and time (:mod:`.toolchain_state`). What cannot be put into
another folder is not kept: a program that holds its folder's path may look for something there.
"""

from __future__ import annotations

import asyncio
import base64
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import cattrs

from jouleline import __version__
from jouleline.core.content_key import content_key
from jouleline.core.ports import Cache, Completed, Job
from jouleline.core.wrapped_runner import WrappedRunner

from .toolchain_state import toolchain_state

_FORMAT: Final = "build/1"
MAX_KEPT_BYTES: Final = 32 * 1024 * 1024
"""The products of one build that are kept at most: what is larger is built again."""
_MODE: Final = 0o777


@dataclass(frozen=True, slots=True)
class _Product:
    """A file that a build made or changed; ``data`` is in base 64."""

    mode: int
    data: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a build that succeeded; what it said is in base 64."""

    stdout: str
    stderr: str
    products: dict[str, _Product] = field(default_factory=dict)


@dataclass
class CachedBuilds(WrappedRunner):
    """Runs jobs by ``runner``; a build that ``cache`` holds is put into its folder instead.

    ``environment`` is what jobs get from the runner: PATH and the like. ``reused`` counts builds that were
    not made again; they took no time and no energy.
    """

    cache: Cache
    environment: Mapping[str, str]
    reused: int = 0

    async def run(self, job: Job) -> Completed:
        """Run a job, or restore what it would build."""
        if not job.builds:
            return await self.runner.run(job)
        before = await asyncio.to_thread(_files, Path(job.directory))
        if before is None:
            return await self.runner.run(job)
        key = await asyncio.to_thread(self._key, job, before)
        began = time.monotonic()
        kept = await asyncio.to_thread(lambda: _read(self.cache.get(key)))
        if kept is not None and await asyncio.to_thread(_restored, kept, Path(job.directory)):
            self.reused += 1
            out, error = (base64.b64decode(said) for said in (kept.stdout, kept.stderr))
            return Completed(0, out, error, wall_s=time.monotonic() - began, cpu_s=0.0)
        done = await self.runner.run(job)
        if done.succeeded:
            await asyncio.to_thread(self._keep, key, job, before, done)
        return done

    def _key(self, job: Job, before: Mapping[str, _State]) -> str:
        return content_key(
            _FORMAT,
            __version__,
            self.runner.name,
            *self.runner.guarantees,
            job.command,
            repr(sorted({**self.environment, **job.environment}.items())),
            repr((job.gpu, job.limits)),
            toolchain_state(Path(job.directory), job.command, self.environment),
            *(
                part
                for name, state in sorted(before.items())
                for part in (name, f"{state.mode:o}", state.key)
            ),
        )

    def _keep(self, key: str, job: Job, before: Mapping[str, _State], done: Completed) -> None:
        folder = Path(job.directory)
        after = _files(folder)
        if after is None or before.keys() - after.keys():
            return  # links and the like, or files that it took away
        made = [name for name, state in after.items() if before.get(name) != state]
        if sum((folder / name).stat().st_size for name in made) > MAX_KEPT_BYTES:
            return
        data = {name: (folder / name).read_bytes() for name in made}
        places = {job.directory.encode(), str(folder.resolve()).encode()}
        if any(place in text for place in places for text in (*data.values(), done.stdout, done.stderr)):
            return
        products = {name: _Product(after[name].mode, _text(content)) for name, content in data.items()}
        kept = _Kept(_text(done.stdout), _text(done.stderr), products)
        self.cache.put(key, cattrs.unstructure(kept))


@dataclass(frozen=True, slots=True)
class _State:
    """What a file is: its permissions, and a key for its content."""

    mode: int
    key: str


def _files(folder: Path) -> dict[str, _State] | None:
    """The files below a folder; None if it holds what is neither file nor folder."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        if stat.S_ISDIR(state.st_mode):
            continue
        if not stat.S_ISREG(state.st_mode):
            return None
        name = path.relative_to(folder).as_posix()
        found[name] = _State(state.st_mode & _MODE, content_key(path.read_bytes()))
    return found


def _restored(kept: _Kept, folder: Path) -> bool:
    """Put the products into a folder; whether that could be done."""
    try:
        for name, product in kept.products.items():
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts:
                return False
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(base64.b64decode(product.data))
            path.chmod(product.mode)
    except (OSError, ValueError):
        return False
    return True


def _read(value: object) -> _Kept | None:
    try:
        return None if value is None else cattrs.structure(value, _Kept)
    except (ValueError, TypeError, cattrs.BaseValidationError):
        return None  # of another version


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
