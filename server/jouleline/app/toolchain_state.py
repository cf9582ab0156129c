"""What a build depends on beside its folder, as far as that can be known without building.

The tools that its command and its build files name, with those that compilers call, are told apart by
path, size and time of change; what a package manager installs, system headers and libraries included, by
the state of its database. What lies elsewhere and was put there by hand is not noticed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jouleline.core.content_key import content_key

_ALWAYS: Final = (
    "sh", "make", "cmake", "ninja", "cc", "c++", "gcc", "g++", "clang", "clang++", "nvcc", "hipcc", "as",
    "ld", "ld.gold", "ld.lld", "ar", "ptxas",
)  # fmt: skip
_PACKAGES: Final = (
    "/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/lib/apk/db/installed", "/var/lib/pacman/local",
)  # fmt: skip
_BY_HAND: Final = (
    "/usr/local/include",
    "/usr/local/lib",
    "/usr/local/bin",
    "/etc/alternatives",
    "/etc/ld.so.cache",
)
_BUILD_FILES: Final = ("[Mm]akefile*", "GNUmakefile", "*.mk", "*.mak", "CMakeLists.txt", "*.cmake", "*.sh")
_WORD: Final = re.compile(r"[\w./+-]*\w[\w.+-]*")
_MOST_BYTES: Final = 1_000_000


def toolchain_state(folder: Path, command: str, environment: Mapping[str, str]) -> str:
    """A key for the tools, libraries and the processor that a build in ``folder`` meets here and now."""
    texts = [command]
    files = [path for pattern in _BUILD_FILES for path in folder.glob(pattern) if path.is_file()]
    texts += [path.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace") for path in files]
    words = {word for text in texts for word in _WORD.findall(text)}
    tools = sorted({found for word in (*_ALWAYS, *words) if (found := _tool(word, environment)) is not None})
    return content_key(
        "toolchain/1",
        platform.node(),
        platform.machine(),
        platform.release(),
        _processor(),
        *(_state(path) for path in (*tools, *_PACKAGES, *_BY_HAND)),
    )


def _tool(word: str, environment: Mapping[str, str]) -> str | None:
    if word.startswith("/"):
        return word if os.access(word, os.X_OK) and Path(word).is_file() else None
    return None if "/" in word else shutil.which(word, path=environment.get("PATH", os.defpath))


def _state(path: str) -> str:
    try:
        real = os.path.realpath(path)
        state = Path(real).stat()
    except OSError:
        return f"{path}: missing"
    return f"{path}: {real} {state.st_size} {state.st_mtime_ns} {state.st_ino}"


def _processor() -> str:
    """What a compiler sees of the processor, for which it may make code (``-march=native``)."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in text.splitlines() if line.startswith(wanted)}))
