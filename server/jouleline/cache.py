"""What was dear to get, kept in the user's cache folder: compiled evidence, answers of a model, hints.

Values are JSON: what lies in a folder for long should be readable, and loading it must run no code.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jouleline.core.kept import cached_property

if TYPE_CHECKING:
    import diskcache

SIZE_LIMIT_BYTES: Final = 512 * 1024 * 1024
_COMPRESSION: Final = 6
_PRIVATE: Final = 0o700
_MOST_FILES: Final = 512
_MOST_BYTES: Final = 1024 * 1024


class DiskCache:
    """A folder of JSON values by key; those not used for longest go first when it is full.

    The folder is made with mode 0700 when something is first looked up, and is shared by processes.
    """

    def __init__(self, folder: Path, size_limit_bytes: int = SIZE_LIMIT_BYTES) -> None:
        """Nothing is opened here, so that making one costs nothing."""
        self._folder = folder
        self._size_limit_bytes = size_limit_bytes

    def get(self, key: str) -> object | None:
        """The value under ``key``; None if there is none, or if it cannot be read."""
        store = self._store
        if store is None:
            return None
        try:
            data = store.get(key)
            return None if data is None else _value(data)
        except (*_failures(), ValueError, TypeError, zlib.error):
            return None

    def put(self, key: str, value: object) -> bool:
        """Keep a JSON value; False if it cannot be written.

        Raises:
            TypeError: if the value is not JSON.
        """
        data = zlib.compress(json.dumps(value).encode(), _COMPRESSION)
        store = self._store
        if store is None:
            return False
        try:
            return bool(store.set(key, data))
        except _failures():
            return False

    @cached_property
    def _store(self) -> diskcache.Cache | None:
        import diskcache

        class BytesOnly(diskcache.Disk):  # type: ignore[misc]
            """Reads no pickles, whoever put them into the folder."""

            def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> object:  # noqa: FBT001 - diskcache calls it so
                if mode == diskcache.core.MODE_PICKLE:
                    raise ValueError("a pickle is no value of ours")
                return super().fetch(mode, filename, value, read)

        try:
            if not _made_private(self._folder):
                return None
            return diskcache.Cache(
                str(self._folder),
                disk=BytesOnly,
                size_limit=self._size_limit_bytes,
                eviction_policy="least-recently-used",
            )
        except _failures():
            return None


class FileCache:
    """The same in a file for each value, for what is wanted before there is time to import a library.

    A few hundred values at most, none of more than a MiB: those not used for longest go first.
    """

    def __init__(self, folder: Path, most: int = _MOST_FILES) -> None:
        """Nothing is made or read here."""
        self._folder = folder
        self._most = most

    def get(self, key: str) -> object | None:
        """The value under ``key``; None if there is none, or if it cannot be read."""
        file = self._file(key)
        try:
            if not _is_private(self._folder):
                return None
            value: object = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        with suppress(OSError):
            os.utime(file)
        return value

    def put(self, key: str, value: object) -> bool:
        """Keep a JSON value, unless it is very long; False if it cannot be written.

        Raises:
            TypeError: if the value is not JSON.
        """
        data, file = json.dumps(value).encode(), self._file(key)
        if len(data) > _MOST_BYTES:
            return True
        half = file.with_suffix(f".{os.getpid()}")
        try:
            if not _made_private(self._folder):
                return False
            half.write_bytes(data)
            half.replace(file)
            self._make_room()
        except OSError:
            return False
        return True

    def _file(self, key: str) -> Path:
        return self._folder / f"{blake2b(key.encode(), digest_size=16).hexdigest()}.json"

    def _make_room(self) -> None:
        """Other processes may do so at the same time: a file that has gone was to go."""
        files = list(self._folder.iterdir())
        if len(files) > self._most:
            for file in sorted(files, key=_used)[: -self._most]:
                file.unlink(missing_ok=True)


def _used(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0


def _made_private(folder: Path) -> bool:
    """Make a folder that is the user's alone; whether it is."""
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        return False
    folder.chmod(_PRIVATE)
    return True


def _is_private(folder: Path) -> bool:
    """What others can write to is not to be believed."""
    found = folder.stat()
    return found.st_uid == os.getuid() and found.st_mode & 0o777 == _PRIVATE


def _value(data: bytes) -> object:
    value: object = json.loads(zlib.decompress(data))
    return value


def _failures() -> tuple[type[Exception], type[Exception], type[Exception]]:
    """What a full, damaged, locked or read-only folder raises."""
    import sqlite3

    import diskcache

    return (OSError, sqlite3.Error, diskcache.Timeout)
