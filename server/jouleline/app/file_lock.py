"""Files that one process at a time has for itself; with the process, however it ends, the kernel lets go."""

from __future__ import annotations

import fcntl
import os
from io import FileIO
from pathlib import Path
from typing import Final

_PRIVATE: Final = 0o600


def held(path: Path) -> FileIO | None:
    """The file, made if there is none, and nobody else's until it is closed; None if it is taken.

    Raises:
        OSError: if it cannot be opened.
    """
    file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT, _PRIVATE), "wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def is_held(path: Path) -> bool:
    """Whether a process that lives has the file for itself."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
