"""Attacks on each guarantee that the sandbox states, and how it says that it cannot work."""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from jouleline.core.ports import Availability, Completed, Job, Limits, Runner, RunnerError
from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap
from jouleline.runners.local import LocalRunner
from tests.runners.processes import processes_with, sleeper

needs_bubblewrap = pytest.mark.needs("bwrap")


def run(runner: Runner, command: str, directory: Path) -> Completed:
    return asyncio.run(runner.run(Job(command, str(directory), limits=Limits(wall_s=20))))


@needs_bubblewrap
def test_it_reaches_no_port_of_this_computer(confined: Runner, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"bash -c ': < /dev/tcp/127.0.0.1/{port}' && echo connected"
        assert run(LocalRunner(), connect, tmp_path).stdout == b"connected\n"
        done = run(confined, connect, tmp_path)
    assert not done.succeeded
    assert b"connected" not in done.stdout


@needs_bubblewrap
def test_it_sees_no_network_interface_but_its_own_loopback(confined: Runner, tmp_path: Path) -> None:
    done = run(confined, "cat /proc/net/dev", tmp_path)
    interfaces = [line.split(":")[0].strip() for line in done.stdout.decode().splitlines() if ":" in line]
    assert interfaces == ["lo"]


@needs_bubblewrap
def test_it_cannot_read_home(confined: Runner, tmp_path: Path) -> None:
    home = Path.home()
    with tempfile.NamedTemporaryFile(dir=home, prefix=".jouleline-test-") as secret:
        secret.write(b"private")
        secret.flush()
        read = f"cat {secret.name}; ls -A {home}"
        assert b"private" in run(LocalRunner(), read, tmp_path).stdout
        assert run(confined, read, tmp_path).stdout == b""


@needs_bubblewrap
@pytest.mark.parametrize("folder", ["/home", "/root", "/var/tmp", "/run"])
def test_it_finds_hidden_folders_empty(confined: Runner, tmp_path: Path, folder: str) -> None:
    assert run(confined, f"ls -A {folder} 2>/dev/null", tmp_path).stdout == b""


@needs_bubblewrap
def test_it_finds_no_file_beside_its_own_folder(confined: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "neighbour").write_text("private")
    assert run(confined, "ls -A ..", folder).stdout == b"job\n"


@needs_bubblewrap
def test_it_writes_no_file_outside(confined: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "neighbour").write_text("kept")
    done = run(
        confined,
        "echo x > ../neighbour; echo x > /tmp/jouleline-escape; echo x > ~/x; echo x > inside\n"
        "for place in / /etc /usr /usr/bin /var /sys/kernel; do\n"
        "  touch $place/jouleline-escape && echo $place\n"
        "done",
        folder,
    )
    assert b"/" not in done.stdout
    assert (tmp_path / "neighbour").read_text() == "kept"
    assert not Path("/tmp/jouleline-escape").exists()
    assert (folder / "inside").read_text() == "x\n"


@needs_bubblewrap
def test_a_link_out_of_the_folder_leads_nowhere(confined: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "neighbour").write_text("kept")
    (folder / "link").symlink_to(tmp_path / "neighbour")
    run(confined, "echo x > link; cat link", folder)
    assert (tmp_path / "neighbour").read_text() == "kept"


@needs_bubblewrap
def test_it_cannot_read_our_environment_through_proc(
    confined: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hush-hush")
    done = run(confined, "env; cat /proc/*/environ /proc/*/task/*/environ", tmp_path)
    assert b"PATH=" in done.stdout
    assert b"hush-hush" not in done.stdout + done.stderr


@needs_bubblewrap
def test_it_neither_sees_nor_reaches_other_processes(confined: Runner, tmp_path: Path, mark: str) -> None:
    with subprocess.Popen(["/bin/sh", "-c", sleeper(mark)]) as other:
        look = f"cat /proc/*/cmdline; kill -0 {other.pid} && echo re''ached"
        done = run(confined, look, tmp_path)
        for pid in processes_with(mark):
            os.kill(pid, signal.SIGKILL)
    assert b"bwrap" in done.stdout
    assert mark.encode() not in done.stdout
    assert b"reached" not in done.stdout


@needs_bubblewrap
def test_it_changes_no_setting_of_the_kernel_even_as_root(confined: Runner, tmp_path: Path) -> None:
    # Opening for appending changes nothing where it is allowed.
    attack = (
        "for file in $(find /proc -path '/proc/[0-9]*' -prune -o -type f -perm /222 -print 2>/dev/null); do\n"
        "  (: >> $file) 2>/dev/null && echo $file\n"
        "done"
    )
    assert run(confined, attack, tmp_path).stdout == b""


@needs_bubblewrap
def test_it_has_no_capability_even_for_root(confined: Runner, tmp_path: Path) -> None:
    done = run(confined, "grep CapEff /proc/self/status", tmp_path)
    assert int(done.stdout.split()[1], 16) == 0


@needs_bubblewrap
def test_children_in_their_own_session_die_with_it(confined: Runner, tmp_path: Path, mark: str) -> None:
    done = run(confined, f"setsid {sleeper(mark)} >/dev/null 2>&1 & sleep 0.2", tmp_path)
    assert done.succeeded
    assert processes_with(mark) == []


@needs_bubblewrap
def test_it_still_compiles(confined: Runner, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    assert run(
        confined, "command -v cc >/dev/null || exit 0; cc main.c -o main && ./main", tmp_path
    ).succeeded


@needs_bubblewrap
def test_a_named_folder_inside_a_hidden_one_is_readable(tmp_path: Path, confined: Runner) -> None:
    tools, folder = tmp_path / "tools", tmp_path / "job"
    tools.mkdir()
    folder.mkdir()
    (tools / "compiler").write_text("here")
    read = f"cat {tools}/compiler; echo x > {tools}/compiler"
    assert run(confined, read, folder).stdout == b""
    assert run(BubblewrapRunner(readable=[str(tools)]), read, folder).stdout == b"here"
    assert (tools / "compiler").read_text() == "here"


@needs_bubblewrap
@pytest.mark.parametrize("folder", ["/", "/home", str(Path.home()), tempfile.gettempdir()])
def test_a_folder_that_holds_what_must_stay_hidden_is_refused(confined: Runner, folder: str) -> None:
    with pytest.raises(RunnerError, match="use a folder of its own"):
        run(confined, "true", Path(folder))


@needs_bubblewrap
def test_it_is_found_by_trying_it(confined: Runner) -> None:
    finding = find_bubblewrap()
    assert finding.availability is Availability.READY
    assert "trial sandbox worked" in finding.detail
    assert confined.name == "bubblewrap"
    assert all(guarantee in finding.detail for guarantee in confined.guarantees)


def test_where_it_is_missing_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = find_bubblewrap()
    assert finding.availability is Availability.MISSING
    assert finding.remedy == "sudo apt-get install bubblewrap"
    with pytest.raises(RunnerError, match="apt-get install bubblewrap"):
        run(BubblewrapRunner(), "true", tmp_path)


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "15000", "docker run --security-opt"),
    ],
)
def test_where_namespaces_are_off_the_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, remedy: str
) -> None:
    double = tmp_path / "bwrap"
    said = "bwrap: No permissions to create new namespace (test double)"
    double.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    double.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / setting).parent.mkdir(parents=True)
    (tmp_path / setting).write_text(f"{value}\n")
    finding = find_bubblewrap(system=tmp_path)
    assert finding.availability is Availability.MISSING
    assert "No permissions to create new namespace" in finding.detail
    assert remedy in finding.remedy
    job = tmp_path / "job"
    job.mkdir()
    with pytest.raises(RunnerError, match=r"the sandbox could not be made .*No permissions"):
        run(BubblewrapRunner(), "true", job)
