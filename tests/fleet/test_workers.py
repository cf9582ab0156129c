"""Workers by Parsl on this machine: how they are pinned, and what is said when they cannot be had."""

import asyncio
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from parsl.jobs.states import JobState, JobStatus

from jouleline.core.ports import LostWorkerError
from jouleline.core.target import Target
from jouleline.fleet import workers
from jouleline.fleet.blocks import directives, prelude, provider, workers_per_node
from jouleline.fleet.errors import FleetError
from jouleline.fleet.workers import Fleet
from tests.cli.command import jouleline
from tests.runners.processes import processes_with, until
from tests.support.nvml import build_nvml_double
from tests.support.on_workers import work

ROOT = Path(__file__).parents[2]
HERE = Target("here", "parsl", python=sys.executable, scheduler="local", setup=f"export PYTHONPATH={ROOT}")


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two workers, each with one of four GPUs, of which a double of NVIDIA's driver tells."""
    folder, driver = tmp_path_factory.mktemp("fleet"), tmp_path_factory.mktemp("driver")
    build_nvml_double(driver)
    (driver / "script").write_text("gpus 4\npower 70\ngpu 2 kind 2\ngpu 3 kind 3\n")
    setup = f"{HERE.setup} LD_LIBRARY_PATH={driver} NVML_DOUBLE_SCRIPT={driver}/script"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "PATIENCE_S", 6)
        started = Fleet(replace(HERE, gpus=("2", "3"), folder=str(folder), setup=setup), work)
    with closing(started) as fleet:
        yield fleet
    until(lambda: processes_with(str(folder)) == [])
    assert list(folder.iterdir()) == []


async def both(fleet: Fleet, what: str, folder: Path) -> list[dict[str, str]]:
    """What each of the two workers says."""
    return list(await asyncio.gather(*(fleet.run(what, str(folder), 2) for _ in range(2))))


