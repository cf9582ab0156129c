"""Programs that are opened in editors: a CUDA file, and one that is quickly refactored for energy."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.profiles import Launched, ncu_csv

STENCIL = """\
// Each point becomes the mean of its neighbours and itself.
__global__ void smooth(const float *in, float *out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i > 0 && i < n - 1) {
        float x = in[i];
        out[i] = 0.25f * (in[i - 1] + 2.0f * x + in[i + 1]);
    }
}

void run(const float *in, float *out) {
    const int n = 1 << 24;
    smooth<<<(n + 255) / 256, 256>>>(in, out, n);
}
"""
KERNEL_LINE = 2
# After this line of the stencil, what makes the kernel compute-bound.
BODY_LINE = 5
WORK = "for (int k = 0; k < 1000; k++) x = x * x + 0.5f;"

DECAY = """\
// Decay towards a source, step by step; the factor is computed anew in each step. 😀
#include <cmath>
#include <cstdio>
#include <cstdlib>

int main(int argc, char *argv[]) {
    if (argc != 4) return 2;
    const int n = atoi(argv[1]), steps = atoi(argv[2]);
    const double rate = atof(argv[3]);
    double *a = new double[n];
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        double x = i % 17;
        for (int k = 0; k < steps; k++) {
            x = x * pow(rate, 1.3) + 0.25;
        }
        a[i] = x;
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += a[i];
    printf("%.10g\\n", sum);
    delete[] a;
    return 0;
}
"""
LOOP_LINE = 11
WORKLOAD = """\
[workload]
build = "g++ -O2 -fopenmp decay.cpp -o decay"
run = "./decay {args}"
args = "20000 100 0.41"
check_args = ["301 30 0.29"]
[workload.tolerance]
relative = 1e-8
"""


def write_stencil(folder: Path) -> Path:
    return _written(folder / "stencil.cu", STENCIL)


def write_profile(folder: Path) -> Path:
    """Write what ncu would say of the stencil."""
    measured = Launched("smooth(const float *, float *, int)", sp=3_000_000, dram_bytes=134_000_000)
    return _written(folder / "profile.csv", ncu_csv([measured]))


def write_decay(folder: Path) -> Path:
    """Write a program that calls ``pow`` needlessly: moving the call saves most of its energy."""
    _written(folder / "jouleline.toml", WORKLOAD)
    return _written(folder / "decay.cpp", DECAY)


def write_stuck(folder: Path) -> Path:
    """Write the same, with a build that waits until somebody ends it; `left_in` finds it."""
    text = WORKLOAD.replace("g++ -O2 -fopenmp decay.cpp -o decay", f"{build_of(folder)} & wait")
    _written(folder / "jouleline.toml", text)
    return _written(folder / "stuck.cpp", DECAY)


def building(folder: Path) -> bool:
    """Whether a build of the stuck program that was written there goes on."""
    mark = build_of(folder).replace(" ", "\0").encode() + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes() == mark:
                return True
        except OSError:
            continue
    return False


def build_of(folder: Path) -> str:
    """What the stuck program's build runs: another command for each copy, so that no test sees another's."""
    return f"sleep 4711.{os.getpid()}{abs(hash(str(folder))) % 10**6}"


def _written(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file
