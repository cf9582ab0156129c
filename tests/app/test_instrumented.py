"""Options are added to each call of a compiler, whoever calls it."""

import subprocess
from pathlib import Path

import pytest

from jouleline.app.instrumented import Options, prepare
from jouleline.core.workload import Workload

NVCC = """#!/bin/sh
# A test double: as nvcc does, it puts folders of its own before all others and has gcc work.
PATH="/of/the/toolkit/bin:$PATH"
export PATH
exec gcc "$@"
"""


@pytest.mark.needs("gcc")
def test_a_driver_that_changes_the_path_reaches_the_real_compiler(tmp_path: Path) -> None:
    (tmp_path / "nvcc").write_text(NVCC)
    (tmp_path / "nvcc").chmod(0o755)
    (tmp_path / "main.c").write_text("int main(void) { return ADDED; }\n")
    workload = Workload(build="./nvcc main.c -o main", run="./main")
    command = prepare(tmp_path, workload, Options(("-DADDED=7",)))
    # A script that calls itself never ends by itself.
    subprocess.run(["/bin/sh", "-c", f"ulimit -t 20; {command}"], cwd=tmp_path, check=True, timeout=60)
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 7
