"""Between the protocol's strings and ours: texts and the names of files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path


def to_bytes(text: str) -> bytes:
    """A document's text as the bytes that the core reads.

    JSON can carry half a surrogate pair, which no UTF-8 file holds; it becomes a question mark,
    one code unit like itself.
    """
    return text.encode("utf-8", "replace")


def to_path(uri: str) -> Path | None:
    """The file behind a URI; None for what is no file, such as an untitled document."""
    path = to_fs_path(uri)
    return Path(path) if path else None


def to_uri(path: Path) -> str:
    """A file's URI."""
    try:
        return from_fs_path(str(path)) or path.as_uri()
    except UnicodeEncodeError:  # a name that is no UTF-8
        return path.as_uri()


def to_folders(uris: Iterable[str]) -> tuple[Path, ...]:
    """The folders of a workspace."""
    paths = (to_path(uri) for uri in uris if uri)
    return tuple(path for path in paths if path is not None)
