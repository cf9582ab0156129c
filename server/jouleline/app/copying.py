"""Copy a program's folder so that nothing done in the copy can reach the original."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from .hidden import leads_to_hidden

MAX_COPY_BYTES: Final = 512 * 1024 * 1024
_LEFT_OUT: Final = frozenset((".git", ".svn", ".hg", "node_modules", ".venv", "__pycache__"))
_ELF: Final = b"\x7fELF"


class CopyError(RuntimeError):
    """A folder that cannot be copied; the message says why and what to do."""


def copy_program(folder: Path, target: Path) -> None:
    """Copy ``folder`` to ``target``, which does not exist yet.

    Links are replaced by what they point to: a link that was kept would lead whoever writes to the
    copy back into the original. What an earlier build left (objects, executables) is left behind:
    a Makefile that does not know of a header would otherwise run the old program as the new one.

    Raises:
        CopyError: if the folder holds more than MAX_COPY_BYTES, or a link to a hidden file of the user's.
        OSError: if a file cannot be read or written.
    """
    total = 0
    # Copies may be made below what is copied, as of a program in /tmp itself; they are no part of it.
    seen = {os.path.realpath(place) for place in (target, target.parent)} - {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()  # or a link leads in a circle
            continue
        seen.add(real)
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        place = target / os.path.relpath(parent, folder)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            source = Path(parent, name)
            if not source.is_file() or _is_built(source):
                continue
            if leads_to_hidden(source, folder):
                raise CopyError(
                    f"{source}: is by a link a hidden file of your home ({os.path.realpath(source)}), which "
                    "no program is shown; put a copy into its folder if it needs that"
                )
            total += source.stat().st_size
            if total > MAX_COPY_BYTES:
                raise CopyError(
                    f"{folder}: holds more than {MAX_COPY_BYTES // 2**20} MiB, too much to copy for "
                    "every candidate; put the program in a folder of its own"
                )
            shutil.copy2(source, place / name)


def _is_built(path: Path) -> bool:
    if path.suffix == ".o":
        return True
    if not os.access(path, os.X_OK) or ".so" in path.suffixes:
        return False
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF
