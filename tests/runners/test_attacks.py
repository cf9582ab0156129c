"""A compiled program attacks each guarantee that a sandbox states, and succeeds where there is none.

Every attack is bounded: where a sandbox fails, the test does, and not the machine.
"""

import asyncio
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jouleline.core.ports import Completed, Job, Limits, Runner, StopReason
from jouleline.runners.local import LocalRunner
from tests.runners.processes import processes_with, sleeper
from tests.support.tools import require_tool

SOURCE = Path(__file__).with_name("attack.c")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("attack") / "attack"
    compiler = require_tool("gcc")
    subprocess.run([compiler, "-O1", "-pthread", SOURCE, "-o", built], check=True)
    return built


@pytest.fixture(params=[pytest.param("confined", marks=pytest.mark.needs("bwrap")), "landlocked"])
def sandbox(request: pytest.FixtureRequest) -> Runner:
    found: Runner = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "job"
    made.mkdir()
    return made


@pytest.fixture
def private() -> Iterator[Path]:
    """A file of the user's, outside every job's folder."""
    with tempfile.NamedTemporaryFile(dir=Path.home(), prefix=".jouleline-test-", delete=False) as file:
        file.write(b"private")
    yield Path(file.name)
    Path(file.name).unlink(missing_ok=True)


def attack(
    runner: Runner, program: Path, folder: Path, *words: object, limits: Limits | None = None
) -> Completed:
    """Run the attack, and see that nothing is left of it."""
    mark = f"mark-{folder.parent.name}-{os.getpid()}"
    shutil.copy(program, folder / "attack")
    command = shlex.join(["./attack", *map(str, words), mark])
    done = asyncio.run(runner.run(Job(command, str(folder), limits=limits or Limits(wall_s=20))))
    assert processes_with(mark) == []
    return done


def succeeded(done: Completed) -> bool:
    return b"[" in done.stdout


@pytest.mark.parametrize("way", ["read", "environment"])
def test_it_reads_nothing_of_ours(
    sandbox: Runner, program: Path, folder: Path, private: Path, way: str
) -> None:
    # The environment that a process was started with: os.environ shows later changes, /proc does not.
    with subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        env={**os.environ, "API_KEY": "private"},
    ) as other:
        at = private if way == "read" else other.pid
        unconfined, done = (attack(each, program, folder, way, at) for each in (LocalRunner(), sandbox))
        other.communicate(b"\n")
    assert b"private" in unconfined.stdout
    assert not succeeded(done)


@pytest.mark.parametrize("pid", ["1", "self"])
def test_no_environment_that_it_can_read_holds_a_secret(
    sandbox: Runner, program: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, pid: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "private")
    assert b"private" not in attack(sandbox, program, folder, "environment", pid).stdout


@pytest.mark.parametrize(
    "name", ["/etc/shadow", "/etc/ssh/sshd_config", "/var/log", "/proc/1/root/etc/shadow"]
)
def test_not_even_root_s_jobs_read_passwords_and_logs(
    sandbox: Runner, program: Path, folder: Path, name: str
) -> None:
    assert not succeeded(attack(sandbox, program, folder, "read", name))


@pytest.mark.parametrize(
    "way", ["write", "append", "empty", "empty by opening", "remove", "move", "link", "through a link"]
)
def test_it_changes_no_file_of_ours(
    sandbox: Runner, program: Path, folder: Path, private: Path, way: str
) -> None:
    victim = folder.parent / "victim"  # on the same file system, as links and moves need it
    victim.write_text("kept")
    for file in (private, victim):
        before = file.read_bytes()
        # What it says does not count: under bubblewrap it has a /tmp of its own to write to.
        attack(sandbox, program, folder, way, file)
        assert file.read_bytes() == before
        (folder / "way").unlink(missing_ok=True)
    assert succeeded(attack(LocalRunner(), program, folder, way, victim))


def test_it_makes_no_file_outside(sandbox: Runner, program: Path, folder: Path, tmp_path: Path) -> None:
    for place in (tmp_path, Path.home(), Path("/usr/lib"), Path("/var/tmp"), Path("/dev/shm")):
        made = place / "jouleline-escape"
        attack(sandbox, program, folder, "write", made)
        assert not made.exists()


@pytest.mark.parametrize("kind", ["tcp", "udp", "socket", "abstract socket"])
def test_it_reaches_no_socket_of_this_computer(
    sandbox: Runner, program: Path, folder: Path, kind: str, mark: str
) -> None:
    streams = kind != "udp"
    family = socket.AF_INET if kind in ("tcp", "udp") else socket.AF_UNIX
    with (
        tempfile.TemporaryDirectory() as place,
        socket.socket(family, socket.SOCK_STREAM if streams else socket.SOCK_DGRAM) as server,
    ):
        names = {"socket": f"{place}/socket", "abstract socket": f"\0{mark}"}
        server.bind(names.get(kind) or ("127.0.0.1", 0))
        if streams:
            server.listen()
        at = {"socket": f"{place}/socket", "abstract socket": mark}.get(kind) or server.getsockname()[1]
        assert succeeded(attack(LocalRunner(), program, folder, kind, at))
        assert _received(server) == b"secret"
        attack(sandbox, program, folder, kind, at)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            _received(server)


def _received(server: socket.socket) -> bytes:
    if server.type == socket.SOCK_DGRAM:
        return server.recv(100)
    connection, _ = server.accept()
    with connection:
        return connection.recv(100)


def test_under_landlock_it_makes_no_ring_that_makes_sockets(
    landlocked: Runner, program: Path, folder: Path
) -> None:
    done = attack(landlocked, program, folder, "io_uring")
    assert b"Permission denied" in done.stdout


@pytest.mark.parametrize("way", ["kill", "trace"])
def test_it_reaches_no_process_of_ours(
    sandbox: Runner, program: Path, folder: Path, mark: str, way: str
) -> None:
    with subprocess.Popen(["/bin/sh", "-c", f"exec {sleeper(mark)}"]) as other:
        for pid in (other.pid, os.getpid(), os.getppid()):
            done = attack(sandbox, program, folder, way, pid)
            assert not succeeded(done)
        assert other.poll() is None
        assert succeeded(attack(LocalRunner(), program, folder, way, other.pid))
        other.kill()


def test_it_cannot_kill_what_watches_over_it(sandbox: Runner, program: Path, folder: Path, mark: str) -> None:
    # The shell becomes the program, so its parent is ours: the supervisor, or the sandbox's first process.
    shutil.copy(program, folder / "attack")
    job = Job(f"(setsid {sleeper(mark)} >/dev/null 2>&1 &); exec ./attack 'kill parent'", str(folder))
    asyncio.run(sandbox.run(job))
    assert processes_with(mark) == []


def test_it_gains_no_rights_in_namespaces_of_its_own(sandbox: Runner, program: Path, folder: Path) -> None:
    assert not succeeded(attack(sandbox, program, folder, "namespaces", Path.home()))


def test_it_has_no_capability_even_for_root(sandbox: Runner, folder: Path) -> None:
    done = asyncio.run(sandbox.run(Job("grep CapEff /proc/self/status", str(folder))))
    assert int(done.stdout.split()[1], 16) == 0


def test_it_changes_no_setting_of_the_kernel(sandbox: Runner, folder: Path) -> None:
    # Opening for appending changes nothing where it is allowed.
    look = (
        "for file in $(find /proc/sys /proc/sysrq-trigger /sys/kernel -type f -perm /222 2>/dev/null); do\n"
        "  (: >> $file) 2>/dev/null && echo $file\n"
        "done"
    )
    assert asyncio.run(sandbox.run(Job(look, str(folder)))).stdout == b""


SMALL = Limits(wall_s=30, memory_bytes=128 * 2**20, tasks=60, disk_bytes=100 * 2**20, files=500, cpu_s=1.0)


@pytest.mark.parametrize(
    "bomb",
    [
        ("fork", 400, StopReason.TASKS),
        ("fork sessions", 400, StopReason.TASKS),
        ("threads", 400, StopReason.TASKS),
        ("memory", 1024, StopReason.MEMORY),
        ("shared memory", 1024, StopReason.MEMORY),
        ("memory file", 1024, StopReason.DISK),
        ("disk", 2048, StopReason.DISK),
        ("nameless files", 2048, StopReason.DISK),
        ("files", 20_000, StopReason.FILES),
        ("burn", 10, StopReason.CPU),
    ],
)
def test_a_bomb_is_stopped_at_its_limit(
    sandbox: Runner, program: Path, folder: Path, bomb: tuple[str, int, StopReason]
) -> None:
    kind, size, reason = bomb
    done = attack(sandbox, program, folder, kind, size, limits=SMALL)
    assert done.stopped is reason
    assert not succeeded(done)
    assert done.wall_s < 20


def test_what_it_is_allowed_is_not_stopped(sandbox: Runner, program: Path, folder: Path) -> None:
    done = attack(sandbox, program, folder, "no bomb", 64, limits=SMALL)
    assert done.stopped is None
    assert succeeded(done)
