import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from jouleline.core.ports import Completed, Job, Limits, RunnerError, StopReason
from jouleline.runners.environment import job_environment
from jouleline.runners.local import LocalRunner

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")


def run(command: str, directory: Path, limits: Limits | None = None, **environment: str) -> Completed:
    job = Job(command, str(directory), environment, limits or Limits(wall_s=20))
    return asyncio.run(LocalRunner().run(job))


def processes_with(mark: str) -> list[int]:
    """Processes that carry `mark` in their arguments, ours excepted."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                arguments = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in arguments:
                found.append(int(folder.name))
    return found


def sleeper(mark: str) -> str:
    """A shell command that sleeps for long and can be found by its mark."""
    return f"sh -c 'while :; do sleep 0.05; done' {mark}"


@pytest.fixture
def mark() -> str:
    return f"mark-{uuid.uuid4().hex}"


def test_both_streams_and_the_exit_code_come_back(tmp_path: Path) -> None:
    done = run("echo out; echo err >&2; exit 3", tmp_path)
    assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 3)
    assert not done.succeeded
    assert done.signal is None


def test_a_job_runs_in_its_folder_without_input(tmp_path: Path) -> None:
    done = run("pwd -P; cat; echo made > here", tmp_path)
    assert done.succeeded
    assert done.stdout.decode().strip() == str(tmp_path.resolve())
    assert (tmp_path / "here").read_text() == "made\n"


def test_a_crash_is_named_by_its_signal(tmp_path: Path) -> None:
    done = run("kill -SEGV $$", tmp_path)
    assert done.signal == "SIGSEGV"
    assert done.exit_code == 128 + signal.SIGSEGV
    assert run("sh -c 'kill -SEGV $$'; exit $?", tmp_path).signal == "SIGSEGV"


def test_the_cpu_time_of_orphans_counts_too(tmp_path: Path) -> None:
    spin = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done"
    alone = run(spin, tmp_path)
    assert alone.cpu_s > 0.02
    assert alone.cpu_s <= alone.wall_s * 1.1 + 0.02
    orphan = run(
        f"(setsid sh -c '{spin}; echo > done' &); while ! [ -e done ]; do sleep 0.02; done", tmp_path
    )
    assert orphan.cpu_s > 0.5 * alone.cpu_s


def test_the_time_limit_ends_a_job_and_keeps_what_it_wrote(tmp_path: Path) -> None:
    done = run("echo begun; sleep 60", tmp_path, Limits(wall_s=0.3))
    assert done.stopped is StopReason.TIME
    assert done.stdout == b"begun\n"
    assert 0.3 <= done.wall_s < 10
    assert not done.succeeded


@pytest.mark.parametrize("command", ["yes", "yes >&2"])
def test_the_output_limit_ends_a_job_and_keeps_what_was_read(tmp_path: Path, command: str) -> None:
    done = run(command, tmp_path, Limits(wall_s=30, output_bytes=100_001))
    assert done.stopped is StopReason.OUTPUT
    assert len(done.stdout) + len(done.stderr) == 100_001
    assert done.wall_s < 20


def test_output_of_exactly_the_limit_is_no_offence(tmp_path: Path) -> None:
    assert run("printf 12345", tmp_path, Limits(output_bytes=5)).succeeded


def test_a_file_over_the_limit_ends_its_writer(tmp_path: Path) -> None:
    done = run("exec head -c 100000 /dev/zero > big", tmp_path, Limits(file_bytes=10_240))
    assert done.signal == "SIGXFSZ"
    assert (tmp_path / "big").stat().st_size == 10_240


def test_no_secret_of_ours_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "CUDA_REGISTRY_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    done = run("env", tmp_path, EXTRA="given")
    names = dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)
    assert b"hush-hush" not in done.stdout
    assert names["OMP_NUM_THREADS"] == "3"
    assert names["EXTRA"] == "given"
    assert names["HOME"] == names["TMPDIR"] != os.environ.get("HOME")
    assert not Path(names["HOME"]).exists()


def test_the_job_s_own_variables_win() -> None:
    environment = job_environment({"PATH": "/ours", "SHELL": "x"}, "/scratch", {"PATH": "/theirs"})
    assert environment == {"PATH": "/theirs", "HOME": "/scratch", "TMPDIR": "/scratch"}


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="it is not a folder"):
        run("true", tmp_path / "nowhere")


ESCAPES = {
    "child": "{0} & wait",
    "left behind": "{0} & sleep 0.2",
    "own session": "setsid {0} & sleep 0.2",
    "daemon": '(setsid sh -c "{0} >/dev/null 2>&1 &" &) ; sleep 0.2',
    "cleared environment": "(env -i setsid {0} &) ; sleep 0.2",
}


@linux_only
@pytest.mark.parametrize("way", ESCAPES)
def test_no_process_outlives_its_job(tmp_path: Path, mark: str, way: str) -> None:
    command = ESCAPES[way].format(sleeper(mark))
    run(command, tmp_path, Limits(wall_s=1.0))
    assert processes_with(mark) == []


@linux_only
@pytest.mark.parametrize("way", ESCAPES)
def test_a_cancelled_job_leaves_no_process(tmp_path: Path, mark: str, way: str) -> None:
    async def cancelled() -> None:
        command = ESCAPES[way].format(sleeper(mark)) + "; sleep 60"
        task = asyncio.create_task(LocalRunner().run(Job(command, str(tmp_path))))
        await asyncio.to_thread(_until, lambda: any(map(_is_sleeper, processes_with(mark))))
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert processes_with(mark) == []

    asyncio.run(cancelled())


def _is_sleeper(pid: int) -> bool:
    """Whether it is the sleeping shell and not the supervisor, which names it in its arguments too."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sh\0")
    except OSError:
        return False


@linux_only
def test_cancelling_at_once_leaves_no_process(tmp_path: Path, mark: str) -> None:
    async def cancelled() -> None:
        for turns in range(4):
            task = asyncio.create_task(LocalRunner().run(Job(sleeper(mark), str(tmp_path))))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert processes_with(mark) == []

    asyncio.run(cancelled())


@linux_only
def test_the_job_ends_even_when_we_are_killed(tmp_path: Path, mark: str) -> None:
    script = (
        "import asyncio, sys\n"
        "from jouleline.core.ports import Job\n"
        "from jouleline.runners.local import LocalRunner\n"
        "asyncio.run(LocalRunner().run(Job(sys.stdin.read(), sys.argv[1])))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE) as we:
        assert we.stdin is not None
        we.stdin.write(f"setsid {sleeper(mark)} & wait".encode())
        we.stdin.close()
        _until(lambda: bool(processes_with(mark)))
        we.kill()
    _until(lambda: not processes_with(mark))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_many_jobs_run_at_once(tmp_path: Path) -> None:
    async def many() -> list[Completed]:
        jobs = [Job(f"sleep 0.2; echo {number}", str(tmp_path)) for number in range(8)]
        return list(await asyncio.gather(*(LocalRunner().run(job) for job in jobs)))

    done = asyncio.run(many())
    assert [ending.stdout for ending in done] == [b"%d\n" % number for number in range(8)]
