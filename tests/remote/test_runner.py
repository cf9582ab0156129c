"""What is special about a runner on another machine; what every runner promises is in tests/runners."""

import asyncio
import json
from pathlib import Path

import pytest

from jouleline.core.ports import Completed, Job, Limits, RunnerError
from jouleline.remote.machine import Machine
from jouleline.remote.runner import RemoteRunner
from tests.support.sshd import Sshd

from .conftest import Connect


@pytest.fixture
def runner(far: Machine) -> RemoteRunner:
    return RemoteRunner(far)


def run(runner: RemoteRunner, command: str, directory: Path, limits: Limits | None = None) -> Completed:
    return asyncio.run(runner.run(Job(command, str(directory), limits=limits or Limits(wall_s=20))))


def test_a_job_runs_elsewhere_and_leaves_its_folder_here_as_after_a_run_here(
    runner: RemoteRunner, tmp_path: Path, daemon: Sshd
) -> None:
    (tmp_path / "in").write_text("given\n")
    (tmp_path / "in").chmod(0o640)
    done = run(
        runner, "pwd; cat in > out; mkdir -p a/b; ln -s out link; ln -s /etc/passwd wild; rm in", tmp_path
    )
    assert done.succeeded
    assert str(daemon.far) in done.stdout.decode()
    assert (tmp_path / "out").read_text() == "given\n"
    assert (tmp_path / "a/b").is_dir()
    assert (tmp_path / "link").read_text() == "given\n"
    assert not (tmp_path / "in").exists()
    # A link that leads out of the folder is nothing that another machine may make here.
    assert not (tmp_path / "wild").is_symlink()
    (tmp_path / "out").unlink()
    (tmp_path / "more").write_text("x")
    assert run(runner, "ls", tmp_path).stdout.split() == [b"a", b"link", b"more", b"wild"]


def test_a_large_file_goes_there_and_comes_back(runner: RemoteRunner, tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "in").write_bytes(data)
    done = run(runner, "cat in in > out; cat in", tmp_path)
    assert done.stdout == data
    assert (tmp_path / "out").read_bytes() == 2 * data


def test_what_lies_there_already_is_not_sent_again(connect: Connect, tmp_path: Path) -> None:
    machine = connect()
    runner = RemoteRunner(machine)
    sent: list[str] = []
    send = machine.channel.send_content

    def counted(digest: str, path: Path, folder: str) -> None:
        sent.append(path.name)
        send(digest, path, folder)

    machine.channel.send_content = counted  # type: ignore[method-assign] # only counts
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "source").write_text("the same in both")
        (tmp_path / name / name).write_text(name)
        assert run(runner, "echo made > made", tmp_path / name).succeeded
        assert run(runner, "cat source made", tmp_path / name).stdout == b"the same in bothmade\n"
    assert sorted(sent) == ["one", "source", "two"]


def test_the_sandbox_there_confines(runner: RemoteRunner, tmp_path: Path, daemon: Sshd) -> None:
    secret = daemon.far / "secret"
    secret.write_text("hush")
    done = run(runner, f"cat {secret}; echo x > {daemon.far}/made; env", tmp_path)
    assert b"hush" not in done.stdout
    assert not (daemon.far / "made").exists()
    assert b"SSH_" not in done.stdout
    assert runner.name.startswith("bubblewrap on ")
    assert "it has no network" in runner.guarantees[0]


def test_outside_of_a_sandbox_only_where_the_user_insists(connect: Connect) -> None:
    runner = RemoteRunner(connect(sandboxes=()))
    assert runner.name.startswith("local on ")
    assert runner.guarantees == ()
    with pytest.raises(RunnerError, match="target far: there is no sandbox to run programs in"):
        connect(sandboxes=("none such",))


def test_only_the_chosen_gpus_are_seen(connect: Connect, tmp_path: Path) -> None:
    runner = RemoteRunner(connect(gpus=("2", "GPU-8f6a")))
    assert run(runner, "echo $CUDA_VISIBLE_DEVICES", tmp_path).stdout == b"2,GPU-8f6a\n"


def test_a_file_that_many_jobs_share_reaches_them_all(runner: RemoteRunner, tmp_path: Path) -> None:
    # Sent to all of them at the same time.
    shared = bytes(range(256)) * 10_000

    async def many() -> list[Completed]:
        folders = [tmp_path / str(number) for number in range(4)]
        for folder in folders:
            folder.mkdir()
            (folder / "shared").write_bytes(shared)
            (folder / "own").write_text(folder.name)
        jobs = [Job("sleep 0.2; cat own > name; cat shared", str(folder)) for folder in folders]
        return list(await asyncio.gather(*(runner.run(job) for job in jobs)))

    assert all(done.stdout == shared for done in asyncio.run(many()))
    assert [(tmp_path / str(number) / "name").read_text() for number in range(4)] == ["0", "1", "2", "3"]


def test_a_session_leaves_nothing_but_the_agent_s_file(connect: Connect, tmp_path: Path, sshd: Sshd) -> None:
    machine = connect()
    assert run(RemoteRunner(machine), "echo x > y", tmp_path).succeeded
    machine.close()
    assert list((sshd.far / "files/sessions").iterdir()) == []
    assert all(one.name.startswith(("agent-", "sessions")) for one in (sshd.far / "files").iterdir())


def test_what_the_other_machine_says_is_json_without_its_secrets(far: Machine) -> None:
    facts = far.facts
    assert json.dumps(facts.environment)
    assert not any(name.startswith("SSH_") for name in facts.environment)
    assert facts.host.multiprocessors.value >= 1
