"""A result that comes faster than the processor could have moved its data is no result."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from jouleline.app.build import build
from jouleline.app.floor import check_floor, floor_of
from jouleline.core.content_key import content_key
from jouleline.core.ports import Completed, Job
from jouleline.core.workload import Workload
from jouleline.devices.host import host_device
from jouleline.runners.local import LocalRunner

TRIAD = b"""\
// A stream in the nearest caches: two arrays read and one written, again and again.
#include <cstdio>
#include <cstdlib>
#include <vector>
int main(int argc, char **argv) {
    const int n = atoi(argv[1]), repeat = atoi(argv[2]);
    std::vector<double> a(n), b(n), c(n);
    for (int i = 0; i < n; i++) {
        b[i] = i % 13;
        c[i] = i % 7;
    }
    for (int r = 0; r < repeat; r++) {
#pragma omp parallel for simd
        for (int i = 0; i < n; i++) {
            a[i] = b[i] + 0.5 * c[i];
        }
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += a[i];
    }
    printf("sum %.6f\\n", sum);
}
"""
CLOSED_FORM = b"""\
// The checksum without the work: sums of remainders by formula, right for every n.
#include <cstdio>
#include <cstdlib>
static double sum_of(double n, double k) {
    const double whole = (long)(n / k), rest = n - whole * k;
    return whole * k * (k - 1) / 2 + rest * (rest - 1) / 2;
}
int main(int argc, char **argv) {
    const int n = atoi(argv[1]), repeat = atoi(argv[2]);
    printf("sum %.6f\\n", repeat > 0 ? sum_of(n, 13) + 0.5 * sum_of(n, 7) : 0.0);
}
"""
WORKLOAD = Workload(
    build="g++ -O3 -march=native -fopenmp main.cpp -o main",
    run="OMP_NUM_THREADS=1 ./main {args}",
    args="100000 6000000",
    repeat_args=(1,),
)
FEW = "100000 3000"


@pytest.mark.needs("g++")
def test_the_right_checksum_without_the_work_is_faster_than_physics(tmp_path: Path) -> None:
    host = host_device()
    # The program runs on one thread, so it has the caches of one core.
    core = replace(host, multiprocessors=replace(host.multiprocessors, value=1.0))
    runner = LocalRunner()

    async def ran(text: bytes, args: str) -> Completed:
        folder = tmp_path / content_key(text)
        if not folder.exists():
            folder.mkdir()
            (folder / "main.cpp").write_bytes(text)
            await build(folder, {}, WORKLOAD, runner, folder / "built")
        return await runner.run(Job(WORKLOAD.run_command(args), str(folder / "built")))

    baseline, cheat, many = (
        asyncio.run(ran(*one)) for one in ((TRIAD, FEW), (CLOSED_FORM, FEW), (CLOSED_FORM, WORKLOAD.args))
    )
    assert baseline.stdout == cheat.stdout == many.stdout
    few = floor_of({"main.cpp": TRIAD}, replace(WORKLOAD, args=FEW), core)
    assert few.seconds > 0
    assert check_floor(few, baseline.wall_s).passed
    refused = check_floor(floor_of({"main.cpp": TRIAD}, WORKLOAD, core), many.wall_s)
    assert not refused.passed
    assert refused.reason.startswith("faster than physics: it took")
