"""We read what a confined program leaves, and are not confined: links out of its folder are not followed."""

import asyncio
import os
from pathlib import Path

import pytest

from jouleline.app.build import Built, build
from jouleline.app.collection import _written
from jouleline.app.observe import RunError, run_once
from jouleline.core.ports import Limits
from jouleline.core.workload import Workload
from jouleline.runners.local import LocalRunner


def left(folder: Path, command: str, output: str) -> None:
    """Run a program that leaves an output, and read it."""
    program = folder / "program"
    program.mkdir()
    built = Built(program, Workload(build="true", run=command, outputs=(output,)), "", 0.0)
    asyncio.run(run_once(built, "", Limits(), LocalRunner()))


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("ln -s ../private out", "out"),
        ("mkfifo out", "out"),
        ("ln -s .. folder", "folder/private"),
        ("mkdir deep; ln -s ../.. deep/folder", "deep/folder/private"),
    ],
)
def test_an_output_that_leads_elsewhere_is_refused(tmp_path: Path, command: str, output: str) -> None:
    (tmp_path / "private").write_text("private")
    with pytest.raises(RunError, match="not as a regular file"):
        left(tmp_path, command, output)


def test_an_output_in_a_folder_is_read(tmp_path: Path) -> None:
    left(tmp_path, "mkdir -p deep; echo 1 > deep/out", "deep/out")


def test_a_program_that_replaces_itself_is_noticed_even_if_it_sets_the_clock_back(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "main").write_text("honest")
    swap = "cp -p main old; printf cheats > main; touch -r old main; rm old"
    built = Built(program, Workload(build="true", run=swap), "", 0.0)
    ran = asyncio.run(run_once(built, "", Limits(), LocalRunner()))
    assert ran.written == {"main"}


@pytest.mark.parametrize("way", ["file", "folder", "pipe"])
def test_a_profile_that_leads_elsewhere_is_not_read(tmp_path: Path, way: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "p.csv").write_text("private")
    folder = tmp_path / "profile"
    if way == "folder":
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
    if way == "file":
        (folder / "p.csv").symlink_to(tmp_path / "elsewhere" / "p.csv")
    if way == "pipe":
        os.mkfifo(folder / "p.csv")
    assert _written(folder) == {}


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("__global__ void f() {}", ["gpu"]),
        ("#pragma omp target teams", ["gpu"]),
        ("#pragma omp parallel for", []),
    ],
)
def test_a_program_asks_for_gpus_only_if_it_has_code_for_them(
    tmp_path: Path, source: str, asked: list[str]
) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.cpp").write_text(source)
    workload = Workload(build="true", run="true")
    built = asyncio.run(build(folder, {}, workload, LocalRunner(), tmp_path / "built"))
    assert (["gpu"] if built.job().gpu else []) == asked
