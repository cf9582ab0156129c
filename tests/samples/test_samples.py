"""Every sample builds, and what it prints and what limits it are as written beside it."""

import math
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import require_tool

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
ON_THE_HOST = [name for name in NAMES if name.endswith(("-omp", "-omp-offload"))]
OFFLOADED = [name for name in NAMES if name.endswith("-omp-offload")]
CUDA = [name for name in NAMES if name.endswith("-cuda")]
HIP = [name for name in NAMES if name.endswith("-hip")]

KNOWN = tomllib.loads((SAMPLES / "known.toml").read_text(encoding="utf-8"))["kernel"]
# Ridge points of rtx-3080-paper in operations per byte.
RIDGES = {"sp": 32.97, "dp": 0.515, "int": 16.49}

# A line that reports a time differs from run to run; expected.txt leaves it out.
TIMING = re.compile(r"\btime\b.*\((?:s|ms|us|ns)\)")


@dataclass(frozen=True)
class Workload:
    build: str
    run: str
    args: str
    check_args: tuple[str, ...]
    relative: float
    absolute: float


def workload(name: str) -> Workload:
    path = SAMPLES / name / "jouleline.toml"
    table: dict[str, Any] = (
        tomllib.loads(path.read_text(encoding="utf-8"))["workload"] if path.exists() else {}
    )
    tolerance = table.get("tolerance", {})
    return Workload(
        build=table.get("build", "g++ -std=c++17 -O3 -fopenmp *.cpp -o main"),
        run=table.get("run", "./main {args}"),
        args=table.get("args", ""),
        check_args=tuple(table.get("check_args", [])),
        relative=tolerance.get("relative", 0.0),
        absolute=tolerance.get("absolute", 0.0),
    )


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def built(name: str, folder: Path, **environment: str) -> Path:
    copy = folder / name
    shutil.copytree(SAMPLES / name, copy)
    result = shell(workload(name).build, copy, **environment)
    assert result.returncode == 0, result.stderr
    return copy


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if not TIMING.search(line)]


def same(got: str, wanted: str, relative: float, absolute: float) -> bool:
    """Words are equal, or are numbers within the tolerance; without a tolerance every digit counts."""
    if got == wanted:
        return True
    if relative == absolute == 0.0:
        return False
    try:
        return math.isclose(float(got), float(wanted), rel_tol=relative, abs_tol=absolute)
    except ValueError:
        return False


@pytest.fixture(scope="module", params=ON_THE_HOST)
def openmp_sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_tool("g++")
    return built(request.param, tmp_path_factory.mktemp("samples"))


def test_an_openmp_sample_prints_what_is_expected(openmp_sample: Path) -> None:
    folder, name = openmp_sample, openmp_sample.name
    given = workload(name)
    result = shell(given.run.format(args=given.args), folder)
    assert result.returncode == 0, result.stdout + result.stderr
    got = lines(result.stdout)
    wanted = lines((SAMPLES / name / "expected.txt").read_text(encoding="utf-8"))
    assert [len(line) for line in got] == [len(line) for line in wanted], result.stdout
    differing = [
        (a, b)
        for got_line, wanted_line in zip(got, wanted, strict=True)
        for a, b in zip(got_line, wanted_line, strict=True)
        if not same(a, b, given.relative, given.absolute)
    ]
    assert differing == []
    for args in given.check_args:
        result = shell(given.run.format(args=args), folder)
        assert (result.returncode, lines(result.stdout)[-1]) == (0, ["PASS"]), (args, result.stdout)


def test_an_openmp_sample_refuses_sizes_without_sense(openmp_sample: Path) -> None:
    result = shell(workload(openmp_sample.name).run.format(args="0 0"), openmp_sample)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize("name", ON_THE_HOST)
def test_an_openmp_sample_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    require_tool("g++")
    sources = sorted(str(path) for path in (SAMPLES / name).glob("*.cpp"))
    command = ["g++", "-std=c++17", "-O3", "-Wall", "-Wextra", "-Werror", "-fopenmp", *sources]
    result = subprocess.run(
        [*command, "-o", str(tmp_path / "main")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", OFFLOADED)
def test_an_offload_sample_has_an_entry_for_every_kernel(name: str, tmp_path: Path) -> None:
    compiler = require_tool("clang++-19")
    ptx = tmp_path / "main.ptx"
    command = [str(compiler), "-std=c++17", "-O3", "-Wall", "-fopenmp", "--offload-arch=sm_86"]
    command += ["--offload-device-only", "-S", str(SAMPLES / name / "main.cpp"), "-o", str(ptx)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    entries = re.findall(r"\.entry (\w+)", ptx.read_text(encoding="utf-8"))
    for kernel in (kernel for kernel in KNOWN if kernel["sample"] == name):
        wanted = rf"{kernel['name']}\w*_l{kernel['line']}$"
        assert any(re.search(wanted, entry) for entry in entries), (wanted, entries)


@pytest.mark.parametrize("name", CUDA)
def test_a_cuda_sample_compiles(name: str, tmp_path: Path) -> None:
    require_tool("nvcc")
    assert (built(name, tmp_path) / "main").exists()


@pytest.mark.parametrize("name", HIP)
def test_a_hip_sample_compiles(name: str, tmp_path: Path) -> None:
    require_tool("hipcc")
    assert (built(name, tmp_path, HIP_PLATFORM="amd") / "main").exists()


@pytest.mark.parametrize("name", ["jacobi-omp"])
def test_a_makefile_runs_the_default_workload(name: str, tmp_path: Path) -> None:
    require_tool("make")
    folder = tmp_path / name
    shutil.copytree(SAMPLES / name, folder)
    result = shell("make -s run", folder)
    assert result.returncode == 0, result.stderr
    assert lines(result.stdout)[-1] == ["PASS"]
    assert f"./main {workload(name).args}\n" in (folder / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_has_an_expected_output_and_a_row_in_the_readme(name: str) -> None:
    assert (SAMPLES / name / "expected.txt").read_text(encoding="utf-8").endswith("PASS\n")
    assert f"| `{name}` |" in (SAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_known_bounds_name_every_kernel_and_its_line(name: str) -> None:
    head = re.compile(r"__global__|#pragma omp (?:target teams|parallel for)")
    heads = {
        number
        for source in (SAMPLES / name).iterdir()
        if source.suffix in {".cpp", ".cu", ".hip"}
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1)
        if head.search(line)
    }
    assert heads == {kernel["line"] for kernel in KNOWN if kernel["sample"] == name}


@pytest.mark.parametrize("kernel", KNOWN, ids=lambda kernel: f"{kernel['sample']}:{kernel['line']}")
def test_a_known_bound_follows_from_its_counts(kernel: dict[str, Any]) -> None:
    over = {kind: kernel[kind] / kernel["dram_bytes"] / ridge for kind, ridge in RIDGES.items()}
    largest = max(over, key=lambda kind: over[kind])
    if kernel["bound"] == "compute":
        assert over[largest] > 1
        assert kernel["driver"] == largest
        assert kernel["margin"] == pytest.approx(over[largest], rel=0.05)
    else:
        assert kernel["bound"] == "bandwidth"
        assert "driver" not in kernel
        assert kernel["margin"] == pytest.approx(1 / over[largest], rel=0.05)
