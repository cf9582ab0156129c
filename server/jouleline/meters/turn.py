"""One measurement at a time among a user's processes on a machine, by a lock on a file."""

from __future__ import annotations

import fcntl
import os
import platform
import re
from pathlib import Path

from jouleline.core.meter import MeterError


class FileLock:
    """A lock on a file of ``folder``, which is made if there is none.

    The operating system lets go of it when the process ends, however it ends, so none goes stale.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.lock"
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours, alone or shared."""
        return self._file is not None

    def take(self, *, shared: bool = False) -> bool:
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
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
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


class FileTurn(FileLock):
    """The turn to measure of this user on this machine; a cluster's nodes may share the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _name())


class SharedNodeTurn:
    """The turn of a worker beside others, who do not work while it measures.

    It is for a node, or for the ``gpus`` of one where the meter counts only these. Who waits to measure
    stands in the way of new work: it would never find a moment without any.
    """

    def __init__(self, folder: Path, gpus: str = "") -> None:
        name = _name() + (f"-gpu-{re.sub(r'[^A-Za-z0-9-]', '-', gpus)}" if gpus else "")
        self._lock = FileLock(folder, name)
        self._next = FileLock(folder, f"{name}-next")

    @property
    def held(self) -> bool:
        """Whether it is ours now."""
        return self._lock.held

    def take(self) -> bool:
        """Take it, unless somebody else has it.

        Raises:
            MeterError: when nobody can tell.
        """
        return (self._next.held or self._next.take()) and self._lock.take()

    def share(self) -> bool:
        """Work beside others, unless somebody holds it or waits for it.

        Raises:
            MeterError: when nobody can tell.
        """
        if not self._next.take():
            return False
        try:
            return self._lock.take(shared=True)
        finally:
            self._next.give_back()

    def give_back(self) -> None:
        """Let others have it."""
        self._lock.give_back()
        self._next.give_back()


def _name() -> str:
    return f"measuring-{platform.node() or 'here'}"
