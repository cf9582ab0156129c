"""What was dear to get, kept in the user's cache folder: compiled evidence, answers of a model.

Values are JSON: what lies in a folder for long should be readable, and loading it must run no code.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jouleline.core.kept import cached_property

if TYPE_CHECKING:
    import diskcache

SIZE_LIMIT_BYTES: Final = 512 * 1024 * 1024
_COMPRESSION: Final = 6
_PRIVATE: Final = 0o700


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

    def put(self, key: str, value: object) -> None:
        """Keep a JSON value.

        Raises:
            TypeError: if the value is not JSON.
        """
        data = zlib.compress(json.dumps(value).encode(), _COMPRESSION)
        store = self._store
        if store is None:
            return
        try:
            store.set(key, data)
        except _failures():
            return

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
            self._folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            if self._folder.stat().st_uid != os.getuid():
                return None  # what others can write to is not to be believed
            self._folder.chmod(_PRIVATE)
            return diskcache.Cache(
                str(self._folder),
                disk=BytesOnly,
                size_limit=self._size_limit_bytes,
                eviction_policy="least-recently-used",
            )
        except _failures():
            return None


def _value(data: bytes) -> object:
    value: object = json.loads(zlib.decompress(data))
    return value


def _failures() -> tuple[type[Exception], type[Exception], type[Exception]]:
    """What a full, damaged, locked or read-only folder raises."""
    import diskcache

    return (OSError, sqlite3.Error, diskcache.Timeout)
