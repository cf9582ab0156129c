"""Parsl's interchange, which passes tasks to workers, as a process that ends with the one that started it.

A terminal's Ctrl-C is for whoever started it, who still needs it to take the workers back. Parsl's own starts
in the terminal's group and outlives a parent that is killed.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Final

_LOOK_S: Final = 1.0


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


def main() -> None:
    """Become the interchange; what it has to say beside its log is of use in our folder alone."""
    os.setsid()
    said = os.open(Path(sys.argv[1], "interchange.err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 2)
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


if __name__ == "__main__":
    main()
