"""What every runner promises."""

import asyncio
import os
import pickle
import signal
from pathlib import Path

import pytest

from jouleline.core.ports import Completed, Job, Limits, Runner, RunnerError, StopReason
from tests.runners.processes import (
    ESCAPES,
    killed_in_a_job,
    linux_only,
    processes_with,
    sleeper,
    sleepers_with,
    until,
)


def run(runner: Runner, command: str, directory: Path, limits: Limits | None = None) -> Completed:
    return asyncio.run(runner.run(Job(command, str(directory), limits=limits or Limits(wall_s=20))))


def test_both_streams_and_the_exit_code_come_back(runner: Runner, tmp_path: Path) -> None:
    done = run(runner, "echo out; echo err >&2; exit 3", tmp_path)
    assert (done.stdout, done.stderr, done.exit_code) == (b"out\n", b"err\n", 3)
    assert not done.succeeded
    assert done.signal is None


def test_a_job_has_its_folder_and_no_input(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given\n")
    done = run(runner, "cat given; cat; echo made > here", tmp_path)
    assert done.succeeded
    assert done.stdout == b"given\n"
    assert (tmp_path / "here").read_text() == "made\n"


def test_a_job_here_runs_in_its_folder_itself(runner_here: Runner, tmp_path: Path) -> None:
    assert run(runner_here, "pwd -P", tmp_path).stdout.decode().strip() == str(tmp_path.resolve())


@pytest.mark.parametrize("command", ["kill -SEGV $$", "sh -c 'kill -SEGV $$'; exit $?"])
def test_a_crash_is_named_by_its_signal(runner: Runner, tmp_path: Path, command: str) -> None:
    done = run(runner, command, tmp_path)
    assert done.signal == "SIGSEGV"
    assert done.exit_code == 128 + signal.SIGSEGV
    assert not done.succeeded


def test_the_cpu_time_of_orphans_counts_too(runner: Runner, tmp_path: Path) -> None:
    spin = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done"
    alone = run(runner, spin, tmp_path)
    assert alone.cpu_s > 0.02
    assert alone.cpu_s <= alone.wall_s * 1.1 + 0.05
    wait = "while ! [ -e done ]; do sleep 0.02; done"
    orphan = run(runner, f"(setsid sh -c '{spin}; echo > done' &); {wait}", tmp_path)
    assert orphan.cpu_s > 0.5 * alone.cpu_s


def test_the_time_limit_ends_a_job_and_keeps_what_it_wrote(runner: Runner, tmp_path: Path) -> None:
    done = run(runner, "echo begun; sleep 60", tmp_path, Limits(wall_s=1.0))
    assert done.stopped is StopReason.TIME
    assert done.stdout == b"begun\n"
    assert 1.0 <= done.wall_s < 10
    assert not done.succeeded


@pytest.mark.parametrize("command", ["yes", "yes >&2"])
def test_the_output_limit_ends_a_job_and_keeps_what_was_read(
    runner: Runner, tmp_path: Path, command: str
) -> None:
    done = run(runner, command, tmp_path, Limits(wall_s=30, output_bytes=100_001))
    assert done.stopped is StopReason.OUTPUT
    assert len(done.stdout) + len(done.stderr) == 100_001
    assert done.wall_s < 20


def test_output_of_exactly_the_limit_is_no_offence(runner: Runner, tmp_path: Path) -> None:
    assert run(runner, "printf 12345", tmp_path, Limits(output_bytes=5)).succeeded


def test_a_file_over_the_limit_ends_its_writer(runner: Runner, tmp_path: Path) -> None:
    done = run(runner, "exec head -c 100000 /dev/zero > big", tmp_path, Limits(file_bytes=10_240))
    assert done.signal == "SIGXFSZ"
    assert (tmp_path / "big").stat().st_size == 10_240


def test_a_crash_leaves_no_core_file(runner: Runner, tmp_path: Path) -> None:
    assert run(runner, "ulimit -c", tmp_path).stdout == b"0\n"


def test_no_secret_of_ours_is_passed_on(
    runner_here: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "CUDA_REGISTRY_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    done = asyncio.run(runner_here.run(Job("env", str(tmp_path), {"EXTRA": "given"})))
    names = dict(line.split("=", 1) for line in done.stdout.decode().splitlines() if "=" in line)
    assert b"hush-hush" not in done.stdout
    assert names["OMP_NUM_THREADS"] == "3"
    assert names["EXTRA"] == "given"


def test_home_is_private_writable_and_gone_afterwards(runner: Runner, tmp_path: Path) -> None:
    done = run(runner, 'echo x > "$HOME/x" && mktemp >/dev/null && echo "$HOME"', tmp_path)
    home = Path(done.stdout.decode().strip())
    assert done.succeeded
    assert str(home) != os.environ.get("HOME")
    assert not home.exists()


def test_a_missing_folder_is_one_clear_error(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="it is not a folder"):
        run(runner, "true", tmp_path / "nowhere")


@linux_only
@pytest.mark.parametrize("way", ESCAPES)
def test_no_process_outlives_its_job(runner: Runner, tmp_path: Path, mark: str, way: str) -> None:
    run(runner, ESCAPES[way].format(sleeper(mark)), tmp_path, Limits(wall_s=0.7))
    assert processes_with(mark) == []


@linux_only
@pytest.mark.parametrize("way", ESCAPES)
def test_a_cancelled_job_leaves_no_process(runner: Runner, tmp_path: Path, mark: str, way: str) -> None:
    async def cancelled() -> None:
        command = ESCAPES[way].format(sleeper(mark)) + "; sleep 60"
        task = asyncio.create_task(runner.run(Job(command, str(tmp_path))))
        await asyncio.to_thread(until, lambda: sleepers_with(mark))
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert processes_with(mark) == []

    asyncio.run(cancelled())


@linux_only
def test_cancelling_at_once_leaves_no_process(runner: Runner, tmp_path: Path, mark: str) -> None:
    async def cancelled() -> None:
        for turns in range(4):
            task = asyncio.create_task(runner.run(Job(sleeper(mark), str(tmp_path))))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert processes_with(mark) == []

    asyncio.run(cancelled())


@linux_only
def test_the_job_ends_even_when_we_are_killed(runner_here: Runner, tmp_path: Path, mark: str) -> None:
    setup = f"runner = pickle.loads({pickle.dumps(runner_here)!r})"
    killed_in_a_job(setup, f'echo "$HOME" > home; setsid {sleeper(mark)} & wait', tmp_path, mark)
    until(lambda: not processes_with(mark))
    assert not Path((tmp_path / "home").read_text().strip()).exists()


def test_many_jobs_run_at_once(runner: Runner, tmp_path: Path) -> None:
    async def many() -> list[Completed]:
        jobs = [Job(f"sleep 0.2; echo {number}", str(tmp_path)) for number in range(8)]
        return list(await asyncio.gather(*(runner.run(job) for job in jobs)))

    done = asyncio.run(many())
    assert [ending.stdout for ending in done] == [b"%d\n" % number for number in range(8)]
