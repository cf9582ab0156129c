"""A folder that is kept alike on two machines, each of which changes it in its turn.

Both sides run this code. What is sent is what changed since both were last alike; a file whose content
lies anywhere on the other side already is named by its digest and not sent again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

_CHUNK_BYTES = 1024 * 1024
_ASIDE = ".jouleline-aside"

Signature = tuple[int, ...]
"""What changes whenever a file does: size, times of change, number, mode."""


class MirrorError(ValueError):
    """The other side asks for what a mirror never does, such as to write outside of its folder."""


@dataclass(frozen=True)
class Entry:
    """A file, folder or link below the root: ``kind`` is f, d or l; ``text`` a digest or a link's target."""

    name: str
    kind: str
    mode: int = 0
    mtime_ns: int = 0
    size: int = 0
    text: str = ""


@dataclass(frozen=True)
class Changes:
    """What is new or different, folders before what they hold, and the names of what is gone."""

    entries: Sequence[Entry] = ()
    gone: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.entries or self.gone)

    @property
    def files(self) -> list[Entry]:
        """The files among the entries."""
        return [entry for entry in self.entries if entry.kind == "f"]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        rows = [[one.name, one.kind, one.mode, one.mtime_ns, one.size, one.text] for one in self.entries]
        return {"entries": rows, "gone": list(self.gone)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Changes:
        """From JSON.

        Raises:
            MirrorError: if it is of another shape, or names what lies outside.
        """
        try:
            entries = tuple(
                Entry(_inside(name), str(kind), int(mode), int(mtime_ns), int(size), str(text))
                for name, kind, mode, mtime_ns, size, text in plain["entries"]
            )
            gone = tuple(_inside(name) for name in plain["gone"])
        except (KeyError, TypeError, ValueError) as error:
            raise MirrorError(f"no list of changes: {error}") from error
        return cls(entries, gone)


@dataclass
class Contents:
    """Where on this machine a file with some content lies, by its digest; used by several threads at once."""

    _places: dict[str, dict[Path, Signature]] = field(default_factory=dict)

    def put(self, digest: str, path: Path) -> None:
        """A file has this content now."""
        self._places.setdefault(digest, {})[path] = _signature(path.lstat())

    def find(self, digest: str) -> Path | None:
        """A file that still has this content."""
        places = self._places.get(digest, {})
        for path, signature in list(places.items()):
            try:
                if _signature(path.lstat()) == signature:
                    return path
            except OSError:
                pass
            places.pop(path, None)
        return None

    def forget(self, digest: str, path: Path) -> None:
        """A file has this content no more."""
        self._places.get(digest, {}).pop(path, None)


class Mirror:
    """One side of a folder: ``root`` here, and what both sides were last known to hold."""

    def __init__(self, root: Path, contents: Contents) -> None:
        """The folder on the other side is empty."""
        self.root = root
        self._contents = contents
        self._known: dict[str, tuple[Entry, Signature]] = {}

    def changes(self) -> Changes:
        """What changed here since both sides were alike; from now on they count as alike again.

        Raises:
            OSError: if a file cannot be read.
        """
        found = dict(_scan(self.root))
        gone = [name for name in self._known if name not in found]
        entries = []
        for name, state in found.items():
            signature = _signature(state)
            known = self._known.get(name)
            if known is not None and known[1] == signature:
                continue
            entry = self._entry(name, state)
            if entry is not None:
                if known is None or entry.kind != "d" or known[0] != entry:
                    entries.append(entry)
                self._known[name] = entry, signature
        for name in gone:
            del self._known[name]
        return Changes(tuple(entries), tuple(gone))

    def digests(self) -> dict[str, str]:
        """The digests of the files that both sides were last known to hold, by name."""
        return {name: entry.text for name, (entry, _) in self._known.items() if entry.kind == "f"}

    def has(self, entry: Entry) -> bool:
        """Whether a file with an entry's content was known to lie here, and still does."""
        return self._contents.find(entry.text) is not None

    def apply(self, changes: Changes) -> list[str]:
        """Take over the other side's changes; the digests that are needed for it and not here.

        Nothing is changed while any is lacking.

        Raises:
            OSError: if something cannot be written.
            MirrorError: if it would be written elsewhere.
        """
        lacking = [entry.text for entry in changes.files if not self.has(entry)]
        if lacking:
            return lacking
        aside = self.root / _ASIDE
        aside.mkdir()
        try:
            # What is removed or overwritten may be the content of another, so all are set aside first.
            drafts = {
                entry: self._draft(entry, aside / str(place)) for place, entry in enumerate(changes.files)
            }
            lacking = [entry.text for entry, draft in drafts.items() if draft is None]
            if not lacking:
                self._put(changes, drafts)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return lacking

    def _put(self, changes: Changes, drafts: Mapping[Entry, Path | None]) -> None:
        for name in changes.gone:
            self._remove(name)
        for entry in changes.entries:
            if entry.kind == "d":
                path = self._place(entry)
                if path.is_symlink() or path.is_file():
                    path.unlink()
                path.mkdir(exist_ok=True)
            elif entry.kind == "l":
                self._link(entry)
        for entry, draft in drafts.items():
            path = self._place(entry)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            assert draft is not None, "nothing is lacking"
            draft.replace(path)
            self._contents.put(entry.text, path)
        for entry in changes.entries:
            if entry.kind == "d":
                self._place(entry).chmod(entry.mode & 0o777)
            self._known[entry.name] = entry, _signature((self.root / entry.name).lstat())

    def _entry(self, name: str, state: os.stat_result) -> Entry | None:
        path = self.root / name
        mode = stat.S_IMODE(state.st_mode)
        if stat.S_ISDIR(state.st_mode):
            return Entry(name, "d", mode)
        if stat.S_ISLNK(state.st_mode):
            target = str(path.readlink())
            return Entry(name, "l", text=target) if _stays_inside(name, target) else None
        if not stat.S_ISREG(state.st_mode):
            return None  # a pipe or a socket is of no use on another machine
        digest = digest_of(path)
        self._contents.put(digest, path)
        return Entry(name, "f", mode, state.st_mtime_ns, state.st_size, digest)

    def _place(self, entry: Entry) -> Path:
        path = self.root / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_within(path.parent.resolve(), self.root.resolve()):
            raise MirrorError(f"{entry.name} leads out of its folder by a link")
        return path

    def _draft(self, entry: Entry, draft: Path) -> Path | None:
        """A copy of an entry's content; None if nobody has it any more."""
        while (source := self._contents.find(entry.text)) is not None:
            shutil.copyfile(source, draft)
            if digest_of(draft) == entry.text:
                draft.chmod(entry.mode & 0o777)
                os.utime(draft, ns=(entry.mtime_ns, entry.mtime_ns))
                return draft
            self._contents.forget(entry.text, source)  # it was written to meanwhile
        return None

    def _link(self, entry: Entry) -> None:
        if not _stays_inside(entry.name, entry.text):
            raise MirrorError(f"{entry.name} is a link that leads out of its folder")
        path = self._place(entry)
        self._remove(entry.name)
        path.symlink_to(entry.text)

    def _remove(self, name: str) -> None:
        path = self.root / name
        if not _is_within(path.parent.resolve(), self.root.resolve()):
            raise MirrorError(f"{name} leads out of its folder by a link")
        self._known.pop(name, None)
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def digest_of(path: Path) -> str:
    """The digest that names a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _scan(root: Path) -> Iterable[tuple[str, os.stat_result]]:
    """Everything below, folders before what they hold; what vanishes meanwhile is left out."""
    front = [root]
    while front:
        folder = front.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError:
            continue  # removed meanwhile, or closed to us
        for one in entries:
            try:
                state = one.stat(follow_symlinks=False)
            except OSError:
                continue
            path = Path(one.path)
            yield path.relative_to(root).as_posix(), state
            if stat.S_ISDIR(state.st_mode):
                front.append(path)


def _signature(state: os.stat_result) -> Signature:
    if stat.S_ISDIR(state.st_mode):
        return (state.st_mode,)  # its times change with what it holds
    return (state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


def _inside(name: object) -> str:
    path = PurePosixPath(str(name))
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in str(name):
        raise MirrorError(f"{name!r} lies outside of the folder")
    return str(path)


def _stays_inside(name: str, target: str) -> bool:
    depth = len(PurePosixPath(name).parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if part == "/" or depth < 0:
            return False
    return True


def _is_within(path: Path, root: Path) -> bool:
    return path == root or root in path.parents
