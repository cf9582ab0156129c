"""Runs one command and ends whatever is left of it; started as a script, by path.

    python -I -S supervisor.py REPORT_FD LIMITS DIRECTORY SCRATCH ARGUMENT...

LIMITS are words NAME=NUMBER, in seconds and bytes: wall_s, and any of cpu_s, file_bytes, memory_bytes,
tasks, disk_bytes and files.

Its standard input is a lifeline: when that reaches its end, because the runner gave up or died, the
command's whole process tree is killed. On Linux it makes itself the reaper of orphans
(PR_SET_CHILD_SUBREAPER, prctl(2)), so a process that left its session or was forked twice is still
a descendant of this one: it can be found, killed and reaped, and its CPU time is counted. A process
group reaches neither. Elsewhere a daemon whose parent has ended escapes.

Memory, tasks, CPU time and disk are watched, not set as resource limits of the kernel: RLIMIT_AS and
RLIMIT_DATA break CUDA and AddressSanitizer, which reserve far more than they use, and hold for one
process; RLIMIT_NPROC counts the user's other processes and does not bind root; RLIMIT_CPU is each
process's own. What is watched can be overrun for the moment until the next look. Linux only.

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
# SIGKILL cannot be refused, so only a process in uninterruptible sleep or of another user outlives this. It
# is as long as a busy machine may take to end large processes; nobody waits longer than they do.
_KILL_PATIENCE_S = 30.0
_EXEC_FAILED = 127
_LOOK_S = 0.05
_LOOK_AT_FILES_S = 0.2
# A look may cost this share of the time to the next, so that it does not show in what is measured; but
# nobody is left alone for longer than that.
_LOOKING_SHARE = 0.01
_BLIND_S = 1.0
# A job that fills the disk is stopped with this much left, however it hides what it wrote.
_RESERVE_BYTES = 512 * 1024**2
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_KEYCTL_JOIN_SESSION_KEYRING = 1


def main(arguments: list[str]) -> int:
    """Run the command of the arguments and write one JSON object about its end to REPORT_FD."""
    report, words, directory, scratch = int(arguments[0]), *arguments[1:4]
    limits = {name: float(value) for name, value in (word.split("=") for word in words.split())}
    os.set_inheritable(report, False)  # noqa: FBT003 - positional only in os
    if _LINUX:
        _prepare()
    woken = _wake_on_child_exit()
    watch = _Watch(limits, [directory, scratch])
    started = time.monotonic()
    child = _start(arguments[4:], directory, int(limits.get("file_bytes", -1)))
    _release_outputs()
    status, stopped = _wait(child, woken, started + limits["wall_s"], watch)
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


def _prepare() -> None:
    """Adopt orphans, and leave the session's keyring, which may hold tickets and passwords."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    keyctl = _KEYCTL.get(os.uname().machine)
    if keyctl is not None:
        # Fails where there are no keyrings, or no right to them; then the job has none either.
        libc.syscall(keyctl, _KEYCTL_JOIN_SESSION_KEYRING, None)


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
        _be_first_to_go()
        if file_bytes >= 0:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            allowed = file_bytes if hard == resource.RLIM_INFINITY else min(file_bytes, hard)
            resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, allowed))
        os.chdir(directory)
        os.execvp(command[0], command)  # noqa: S606 - running the user's command is the purpose
    except OSError as error:
        os.write(2, f"cannot start {command[0]} in {directory}: {error.strerror}\n".encode())
    os._exit(_EXEC_FAILED)


def _be_first_to_go() -> None:
    """When memory runs out before we notice, the kernel shall end the job and nothing else."""
    try:
        with open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 - as below
            score.write("1000")
    except OSError:
        pass


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


def _wait(child: int, woken: int, deadline: float, watch: _Watch) -> tuple[int | None, str | None]:
    """Wait for the child, the lifeline or a limit; its status, and why it must be stopped."""
    while True:
        _reap()
        if child in _reaped:
            return _reaped[child], None
        left = deadline - time.monotonic()
        if left <= 0:
            return None, "time"
        over = watch.look()
        if over is not None:
            return None, over
        readable, _, _ = select.select([0, woken], [], [], min(left, watch.pause_s))
        if woken in readable:
            os.read(woken, 4096)
        if 0 in readable:
            return None, "lifeline"


class _Watch:
    """What the job uses, looked at again and again, against its limits."""

    def __init__(self, limits: dict[str, float], folders: list[str]) -> None:
        self._limits = limits
        self._folders = folders
        self._next = self._next_files = 0.0
        self._was_over_memory = False
        self._watches_files = _LINUX and ("disk_bytes" in limits or "files" in limits)
        if self._watches_files:
            self._bytes, self._files = _held(folders, [])
            self._free = {folder: _free(folder) for folder in folders}

    @property
    def pause_s(self) -> float:
        """How long nobody needs to look again."""
        return max(self._next - time.monotonic(), 0.0) if _LINUX else 3600.0

    def look(self) -> str | None:
        """The limit that is overrun, if any."""
        began = time.monotonic()
        if not _LINUX or began < self._next:
            return None
        tree = _tree()
        over = self._look_at_processes(tree)
        self._next = _again(began, _LOOK_S)
        if over is None and self._watches_files and began >= self._next_files:
            began = time.monotonic()
            over = self._look_at_files(tree)
            self._next_files = _again(began, _LOOK_AT_FILES_S)
        return over

    def _look_at_processes(self, tree: list[_Process]) -> str | None:
        if sum(one.threads for one in tree) > self._limits.get("tasks", float("inf")):
            return "tasks"
        if "cpu_s" in self._limits:
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            if usage.ru_utime + usage.ru_stime + sum(one.cpu_s for one in tree) > self._limits["cpu_s"]:
                return "cpu"
        return "memory" if self._is_over_memory([one.resident for one in tree], tree) else None

    def _is_over_memory(self, resident: list[int], tree: list[_Process]) -> bool:
        most = self._limits.get("memory_bytes", float("inf"))
        if max(resident, default=0) > most:
            return True
        # The sum counts what processes share once for each, so a second opinion is asked for, which is dear;
        # and twice in a row, for a program that just starts another is for a moment counted twice.
        over = sum(resident) > most and sum(one.proportional for one in tree) > most
        over, self._was_over_memory = over and self._was_over_memory, over
        return over

    def _look_at_files(self, tree: list[_Process]) -> str | None:
        held, files = _held(self._folders, tree)
        if held - self._bytes > self._limits.get("disk_bytes", float("inf")):
            return "disk"
        if files - self._files > self._limits.get("files", float("inf")):
            return "files"
        for folder, free in self._free.items():
            if _free(folder) < min(_RESERVE_BYTES, free / 2):
                return "disk"
        return None


