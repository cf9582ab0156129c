"""Runs one command and ends whatever is left of it; started as a script, by path.

    python -I -S supervisor.py REPORT_FD WALL_S FILE_BYTES DIRECTORY SCRATCH ARGUMENT...

Its standard input is a lifeline: when that reaches its end, because the runner gave up or died, the
command's whole process tree is killed. On Linux it makes itself the reaper of orphans
(PR_SET_CHILD_SUBREAPER, prctl(2)), so a process that left its session or was forked twice is still
a descendant of this one: it can be found, killed and reaped, and its CPU time is counted. A process
group reaches neither. Elsewhere a daemon whose parent has ended escapes.

It imports nothing of Jouleline and little of Python, because it starts once for every run.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from typing import NoReturn

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_LINUX = sys.platform.startswith("linux")
# SIGKILL cannot be refused, so only a process in uninterruptible sleep or of another user outlives this.
_KILL_PATIENCE_S = 5.0
_EXEC_FAILED = 127


def main(arguments: list[str]) -> int:
    """Run the command of the arguments and write one JSON object about its end to REPORT_FD."""
    report, wall_s, file_bytes, directory, scratch = int(arguments[0]), *arguments[1:5]
    os.set_inheritable(report, False)  # noqa: FBT003 - positional only in os
    if _LINUX:
        _adopt_orphans()
    woken = _wake_on_child_exit()
    started = time.monotonic()
    child = _start(arguments[5:], directory, int(file_bytes))
    _release_outputs()
    status, stopped = _wait(child, woken, started + float(wall_s))
    wall = time.monotonic() - started
    survivors = _end_descendants()
    status = _reaped.get(child, status)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    if stopped == "lifeline":
        # Whoever made the folder may be dead and unable to remove it.
        import shutil

        shutil.rmtree(scratch, ignore_errors=True)

    import json

    ending = {
        "status": status,
        "stopped": stopped,
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "survivors": survivors,
    }
    os.write(report, json.dumps(ending).encode())
    return 0


def _adopt_orphans() -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _wake_on_child_exit() -> int:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _start(command: list[str], directory: str, file_bytes: int) -> int:
    child = os.fork()
    if child == 0:
        _become(command, directory, file_bytes)
    return child


def _become(command: list[str], directory: str, file_bytes: int) -> NoReturn:
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        # Python ignores these two, and an ignored signal stays ignored across exec.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if file_bytes >= 0:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            allowed = file_bytes if hard == resource.RLIM_INFINITY else min(file_bytes, hard)
            resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, allowed))
        os.chdir(directory)
        os.execvp(command[0], command)  # noqa: S606 - running the user's command is the purpose
    except OSError as error:
        os.write(2, f"cannot start {command[0]} in {directory}: {error.strerror}\n".encode())
    os._exit(_EXEC_FAILED)


def _release_outputs() -> None:
    # The runner sees the end of the command's output only once no process holds the pipes.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


_reaped: dict[int, int] = {}


def _reap() -> bool:
    """Reap all children that have ended; False when there is no child left."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
            _reaped[pid] = status
    except ChildProcessError:
        return False


def _wait(child: int, woken: int, deadline: float) -> tuple[int | None, str | None]:
    """Wait for the child, the lifeline or the deadline; its status, and why it must be stopped."""
    while True:
        _reap()
        if child in _reaped:
            return _reaped[child], None
        left = deadline - time.monotonic()
        if left <= 0:
            return None, "time"
        readable, _, _ = select.select([0, woken], [], [], left)
        if woken in readable:
            os.read(woken, 4096)
        if 0 in readable:
            return None, "lifeline"


def _end_descendants() -> int:
    """Kill and reap all descendants; the number that could not be ended."""
    deadline = time.monotonic() + _KILL_PATIENCE_S
    pause = 0.0005
    while _reap():
        for pid in _descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        if time.monotonic() > deadline:
            return len(_descendants())
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return 0


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    front = [os.getpid()]
    while front:
        front = [child for parent in front for child in children.get(parent, [])]
        found += front
    return found


def _processes() -> list[tuple[int, int]]:
    """Process id and parent's id of every process."""
    if not _LINUX:
        with os.popen("ps -A -o pid=,ppid=") as listing:  # noqa: S605 - a constant
            rows = [line.split() for line in listing]
        return [(int(pid), int(parent)) for pid, parent in rows]
    found: list[tuple[int, int]] = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start-up time
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - the same
                    # The second field is the program's name and may hold spaces and brackets.
                    fields = stat.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found.append((int(name), int(fields[1])))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