def test_each_worker_sees_a_gpu_of_its_own(pinned: Fleet, tmp_path: Path) -> None:
    assert pinned.places == 2
    said = asyncio.run(both(pinned, "pins", tmp_path))
    assert sorted(one["gpus"] for one in said) == ["2", "3"]
    for one in said:
        assert one["CUDA_VISIBLE_DEVICES"] == one["ROCR_VISIBLE_DEVICES"] == one["gpus"]
        # Of those that ROCR leaves, and in the order in which NVIDIA's meter counts.
        assert one["HIP_VISIBLE_DEVICES"] == "0"
        assert one["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_each_worker_measures_its_own_gpu_and_says_where(pinned: Fleet, tmp_path: Path) -> None:
    for one in asyncio.run(both(pinned, "meter", tmp_path)):
        assert one["device"] == f"NVIDIA D{one['gpus']} (test double) of {platform.node()}"


def test_what_ends_worker_after_worker_is_not_tried_for_ever(pinned: Fleet) -> None:
    with pytest.raises(LostWorkerError, match="target here: 3 workers ended over it, one after the other"):
        pinned.wait("end")
    assert pinned.wait("pins")["gpus"] in ("2", "3")


def test_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/bin" if not Path("/bin/sbatch").exists() else str(tmp_path))
    monkeypatch.setattr(workers, "POLL_S", 0.1)
    monkeypatch.setattr(workers, "SCALING_S", 0.2)
    target = Target("far", "parsl", scheduler="slurm", host="127.0.0.1", folder=str(tmp_path / "files"))
    with closing(Fleet(target, work)) as fleet, pytest.raises(FleetError) as caught:
        fleet.wait("pins")
    assert "target far: no worker can be had" in str(caught.value)
    assert "sbatch" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nodes_that_are_refused_are_not_asked_for_while_others_work() -> None:
    class Executor:
        """A test double of Parsl's: it keeps what it is told."""

        provider: Any = SimpleNamespace(max_blocks=4)
        ended: Exception | None = None

        def set_bad_state_and_fail_all(self, error: Exception) -> None:
            self.ended = error

    executor: Any = Executor()
    status = {str(block): JobStatus(JobState.FAILED, "too many jobs") for block in range(1, 4)}
    workers.refused(executor, {"0": JobStatus(JobState.RUNNING), **status})
    assert executor.provider.max_blocks == 1
    assert executor.ended is None
    workers.refused(executor, {"0": JobStatus(JobState.COMPLETED), "1": status["1"], "2": status["2"]})
    assert executor.ended is None
    workers.refused(executor, {"0": JobStatus(JobState.COMPLETED), **status})
    assert "too many jobs" in str(executor.ended)


def test_without_the_extra_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "parsl", None)
    with pytest.raises(FleetError, match=r"^target here needs Parsl, .*: pip install 'jouleline\[hpc\]'$"):
        Fleet(replace(HERE, folder=str(tmp_path)), work)
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_is_not_for_what_needs_one_machine(tmp_path: Path) -> None:
    (tmp_path / ".config/jouleline").mkdir(parents=True)
    (tmp_path / ".config/jouleline/jouleline.toml").write_text(
        '[target.fleet]\nrunner = "parsl"\nscheduler = "local"\n'
    )
    (tmp_path / "main.cpp").write_text("int main() {}\n")
    said = jouleline(
        "measure", tmp_path / "main.cpp", "--target", "fleet", home=tmp_path,
        XDG_CONFIG_HOME=str(tmp_path / ".config"),
    )  # fmt: skip
    assert said.code == 2
    assert "target fleet is many machines (runner parsl), for `jouleline refactor`" in said.err


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("slurm", "#SBATCH --gres=gpu:4"),
        ("pbs", "#PBS -l place=excl\n#PBS --gres=gpu:4"),
        ("lsf", "#BSUB -x\n#BSUB --gres=gpu:4"),
    ],
)
def test_a_target_is_said_in_the_words_of_its_scheduler(scheduler: str, expected: str) -> None:
    target = Target(
        "cluster", "parsl", scheduler=scheduler, nodes=3, gpus=("0", "1"), minutes=90, queue="gpu",
        account="p1", options=("--gres=gpu:4",), modules=("cuda/12.4", "gcc"), setup="ulimit -c 0",
    )  # fmt: skip
    assert workers_per_node(target) == 2
    assert directives(target) == expected
    assert prelude(target) == "module load cuda/12.4\nmodule load gcc\nulimit -c 0"
    blocks: Any = provider(target)
    assert (blocks.nodes_per_block, blocks.init_blocks, blocks.max_blocks) == (1, 3, 3)
    assert blocks.walltime == "01:30:00"
    assert expected in blocks.scheduler_options
    if scheduler == "slurm":
        assert "#SBATCH --exclusive" in blocks.scheduler_options


def test_what_a_node_of_pbs_has_to_have_is_selected() -> None:
    blocks: Any = provider(
        Target(
            "p", "parsl", scheduler="pbs", options=("ncpus=64", "ngpus=4", "mem=200gb", "-l filesystems=x")
        )
    )
    assert (blocks.cpus_per_node, blocks.select_options) == (64, "ngpus=4:mem=200gb")
    assert blocks.scheduler_options == "#PBS -l place=excl\n#PBS -l filesystems=x"


def test_who_started_it_ends_and_so_does_the_interchange(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom jouleline.core.target import Target\nfrom jouleline.fleet import workers\n"
        "workers.PATIENCE_S = 3\n"
        f"fleet = workers.Fleet(Target('here', 'parsl', python=sys.executable, scheduler='local', "
        f"folder={str(tmp_path)!r}), print)\n"
        "fleet.wait('ready')\nprint('ready', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path) as we:
        assert we.stdout is not None
        assert we.stdout.readline() == b"ready\n"
        assert processes_with(str(tmp_path))
        we.kill()
    until(lambda: processes_with(str(tmp_path)) == [])
    assert not (tmp_path / "runinfo").exists()
