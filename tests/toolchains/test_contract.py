"""What every toolchain promises."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from jouleline.core.ports import Availability, Completed, Job, Limits, Toolchain
from jouleline.runners.local import LocalRunner
from jouleline.toolchains.clang import ClangToolchain
from jouleline.toolchains.gnu import GnuToolchain
from jouleline.toolchains.hipcc import HipccToolchain
from jouleline.toolchains.nvcc import NvccToolchain

HOST = """
#include <cstdio>
int main() {
  double sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (int i = 0; i < 1000; i++) sum += i;
#ifdef _OPENMP
  std::printf("%.0f\\n", sum);
#endif
}
"""
TARGET = HOST.replace("omp parallel for", "omp target teams distribute parallel for map(tofrom : sum)")
DEVICE = "__global__ void twice(float *x) { x[threadIdx.x] *= 2; }\nint main() { return 0; }\n"

TOOLCHAINS: list[tuple[Toolchain, str, str]] = [
    (GnuToolchain(), "main.cpp", HOST),
    (ClangToolchain(), "main.cpp", HOST),
    (NvccToolchain(), "main.cu", DEVICE),
    (HipccToolchain(), "main.hip", "#include <hip/hip_runtime.h>\n" + DEVICE),
]
each = pytest.mark.parametrize(
    ("toolchain", "file", "text"), TOOLCHAINS, ids=[toolchain.name for toolchain, _, _ in TOOLCHAINS]
)


def build(toolchain: Toolchain, folder: Path, sources: list[str]) -> Completed:
    job = Job(toolchain.build_command(sources, "out put"), str(folder), limits=Limits(wall_s=120))
    return asyncio.run(LocalRunner().run(job))


def skip_unless_here(toolchain: Toolchain) -> None:
    finding = toolchain.find()
    if finding.availability is not Availability.READY:
        pytest.skip(f"{finding.detail}: {finding.remedy}")


def hide_nvcc(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Have nvcc found on the PATH alone, wherever this machine has it installed."""
    monkeypatch.setattr("jouleline.toolchains.nvcc.nvcc_programs", lambda: ["nvcc", str(root / "bin/nvcc")])


@each
def test_what_is_missing_comes_with_its_remedy(
    toolchain: Toolchain, file: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    hide_nvcc(monkeypatch, tmp_path)
    finding = toolchain.find()
    assert finding.availability is Availability.MISSING
    assert (finding.kind, finding.name) == ("compiler", toolchain.name)
    assert finding.remedy.startswith(("sudo apt-get install", "pip install"))
    assert Path(file).suffix in toolchain.suffixes
    assert text


@each
def test_a_compiler_that_is_broken_says_so(
    toolchain: Toolchain, file: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("g++", "clang++-19", "nvcc", "hipcc"):
        (tmp_path / name).write_text("#!/bin/sh\necho broken on purpose for a test >&2\nexit 9\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    finding = toolchain.find()
    assert finding.availability is Availability.MISSING
    assert "exit code 9: broken on purpose" in finding.detail
    assert file
    assert text


@each
def test_it_builds_a_file_with_an_awkward_name(
    toolchain: Toolchain, file: str, text: str, tmp_path: Path
) -> None:
    skip_unless_here(toolchain)
    version = toolchain.find().detail.split()[-1]
    assert version[0].isdigit()
    source = f"-it's {file}"
    (tmp_path / source).write_text(text)
    done = build(toolchain, tmp_path, [source])
    assert done.succeeded, done.stderr.decode()
    assert (tmp_path / "out put").stat().st_mode & 0o100


@each
def test_an_error_in_the_source_names_its_line(
    toolchain: Toolchain, file: str, text: str, tmp_path: Path
) -> None:
    skip_unless_here(toolchain)
    (tmp_path / file).write_text(text + "int broken = undeclared_name;\n")
    done = build(toolchain, tmp_path, [file])
    assert not done.succeeded
    assert b"undeclared_name" in done.stderr


@pytest.mark.needs("g++")
@pytest.mark.parametrize("text", [HOST, TARGET], ids=["parallel", "target"])
def test_openmp_programs_run_on_the_host(tmp_path: Path, text: str) -> None:
    (tmp_path / "main.cpp").write_text(text)
    assert build(GnuToolchain(), tmp_path, ["main.cpp"]).succeeded
    ran = subprocess.run([tmp_path / "out put"], capture_output=True, check=True)
    assert ran.stdout == b"499500\n"


def test_a_target_can_be_named() -> None:
    assert " -arch=sm_90 " in NvccToolchain("sm_90").build_command(["a.cu"], "a")
    assert " --offload-arch=gfx90a " in HipccToolchain("gfx90a").build_command(["a.hip"], "a")


def test_nvcc_is_found_where_the_wheels_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    double = tmp_path / "nvidia/cu13/bin/nvcc"
    double.parent.mkdir(parents=True)
    double.write_text("#!/bin/sh\necho 'Cuda compilation tools, release 13.0, test double'\n")
    double.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    assert NvccToolchain().find().detail == f"{double} 13.0"
    assert NvccToolchain().build_command(["a.cu"], "a") == f"{double} -O3 a.cu -o a"
