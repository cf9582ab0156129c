"""Links that whoever made a program's folder may have put there to get at a user's keys and passwords."""

from __future__ import annotations

import os
from pathlib import Path


def leads_to_hidden(file: Path, root: Path) -> bool:
    """Whether a file below ``root`` is, by a link, one of the hidden files and folders of the user's home.

    That is where programs keep what is for nobody else: ``~/.ssh``, ``~/.aws``, ``~/.netrc``.
    """
    real, home = Path(os.path.realpath(file)), Path(os.path.realpath(Path.home()))
    if real.is_relative_to(os.path.realpath(root)) or not real.is_relative_to(home):
        return False
    return any(part.startswith(".") for part in real.relative_to(home).parts)
