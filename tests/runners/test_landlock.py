"""What landlock promises depends on the kernel's version of it; older kernels are had by asking for less.

The attacks on its guarantees are in test_attacks, with the kernel's own version.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from jouleline.core.ports import Availability, Completed, Job, Limits, Runner, RunnerError
from jouleline.runners import confinement
from jouleline.runners.landlock import NEWEST, LandlockRunner, find_landlock
from jouleline.runners.local import LocalRunner
from tests.runners.processes import processes_with, sleeper

VERSIONS = range(1, NEWEST + 1)


def run(runner: Runner, command: str, directory: Path) -> Completed:
    return asyncio.run(runner.run(Job(command, str(directory), limits=Limits(wall_s=20))))


def older(landlocked: LandlockRunner, abi: int) -> LandlockRunner:
    """The sandbox as a kernel with that version would make it; a new kernel knows all older ones."""
    assert landlocked.abi >= abi, "this kernel is too old to be tested as a newer one"
    return LandlockRunner(abi=abi)


@pytest.mark.parametrize("abi", VERSIONS)
def test_every_version_confines_files_and_still_compiles(
    landlocked: LandlockRunner, tmp_path: Path, abi: int
) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "neighbour").write_text("private")
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    done = run(
        older(landlocked, abi),
        "cc main.c -o main && ./main && echo built; cat ../neighbour; echo x > ../new",
        folder,
    )
    assert done.stdout == b"built\n"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("abi", VERSIONS)
def test_emptying_a_file_is_ruled_out_exactly_where_that_is_promised(
    landlocked: LandlockRunner, tmp_path: Path, abi: int
) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    neighbour = tmp_path / "neighbour"
    neighbour.write_text("private")
    runner = older(landlocked, abi)
    run(
        runner,
        f"python3 -c 'import os; os.truncate(\"{neighbour}\", 0)' || perl -e 'truncate \"{neighbour}\", 0'",
        folder,
    )
    promised = any("change, empty or remove" in guarantee for guarantee in runner.guarantees)
    assert promised == (neighbour.read_text() == "private")
    assert promised != any("it can empty a file" in gap for gap in runner.gaps)


@pytest.mark.parametrize("abi", VERSIONS)
def test_signals_are_ruled_out_exactly_where_that_is_promised(
    landlocked: LandlockRunner, tmp_path: Path, mark: str, abi: int
) -> None:
    runner = older(landlocked, abi)
    with subprocess.Popen(["/bin/sh", "-c", f"exec {sleeper(mark)}"]) as other:
        sent = run(runner, f"kill -0 {other.pid}", tmp_path).succeeded
        for pid in processes_with(mark):
            os.kill(pid, signal.SIGKILL)
    assert sent != any("no signal" in guarantee for guarantee in runner.guarantees)
    assert sent == any("it can end your processes" in gap for gap in runner.gaps)


def test_every_guarantee_and_every_gap_is_told(landlocked: LandlockRunner) -> None:
    finding = find_landlock()
    assert finding.availability is Availability.LIMITED
    assert finding.name == landlocked.name == "landlock"
    assert all(each in finding.detail for each in (*landlocked.guarantees, *landlocked.gaps))


def test_newer_versions_promise_more(landlocked: LandlockRunner) -> None:
    promised: Sequence[int] = [len(older(landlocked, abi).guarantees) for abi in VERSIONS]
    assert promised == sorted(promised)
    assert promised[0] < promised[-1]


def test_where_there_is_none_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "version", lambda: 0)
    finding = find_landlock()
    assert finding.availability is Availability.MISSING
    assert "Linux 5.13" in finding.remedy
    assert LandlockRunner().guarantees == ()
    with pytest.raises(RunnerError, match=r"landlock does not work here.*Linux 5\.13"):
        run(LandlockRunner(), "true", tmp_path)


def test_without_known_system_calls_only_tcp_is_promised(
    landlocked: LandlockRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "filters_system_calls", lambda: False)
    assert "it can use no TCP port, not even of this computer" in landlocked.guarantees
    assert not any("no network" in guarantee for guarantee in older(landlocked, 3).guarantees)
    assert any("the network and the sockets" in gap for gap in older(landlocked, 3).gaps)


def test_a_named_folder_is_readable_and_no_more(landlocked: LandlockRunner, tmp_path: Path) -> None:
    tools, folder = tmp_path / "tools", tmp_path / "job"
    tools.mkdir()
    folder.mkdir()
    (tools / "compiler").write_text("here")
    read = f"cat {tools}/compiler; echo x > {tools}/compiler"
    assert run(landlocked, read, folder).stdout == b""
    assert run(LandlockRunner(readable=[str(tools)]), read, folder).stdout == b"here"
    assert (tools / "compiler").read_text() == "here"


def test_a_crash_in_it_is_no_trouble_of_the_sandbox(landlocked: LandlockRunner, tmp_path: Path) -> None:
    done = run(landlocked, "echo 'landlock: is what I print' >&2; exit 3", tmp_path)
    assert done.exit_code == 3


def test_unconfined_all_of_that_is_possible(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    run(LocalRunner(), "echo x > ../new", folder)
    assert (tmp_path / "new").exists()
