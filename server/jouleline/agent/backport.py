"""What Python 3.9 and 3.10 lack and the modules of the agent use, put in its place before these are imported.

Only what they use, and only in the agent's own process. On Python 3.11 and newer nothing is done.
"""

from __future__ import annotations

import bisect
import builtins
import dataclasses
import enum
import itertools
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def install(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Fill the gaps of a Python of that ``version``."""
    if version < (3, 11):
        enum.StrEnum = _StrEnum  # type: ignore[misc,assignment] # what 3.11 has there
    if version < (3, 10):
        itertools.pairwise = _pairwise  # type: ignore[assignment,misc] # what 3.10 has there
        dataclasses.dataclass = _dataclass  # as in 3.10, without its slots
        builtins.zip = _zip  # type: ignore[assignment,misc] # as in 3.10
        bisect.bisect_left = _bisect_left  # type: ignore[assignment] # as in 3.10
        tempfile.TemporaryDirectory = _TemporaryDirectory  # type: ignore[misc,assignment] # as in 3.10


class _StrEnum(str, enum.Enum):  # noqa: UP042 - it is what this is
    def __str__(self) -> str:
        return str(self.value)


def _pairwise(items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    first, second = itertools.tee(items)
    next(second, None)
    return _plain_zip(first, second)


_plain_dataclass = dataclasses.dataclass
_plain_zip = zip
_plain_bisect_left = bisect.bisect_left


def _dataclass(cls: Any = None, **options: Any) -> Any:
    options.pop("slots", None)
    return _plain_dataclass(cls, **options)


class _TemporaryDirectory:
    def __init__(self, *, prefix: str | None = None, ignore_cleanup_errors: bool = False) -> None:
        self.name = tempfile.mkdtemp(prefix=prefix)
        self._ignores = ignore_cleanup_errors

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        shutil.rmtree(self.name, ignore_errors=self._ignores)


def _zip(*columns: Iterable[Any], strict: bool = False) -> Iterator[tuple[Any, ...]]:
    if not strict:
        return _plain_zip(*columns)
    rows = [list(column) for column in columns]
    if len({len(row) for row in rows}) > 1:
        raise ValueError("zip() arguments differ in length")
    return _plain_zip(*rows)


def _bisect_left(items: Any, value: Any, *, key: Callable[[Any], Any] | None = None) -> int:
    return _plain_bisect_left(items if key is None else [key(item) for item in items], value)
