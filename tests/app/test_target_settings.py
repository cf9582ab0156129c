from pathlib import Path

import pytest

from jouleline.app.target_settings import TargetSettingsError, find_target
from jouleline.core.target import Target


def written(folder: Path, text: str) -> Path:
    file = folder / "jouleline.toml"
    file.write_text(text)
    return file


def test_a_target_is_a_table_of_the_user_s_own_file(tmp_path: Path) -> None:
    own = written(
        tmp_path,
        '[target.gpu-box]\nhost = "me@gpu-box"\nfolder = "~/scratch/jouleline"\nmodules = ["cuda/12.4"]\n'
        'setup = "ulimit -s unlimited"\ngpus = [1, "GPU-8f6a"]\npython = "python3.9"\n',
    )
    assert find_target("gpu-box", own) == Target(
        "gpu-box", "ssh", "me@gpu-box", "python3.9", "~/scratch/jouleline", ("cuda/12.4",),
        "ulimit -s unlimited", ("1", "GPU-8f6a"),
    )  # fmt: skip


def test_a_fleet_is_a_table_as_well(tmp_path: Path) -> None:
    own = written(
        tmp_path,
        '[target.fleet]\nrunner = "parsl"\nscheduler = "pbs"\nnodes = 4\ngpus = ["0,1", "2,3"]\n'
        'minutes = 90\noptions = ["ncpus=64", "-l filesystems=home"]\n',
    )
    assert find_target("fleet", own) == Target(
        "fleet", "parsl", scheduler="pbs", nodes=4, gpus=("0,1", "2,3"), minutes=90,
        options=("ncpus=64", "-l filesystems=home"),
    )  # fmt: skip


def test_a_program_s_file_names_no_machine(tmp_path: Path) -> None:
    theirs = written(tmp_path, '[target.far]\nhost = "elsewhere.example"\n')
    with pytest.raises(TargetSettingsError, match=r"no target 'far'.* that in .* does not count"):
        find_target("far", tmp_path / "own.toml", theirs)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('host = "-oProxyCommand=evil"', "host must be a plain word"),
        ('host = "a b"', "host must be a plain word"),
        ('host = "a;b"', "host must be a plain word"),
        ("host = 1", "host in .* must be text"),
        ("", "host is missing: what you write after `ssh`"),
        ('host = "a"\nport = 22', "unknown key 'port'"),
        ('host = "a"\nrunner = "rsh"', "runner must be one of ssh"),
        ('host = "a"\nmodules = ["a; b"]', "modules must be plain words"),
        ('host = "a"\nmodules = "cuda"', "modules in .* must be a list of words"),
        ('host = "a"\ngpus = [""]', "gpus in .* must be a list of words"),
        ('host = "a"\nfolder = "here"', "folder must begin with / or ~/"),
        ('host = "a"\nqueue = "gpu"', "queue is for schedulers, and runner is ssh"),
        ('host = "a"\nrunner = "slurm"\nminutes = 0', "minutes in .* must be a whole number above 0"),
        ('runner = "parsl"', "scheduler must be one of slurm, pbs, lsf, local in"),
        ('runner = "parsl"\nscheduler = "sge"', "scheduler must be one of slurm"),
        (
            'runner = "parsl"\nscheduler = "local"\nnodes = 2',
            "nodes is for schedulers, and scheduler is local",
        ),
        ('runner = "parsl"\nscheduler = "slurm"\nnodes = true', "nodes in .* must be a whole number above 0"),
        ('runner = "parsl"\nscheduler = "slurm"\ngpus = [0]\nworkers = 2', "workers is not for it"),
        ('runner = "parsl"\nscheduler = "slurm"\ncontainer = "a.sif"', "container is not for runner parsl"),
        ('runner = "parsl"\nscheduler = "pbs"\noptions = ["ncpus=all"]', "options must be as .*'ncpus=64'"),
        ('host = "a"\nscheduler = "slurm"', "scheduler is for runner parsl, and runner is ssh"),
    ],
)
def test_a_wrong_target_is_told_with_its_file(tmp_path: Path, table: str, message: str) -> None:
    own = written(tmp_path, f"[target.far]\n{table}\n")
    with pytest.raises(TargetSettingsError, match=message) as raised:
        find_target("far", own)
    assert str(own) in str(raised.value)
    assert "[target.far]" in str(raised.value)


def test_a_table_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(TargetSettingsError, match="a table for each target"):
        find_target("far", written(tmp_path, 'target = "far"\n'))
