"""One measurement at a time among a user's processes on a machine, by a lock on a file."""

from __future__ import annotations

import fcntl
import os
import platform
from pathlib import Path

from jouleline.core.meter import MeterError


class FileTurn:
    """The turn of whoever holds a lock on a file in ``folder``.

    The operating system lets go of the lock when the process ends, however it ends, so none goes
    stale. The file is named after the machine, for a cluster's nodes may share the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"measuring-{platform.node() or 'here'}.lock"
        self._file: int | None = None

    def take(self) -> bool:
        """Take it, unless somebody else has it; they may be of this very process.

        Raises:
            MeterError: when the file cannot be locked.
        """
        if self._file is not None:
            return False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise MeterError(self._cannot(error)) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except OSError as error:
            os.close(file)
            raise MeterError(self._cannot(error)) from error
        self._file = file
        return True

    def give_back(self) -> None:
        """Let others have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _cannot(self, error: OSError) -> str:
        return (
            f"{self._path}: cannot be locked, so nobody can tell whether another measurement is going on: "
            f"{error.strerror}; set XDG_STATE_HOME to a folder that you may write to"
        )
