"""Files that may be opened next: those with kernels that lie near to the open ones, and their hints."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Final, NamedTuple

from jouleline import wiring
from jouleline.app.program import SKIPPED_FOLDERS, SOURCE_SUFFIXES, read_source
from jouleline.config import Settings
from jouleline.core.source import Encoding, SourceText

from .hints import hints
from .kept_hints import KeptHints
from .session import Session
from .texts import to_bytes, to_uri

_log = logging.getLogger(__name__)

_MOST_FILES: Final = 200
_MOST_NAMES: Final = 20_000
"""A home folder on a shared disk is not searched because one file in it is open."""
_MOST_CPU_S: Final = 20.0
"""Of processor time; where it ends, the next session goes on."""
_KERNELS: Final = re.compile(rb"__global__|#\s*pragma\s+omp\b")


class _CannotKeepError(Exception):
    """There is no place for hints: whatever is worked out would be lost."""


class Outlook(NamedTuple):
    """Where files may be opened next - beside which folders, in which of the workspace - and for what."""

    beside: tuple[str, ...]
    workspace: tuple[str, ...]
    gpu: str
    arguments: str
    encoding: Encoding


def foresee(outlook: Outlook, most_cpu_s: float = _MOST_CPU_S) -> int:
    """Work out the hints of files nearby, and keep them where they are not kept yet; of how many it did."""
    return asyncio.run(_foresee(outlook, most_cpu_s))


async def _foresee(outlook: Outlook, most_cpu_s: float) -> int:
    began_s = time.process_time()
    session = Session(kept=KeptHints(wiring.file_cache("hints")))
    session.encoding = outlook.encoding
    session.folders = tuple(map(Path, outlook.workspace))
    session.settings = Settings(gpu=outlook.gpu, arguments=outlook.arguments)
    session.device = wiring.device(outlook.gpu)
    session.ready.set()
    done = 0
    for path, data in islice(with_kernels(outlook), _MOST_FILES):
        if time.process_time() - began_s > most_cpu_s:
            break
        before = list(session.documents)  # open until the next has what was parsed with it
        try:
            done += await _keep(session, to_uri(path), data)
        except _CannotKeepError:
            break
        except Exception:  # noqa: BLE001 - whatever is wrong with one file, the others are wanted
            _log.exception("%r: no hints", str(path))
        for uri in before:
            session.close(uri)
    return done


async def _keep(session: Session, uri: str, data: bytes) -> bool:
    """Keep the hints of a file; whether they were not kept before.

    Raises:
        _CannotKeepError: if they could not be written.
    """
    text = SourceText(to_bytes(data.decode("utf-8-sig", "replace")))  # as editors read it
    session.put(session.document(uri, "", 0, text))
    subject = session.subject(uri)
    assert subject is not None, "there is a device"
    news = session.kept.find(subject) is None
    if news:
        await session.look_around(uri)
        if (view := await session.view(uri)) is not None:
            found = await hints(view, 0, len(text.data))
            if not session.kept.keep(subject, found):
                raise _CannotKeepError
    return news


def with_kernels(outlook: Outlook) -> Iterator[tuple[Path, bytes]]:
    """The files of the workspace that seem to have kernels, with their texts, nearest first."""
    for path in islice(_names(outlook), _MOST_NAMES):
        if path.suffix.lower() in SOURCE_SUFFIXES:
            data = read_source(path, path.name, path.parent, [])
            if data is not None and _KERNELS.search(data):
                yield path, data


def _names(outlook: Outlook) -> Iterator[Path]:
    """What lies beside the open files, then around them, folder by folder up to the workspace's."""
    seen: set[Path] = set()
    ways = [_outwards(Path(folder), outlook.workspace) for folder in outlook.beside]
    for top in chain.from_iterable(zip_longest(*ways)):
        for name, folders, names in os.walk(top) if top is not None and top not in seen else ():
            folder = Path(name)
            seen.add(folder)
            inner = (one for one in sorted(folders) if one[0] != "." and one not in SKIPPED_FOLDERS)
            inside = any(map(folder.is_relative_to, outlook.workspace))
            folders[:] = [one for one in inner if folder / one not in seen] if inside else []
            yield from (folder / one for one in sorted(names))


def _outwards(folder: Path, workspace: tuple[str, ...]) -> list[Path]:
    """A folder and those around it, up to the workspace's; itself alone if it is in none."""
    around = [folder, *folder.parents]
    tops = [around.index(top) for top in map(Path, workspace) if top in around]
    return around[: max(tops, default=0) + 1]
