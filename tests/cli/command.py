"""Run the command line as a user does, and look at what it says and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from typing import Any

from jouleline.app.journal import EVENTS_FILE, Journal
from tests.support.schemas import check

SAMPLES = Path(__file__).parents[2] / "samples"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as the one JSON document it must be, with the fields that docs/schemas.md tells."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        if "schema" in document:  # SARIF has none of ours
            check(document)
        return document


def jouleline(*words: object, home: Path, timeout_s: float = 240, **environment: str) -> Said:
    """Run ``jouleline`` with a home of its own, so that no record lands in the tester's."""
    done = subprocess.run(
        [sys.executable, "-m", "jouleline", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), **environment},
    )
    return Said(done.returncode, done.stdout, done.stderr)


def in_terminal(columns: int, *words: object, home: Path, **environment: str) -> list[str]:
    """The lines that ``jouleline`` shows on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "jouleline", *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        env={**os.environ, "HOME": str(home), "TERM": "xterm", **environment},
    ):
        os.close(theirs)
        written = b""
        try:
            while data := os.read(ours, 65536):
                written += data
        except OSError:  # how Linux says that nobody writes any more
            pass
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", written.decode())
    return [line.rstrip() for line in plain.splitlines()]


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a tree by name: what must be untouched is compared with this."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def records_of(home: Path) -> Path:
    """The folder where runs of this home are kept."""
    return home / "state" / "jouleline" / "runs"


def kept(records: Path, name: str, *, ended: bool, identity: str = "i") -> Path:
    """A run as its log would tell it, without its result."""
    folder = records / name
    folder.mkdir(parents=True)
    journal = Journal(folder / EVENTS_FILE)
    journal.note("start", program=f"/programs/{name}", identity=identity)
    if ended:
        journal.note("end", improved=True, headline="−20% energy")
    journal.close()
    return folder


def unfinished(run: Path) -> None:
    """Make the kept ``run`` look as if it had been killed before its end."""
    events = (run / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    (run / EVENTS_FILE).write_bytes(b"".join(events[:-1]))