def _again(began: float, pause: float) -> float:
    now = time.monotonic()
    return now + max(pause, min((now - began) / _LOOKING_SHARE, _BLIND_S))


class _Process:
    """A process as /proc/PID/stat tells it; see proc(5) for the numbers of the fields."""

    def __init__(self, pid: int) -> None:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - pathlib would double the start-up time
            # The second field is the program's name and may hold spaces and brackets.
            fields = stat.read().rpartition(b")")[2].split()
        self.pid = pid
        self.parent, self.group = int(fields[1]), int(fields[2])
        # With what it has reaped already.
        self.cpu_s = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        self.threads = int(fields[17])
        self.resident = int(fields[21]) * resource.getpagesize()

    @property
    def proportional(self) -> int:
        """Resident bytes, each page divided among the processes that share it."""
        try:
            with open(f"/proc/{self.pid}/smaps_rollup", "rb") as sums:  # noqa: PTH123 - the same
                return sum(
                    int(line.split()[1]) * 1024 for line in sums if line.startswith((b"Pss:", b"SwapPss:"))
                )
        except (OSError, ValueError):
            return self.resident

    def open_files(self) -> list[str]:
        """The numbers of its file descriptors."""
        try:
            return os.listdir(f"/proc/{self.pid}/fd")  # noqa: PTH208 - the same
        except OSError:
            return []

    def children(self) -> list[int]:
        tasks = [str(self.pid)] if self.threads == 1 else os.listdir(f"/proc/{self.pid}/task")  # noqa: PTH208
        found: list[int] = []
        for task in tasks:
            with open(f"/proc/{self.pid}/task/{task}/children") as children:  # noqa: PTH123 - the same
                found += map(int, children.read().split())
        return found


def _tree() -> list[_Process]:
    """All descendants, found from parent to child: that is cheaper than reading all of /proc."""
    found: list[_Process] = []
    front = _Process(os.getpid()).children()
    while front:
        below: list[int] = []
        for pid in front:
            try:
                process = _Process(pid)
                found.append(process)
                below += process.children()
            except OSError:
                continue  # it has ended meanwhile
        front = below
    return found


def _held(folders: list[str], tree: list[_Process]) -> tuple[int, int]:
    """Bytes and files in folders, and in files without a name that processes keep open."""
    held = files = 0
    front = list(folders)
    while front:
        try:
            with os.scandir(front.pop()) as entries:
                for entry in entries:
                    state = entry.stat(follow_symlinks=False)
                    held += state.st_blocks * 512
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        front.append(entry.path)
        except OSError:
            continue  # removed meanwhile, or closed to us
    nameless: dict[tuple[int, int], int] = {}
    for process in tree:
        for name in process.open_files():
            try:
                state = os.stat(f"/proc/{process.pid}/fd/{name}")  # noqa: PTH116 - the same
            except OSError:
                continue
            if state.st_nlink == 0:
                nameless[state.st_dev, state.st_ino] = state.st_blocks * 512
    return held + sum(nameless.values()), files


def _free(folder: str) -> int:
    try:
        state = os.statvfs(folder)
    except OSError:
        return sys.maxsize  # removed by the job: nothing to be said of it
    return state.f_bavail * state.f_frsize


def _end_descendants() -> int:
    """Kill and reap all descendants; the number that could not be ended."""
    deadline = time.monotonic() + _KILL_PATIENCE_S
    pause = 0.0005
    ours = os.getpgrp()
    while _reap():
        for pid, group in _descendants():
            try:
                # A group dies at once: one by one, a fork bomb would be faster than we are.
                if group != ours:
                    os.killpg(group, signal.SIGKILL)
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        if time.monotonic() > deadline:
            return len(_descendants())
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return 0


def _descendants() -> list[tuple[int, int]]:
    """Process id and process group of each, found in a list of all processes: that misses none."""
    children: dict[int, list[tuple[int, int]]] = {}
    for pid, parent, group in _processes():
        children.setdefault(parent, []).append((pid, group))
    found: list[tuple[int, int]] = []
    front = children.get(os.getpid(), [])
    while front:
        found += front
        front = [child for pid, _ in front for child in children.get(pid, [])]
    return found


def _processes() -> list[tuple[int, int, int]]:
    """Process id, parent's id and process group of every process."""
    if not _LINUX:
        with os.popen("ps -A -o pid=,ppid=,pgid=") as listing:  # noqa: S605 - a constant
            rows = [line.split() for line in listing]
        return [(int(pid), int(parent), int(group)) for pid, parent, group in rows]
    found: list[tuple[int, int, int]] = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start-up time
        if name.isdigit():
            try:
                process = _Process(int(name))
            except OSError:
                continue
            found.append((process.pid, process.parent, process.group))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
