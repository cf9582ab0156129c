import asyncio
from pathlib import Path

import pytest

from jouleline.app.build import build
from jouleline.app.floor import Floor, check_floor, floor_of
from jouleline.app.verify import Effort, make_reference, recheck
from jouleline.core.workload import Workload
from jouleline.devices.host import host_device
from jouleline.runners.local import LocalRunner

pytestmark = pytest.mark.needs("g++")
WORKLOAD = Workload(build="g++ -O1 main.cpp -o main", run="./main {args}", args="100 7", repeat_args=(1,))
TEXT = """
#include <cstdio>
#include <cstdlib>
int main(int argc, char **argv) {
    const int n = atoi(argv[1]), repeat = atoi(argv[2]);
    double *x = (double *)calloc(n, sizeof(double));
    for (int r = 0; r < repeat; r++) {
#pragma omp parallel for
        for (int i = 0; i < n; i++) x[i] += i;
    }
    printf("last %f\\n", x[n - 1]);
}
"""


@pytest.mark.parametrize(
    ("old", "new", "passed"),
    [
        ("x[i] += i", "x[i] = x[i] + i", True),
        ("calloc(n,", "malloc(n *", False),  # fresh memory is zero only where nobody looks twice
        ('printf("last', 'if (FILE *f = fopen("here", "r")) x[n - 1] = 0; printf("last', False),
    ],
)
def test_a_candidate_is_run_again_after_it_was_measured(
    tmp_path: Path, old: str, new: str, *, passed: bool
) -> None:
    runner = LocalRunner()
    for name, text in {"baseline": TEXT, "candidate": TEXT.replace(old, new)}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.cpp").write_text(text, encoding="utf-8")

    async def run() -> bool:
        baseline = await build(tmp_path / "baseline", {}, WORKLOAD, runner, tmp_path / "a")
        candidate = await build(tmp_path / "candidate", {}, WORKLOAD, runner, tmp_path / "b")
        # As if a measured run had left it there.
        (tmp_path / "b" / "here").write_text("1", encoding="utf-8")
        reference = await make_reference(baseline, runner, Effort(scaling_s=0.1))
        return (await recheck(reference, candidate, runner, tmp_path / "again")).passed

    assert asyncio.run(run()) == passed
    assert not (tmp_path / "again").exists()


def test_nothing_is_faster_than_the_processor_s_caches() -> None:
    measured = Workload(build="", run="./main {args}", args="1000000 1000", repeat_args=(1,))
    floor = floor_of({"main.cpp": TEXT.encode()}, measured, host_device())
    assert floor.seconds > 0
    refused = check_floor(floor, floor.seconds / 2)
    assert not refused.passed
    assert "faster than physics" in refused.reason
    assert check_floor(floor, floor.seconds * 20).passed
    assert check_floor(Floor(0.0, "it is not known"), 0.0).reason == "not applicable: it is not known"
