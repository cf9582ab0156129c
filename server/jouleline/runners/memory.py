"""How much memory we may use: the machine's, or less where a scheduler or a container allots less.

https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max),
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html (memory.limit_in_bytes).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def allotted_bytes(groups: Path = Path("/proc/self/cgroup"), tree: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that our processes together may have resident before the kernel ends some of them."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_of_groups(groups, tree)])


def _of_groups(groups: Path, tree: Path) -> Iterator[int]:
    """The limits of our control groups and of those that they are part of, where there are any."""
    with suppress(OSError):
        for line in groups.read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            top, name = (tree / "memory", "memory.limit_in_bytes") if controllers else (tree, "memory.max")
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):  # there is none, or it is `max`
                    yield int((folder / name).read_text(encoding="ascii"))
                if folder == top:
                    break
