"""What docs/editors.md tells users to write into their editor's configuration, word for word."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def block(editor: str, language: str) -> str:
    """The one code block of this language in the editor's section."""
    text = (ROOT / "docs" / "editors.md").read_text("utf-8")
    section = re.split(rf"^## {editor}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]
    (found,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return str(found)


def installed(folder: Path) -> Path:
    """Where the documentation installs the package in a home."""
    return folder / ".jouleline" / "bin" / "jouleline"


def home(folder: Path) -> dict[str, str]:
    """A home with the package where the documentation installs it; the environment that has it."""
    command = installed(folder)
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m jouleline "$@"\n', "utf-8")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}


def leave(records: Path, folder: Path) -> None:
    """Leave these records of runs in a home, and no others."""
    ours = folder / ".local" / "state" / "jouleline" / "runs"
    shutil.rmtree(ours)
    records.rename(ours)


def printed(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> str:
    """What an editor without a screen prints before it ends well."""
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> str:
    """What an editor draws on a terminal of 80 columns and 24 rows, without what only moves and colours."""
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    sized = ["sh", "-c", 'stty columns 80 rows 24; exec "$@"', "sh"]
    text = printed([sys.executable, "-c", spawn, *sized, *command], {**environment, "TERM": "xterm"}, folder)
    return re.sub(r"\x1b\[[\d;?]*[@-~]", "", text)
