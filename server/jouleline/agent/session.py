"""The folder of one connection, gone with it; and what became of those whose agent was killed."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jouleline.core.ports import RunnerError

_LOCK = ".lock"
_PATIENCE_S = 15.0
_LOOK_S = 0.02


@contextmanager
def session(folder: Path, name: str, predecessor: str = "") -> Iterator[Path]:
    """A private folder below ``folder`` for as long as this process lives.

    An agent that still serves the ``predecessor``, the same user's connection that was lost, is ended first.

    Raises:
        RunnerError: when that cannot be ended.
        OSError: when the folder cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if predecessor:
        _end(folder / (_plain(predecessor) + _LOCK))
    _sweep(folder)
    lock = folder / (_plain(name) + _LOCK)
    place = folder / _plain(name)
    with lock.open("w", encoding="ascii") as file:
        # The operating system lets go of it however the agent ends: that is how others tell.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        json.dump({"pid": os.getpid(), "node": platform.node()}, file)
        file.flush()
        place.mkdir(mode=0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _plain(name: str) -> str:
    if not name.isalnum():
        raise RunnerError(f"{name!r} is no name of a session")
    return name


def _end(lock: Path) -> None:
    """End the agent that holds a lock: what it runs would disturb what is measured next."""
    began = time.monotonic()
    number = signal.SIGTERM
    while _is_held(lock):
        waited = time.monotonic() - began
        try:
            owner = json.loads(lock.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return
        if owner["node"] != platform.node() or waited > 2 * _PATIENCE_S:
            raise RunnerError(
                f"the agent of the lost connection still runs on {owner['node']}, as process {owner['pid']}; "
                "it ends by itself within a minute, so try again then"
            )
        if waited > _PATIENCE_S:
            number = signal.SIGKILL
        with suppress(ProcessLookupError):
            os.kill(owner["pid"], number)
        time.sleep(_LOOK_S)


def _sweep(folder: Path) -> None:
    """Remove what agents left that were killed."""
    for lock in folder.glob("*" + _LOCK):
        if not _is_held(lock):
            shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
            with suppress(OSError):
                lock.unlink()


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
