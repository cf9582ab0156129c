"""Finding the processes of a test's job, whatever they have done to hide."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")


def sleeper(mark: str) -> str:
    """A shell command that goes on for ever and carries a mark to be found by."""
    return f"sh -c 'while :; do sleep 0.05; done' {mark}"


# Ways for a process to get out of sight of whoever started it. {0} is a command as `sleeper` makes it.
ESCAPES = {
    "child": "{0} & wait",
    "left behind": "{0} & sleep 0.2",
    "own session": "setsid {0} & sleep 0.2",
    "daemon": '(setsid sh -c "{0} >/dev/null 2>&1 &" &) ; sleep 0.2',
    "cleared environment": "(env -i setsid {0} &) ; sleep 0.2",
}


def processes_with(mark: str) -> list[int]:
    """All processes that carry the mark in their arguments, the job's supervisor among them."""
    return [pid for pid in _all_processes() if mark.encode() in _arguments(pid)]


def sleepers_with(mark: str) -> list[int]:
    """Only the sleeping shells themselves."""
    return [pid for pid in processes_with(mark) if _arguments(pid).startswith(b"sh\0")]


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, not for ever."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def killed_in_a_job(setup: str, command: str, folder: Path, mark: str) -> None:
    """Have a process run a command that starts a sleeper, and kill that process while the sleeper lives.

    ``setup`` are its lines of Python that make a ``runner``.
    """
    script = (
        f"import asyncio, pickle, sys\nfrom jouleline.core.ports import Job\n{setup}\n"
        "asyncio.run(runner.run(Job(sys.stdin.read(), sys.argv[1])))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE) as we:
        assert we.stdin is not None
        we.stdin.write(command.encode())
        we.stdin.close()
        until(lambda: sleepers_with(mark))
        we.kill()


def _all_processes() -> list[int]:
    found = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in found if pid != os.getpid()]


def _arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
