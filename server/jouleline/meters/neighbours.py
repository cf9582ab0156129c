"""Whether somebody else's processes are on a device, by the process ids that its driver tells."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# PROC_PID_INIT_INO of Linux's include/linux/proc_ns.h: the inode of the namespace that sees every process.
_HOST_NAMESPACE: Final = 0xEFFFFFFC


class Neighbours:
    """Tells our own processes from others, by Linux's ``proc`` folder.

    Within a container a driver tells process ids of the host, or none at all: nothing can be said there.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._sees_all = self._in_host_namespace()

    def count(self, pids: Iterable[int]) -> int | None:
        """How many of ``pids`` run and are neither this process nor of its making; None if unseen."""
        if not self._sees_all:
            return None
        return sum(not self._is_ours(pid) for pid in set(pids))

    def _in_host_namespace(self) -> bool:
        try:
            return (self._proc / "self/ns/pid").stat().st_ino == _HOST_NAMESPACE
        except OSError:
            return False

    def _is_ours(self, pid: int) -> bool:
        while pid > 1:
            if pid == os.getpid():
                return True
            try:
                stat = (self._proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                return True  # It has ended, so it is nobody's.
            # The name in parentheses may hold anything; state and parent follow it.
            pid = int(stat.rpartition(")")[2].split()[1])
        return False
