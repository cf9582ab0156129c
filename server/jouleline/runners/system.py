"""What a confined job sees of this machine: compilers and libraries, and nothing of the user's.

A list of what is shown, not of what is hidden: where people keep their files cannot be enumerated.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from jouleline.core.ports import RunnerError

_FOLDERS: Final = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt",
    "/nix/store", "/gnu/store", "/run/current-system", "/run/opengl-driver",
)  # fmt: skip
# The rest of /etc holds keys and passwords, which root could read.
_SETTINGS: Final = (
    "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload", "nsswitch.conf", "passwd",
    "group", "localtime", "timezone", "locale.alias", "locale.conf", "os-release", "debian_version",
    "redhat-release", "host.conf", "hosts", "protocols", "services", "magic", "terminfo", "OpenCL", "vulkan",
    "openmpi", "python3", "perl", "lsb-release", "static", "crypto-policies",
)  # fmt: skip
_PROCESSORS: Final = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_HIDDEN: Final = ("/home", "/root", "/tmp", "/var/tmp", "/run")  # noqa: S108 - hidden, not used
_SEARCHED: Final = (
    "PATH",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
)
_GPU_NODES: Final = ("nvidia*", "kfd", "dri", "dxg")


def system_paths(environment: Mapping[str, str], readable: Iterable[str], *, gpu: bool) -> list[Path]:
    """The files and folders that a job may read; those that are links are named as such.

    ``environment`` is the job's own: where it searches outside the user's home is shown as well.
    ``readable`` is what was named for it, wherever that lies. For ``gpu`` all of /sys is shown.
    """
    hidden = hidden_folders()
    etc = [f"/etc/{name}" for name in _SETTINGS]
    sys = ("/sys",) if gpu else _PROCESSORS
    shown = [Path(each) for each in (*_FOLDERS, *etc, *sys)]
    shown += [each for each in _searched(environment) if not any(map(each.is_relative_to, hidden))]
    found = [part for each in shown if each.exists() for part in _without(each, hidden)]
    found += [Path(each) for each in readable if Path(each).exists()]
    # A set, for there may be hundreds, and this is done for every job.
    known = set(found)
    return [each for each in dict.fromkeys(found) if known.isdisjoint(each.parents)]


def hidden_folders() -> list[Path]:
    """The folders in which only what was named for a job may be read, without links."""
    named = {Path(each).resolve() for each in (*_HIDDEN, Path.home(), tempfile.gettempdir())}
    return sorted(each for each in named if each.is_dir() and each != Path("/"))


def own_folder(directory: str) -> Path:
    """A job's folder without links.

    Raises:
        RunnerError: when it holds one that has to stay hidden.
    """
    folder = Path(directory).resolve()
    exposed = next((each for each in hidden_folders() if each.is_relative_to(folder)), None)
    if exposed is not None:
        raise RunnerError(
            f"cannot confine a job in {folder}, for it holds {exposed}; use a folder of its own"
        )
    return folder


def gpu_nodes() -> Sequence[str]:
    """The device nodes of GPUs."""
    return sorted(str(node) for pattern in _GPU_NODES for node in Path("/dev").glob(pattern))


def _searched(environment: Mapping[str, str]) -> Iterator[Path]:
    """Folders of search paths; for programs also what is installed with them, beside their folder."""
    for name in _SEARCHED:
        for entry in environment.get(name, "").split(os.pathsep):
            folder = Path(entry)
            if folder.is_absolute():
                yield folder.resolve()
                if folder.name == "bin" and len(folder.parts) > 2:
                    yield folder.resolve().parent


def _without(path: Path, hidden: Sequence[Path]) -> Iterator[Path]:
    """The path, or the parts of it that hold nothing hidden."""
    if path.is_symlink() or not any(each.is_relative_to(path) for each in hidden):
        yield path
    elif path not in hidden and path != Path("/"):
        for child in path.iterdir():
            yield from _without(child, hidden)
