"""``jouleline bound`` with profiles: read from a file, or collected by a double of ncu."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.command import SAMPLES, Said, jouleline
from tests.support.profiles import Launched, ncu_csv

DOUBLE = Path(__file__).parents[1] / "support" / "ncu_double.py"
PERMISSION = (
    "==PROF== Connected to process 7 (/tmp/main)\n==ERROR== ERR_NVGPUCTRPERM - The user does not have "
    "permission to access NVIDIA GPU Performance Counters on the target device 0. For instructions on "
    "enabling permissions and to get more information see https://developer.nvidia.com/ERR_NVGPUCTRPERM\n"
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with one target region, which g++ builds and runs on the host."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.cpp").write_text(
        "#include <cstdio>\n"
        "int main(int argc, char **argv) {\n"
        "    double a[64];\n"
        "#pragma omp target teams distribute parallel for map(from: a[0:64])\n"
        "    for (int i = 0; i < 64; i++) a[i] = i;\n"
        '    printf("%s, %g\\n", argv[1], a[3]);\n'
        "    return argc > 2;\n"
        "}\n"
    )
    (folder / "jouleline.toml").write_text(
        '[workload]\nbuild = "g++ -O1 -fopenmp main.cpp -o main"\nrun = "./main {args}"\nargs = "7"\n'
    )
    return folder


PROFILE = ncu_csv([Launched("__omp_offloading_fd02_2c4b1_main_l4", dp=640, integer=1000, dram_bytes=512)])


def with_double(tmp_path: Path, log: str) -> str:
    """A PATH on which ``ncu`` is the double that says ``log``."""
    folder = tmp_path / "double"
    folder.mkdir()
    shutil.copy(DOUBLE, folder)
    (folder / "log").write_text(log)
    ncu = folder / "ncu"
    ncu.write_text(
        f'#!/bin/sh\n# A double, see {DOUBLE.name}.\nexec {sys.executable} {folder / DOUBLE.name} "$@"\n'
    )
    ncu.chmod(0o755)
    return f"{folder}:/usr/local/bin:/usr/bin:/bin"


def collected(program: Path, tmp_path: Path, log: str, *words: object) -> Said:
    path = with_double(tmp_path, log)
    asked = ("--gpu", "rtx-3080-paper", "--evidence", "profile", "--no-sandbox", *words)
    return jouleline("bound", program, *asked, home=tmp_path, PATH=path)


def test_a_profile_from_a_file_decides_the_bound(program: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(PROFILE)
    words = ("bound", program, "--gpu", "rtx-3080-paper", "--profile", tmp_path / "p.csv")
    said = jouleline(*words, home=tmp_path)
    assert said.code == 0
    assert "measured by ncu in a launch of 1 µs on sm_86" in said.out
    [kernel] = jouleline(*words, "--format", "json", home=tmp_path).document["kernels"]
    assert (kernel["bound"], kernel["driver"], kernel["evidence"]) == ("compute", "dp", "profile")
    assert (kernel["operations"]["dp"], kernel["dram_bytes"]) == (640, 512)
    assert kernel["margin_log2"] == pytest.approx(1.278, abs=0.001)


@pytest.mark.needs("g++")
def test_a_profile_is_collected_kept_and_read_again(program: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    said = collected(program, tmp_path, PROFILE, "--format", "json", "--save-profile", kept)
    assert said.code == 0, said.err
    [kernel] = said.document["kernels"]
    assert kernel["profile"]["profiler"] == "ncu"
    words = ("bound", program, "--gpu", "rtx-3080-paper", "--profile", kept, "--format", "json")
    assert jouleline(*words, home=tmp_path).document["kernels"] == [kernel]
    assert {path.name for path in program.iterdir()} == {"main.cpp", "jouleline.toml"}


@pytest.mark.needs("g++")
@pytest.mark.parametrize(
    ("log", "words", "sentences"),
    [
        (PERMISSION, (), ("ERR_NVGPUCTRPERM", "NVreg_RestrictProfilingToAdminUsers=0", "run this as root")),
        ("==WARNING== No kernels were profiled.\n", (), ("launched no kernel", "no NVIDIA GPU answers here")),
        ("==ERROR== No supported devices found\n", (), ("no NVIDIA GPU with a working driver",)),
        ("==ERROR== The application returned an error code (1).\n", ("--args", "7 8"),
         ("`./main 7 8` under ncu failed with exit code 1", "7, 3")),
        (PROFILE[:-9], (), ("the file is cut off",)),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_a_sentence(
    program: Path, tmp_path: Path, log: str, words: tuple[str, ...], sentences: tuple[str, ...]
) -> None:
    said = collected(program, tmp_path, log, *words)
    assert said.code == 1
    for sentence in sentences:
        assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--profile", "absent.csv"), "absent.csv: cannot be read: No such file or directory"),
        (("--profile", "."), ".: cannot be read: Is a directory"),
        (("--profile", "pyproject.toml"), "pyproject.toml: is no CSV of ncu or rocprof"),
        (("--save-profile", "x.csv"), "--save-profile keeps what `--evidence profile` collects"),
    ],
)
def test_a_wrong_profile_is_a_usage_error(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    said = jouleline("bound", SAMPLES / "dot-omp", *words, home=tmp_path)
    assert said.code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_doctor_lists_the_profilers(tmp_path: Path) -> None:
    path = with_double(tmp_path, "")
    findings = jouleline("doctor", "--format", "json", home=tmp_path, PATH=path).document["findings"]
    ncu, rocprof = (one for one in findings if one["kind"] == "profiler")
    assert (ncu["name"], rocprof["name"]) == ("ncu", "rocprof")
    assert "2026.1.0.0" in ncu["detail"]
