"""Counts from the code that hipcc makes for AMD GPUs, for kernels whose counts are known by hand."""

from pathlib import Path

import pytest

from jouleline.app.analyse import Analysis
from jouleline.app.compiled import CompiledEvidence
from jouleline.app.evidence import Refinement
from jouleline.cache import DiskCache
from jouleline.core.counts import Evidence, Operation
from jouleline.core.kernel import Language
from jouleline.runners.local import LocalRunner
from jouleline.toolchains.gcn import HipccListing
from tests.support.compiling import analysed, counts_of, program

HIP = r"""
#include <hip/hip_runtime.h>
#include <hip/hip_fp16.h>
#include <cstdlib>
#include "add.h"
__global__ void saxpy(int n, float a, const float *x, float *y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
__global__ void rows(int n, int m, const double *a, double *sum) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  double s = START;
  for (int k = 0; k < m; k++) s = add(s, a[k * n + i]);
  sum[i] = s;
}
__global__ void fixed(float *y, const float *x) {
  float s = 0;
  for (int k = 0; k < 1000; k++) s += x[k] * y[k + threadIdx.x];
  y[threadIdx.x] = s;
}
__global__ void byfour(float *y, const float *x, int n) {
  float s = 0;
#pragma unroll 4
  for (int k = 0; k < n; k++) s += x[k] * y[k + threadIdx.x];
  y[threadIdx.x] = s;
}
template <typename T> __global__ void twice(T *x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  x[i] = x[i] + x[i];
}
template <typename T, int N> __global__ void powers(T *x) {
  __shared__ T buffer[N];
  T v = x[blockIdx.x * blockDim.x + threadIdx.x];
#pragma unroll
  for (int k = 0; k < N; k++) v = v * v;
  buffer[threadIdx.x] = v;
  __syncthreads();
  x[blockIdx.x * blockDim.x + threadIdx.x] = buffer[N - 1 - threadIdx.x];
}
__global__ void sides(float *x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float s = x[i];
  if (threadIdx.x < 16) {
    for (int k = 0; k < 100; k++) s = s * s + 1;
  } else {
    s = s + 3;
  }
  x[i] = s;
}
__global__ void grown(float *x, int m) {
  float s = x[threadIdx.x];
  for (int k = 0; k < m; k++) s = grow(s);
  x[threadIdx.x] = s;
}
__global__ void roots(float *x) { x[threadIdx.x] = __frsqrt_rn(x[threadIdx.x]); }
__global__ void idle(float *x) { float s = 0; for (int i = 0; i < 9; i++) s += x[i]; }
int main(int argc, char **argv) {
  int n = atoi(argv[1]);
  float *x = 0, *y = 0;
  double *a = 0, *s = 0;
  saxpy<<<(n + 255) / 256, 256>>>(n, 2.0f, x, y);
  rows<<<8192 / 128, 128>>>(8192, 1000, a, s);
  fixed<<<1, 256>>>(y, x);
  byfour<<<1, 256>>>(y, x, 402);
  powers<float, 64><<<100, 64>>>(x);
  powers<double, 32><<<100, 32>>>(a);
  half2 *h = 0;
  twice<half2><<<100, 32>>>(h);
  twice<half><<<100, 32>>>((half *)h);
  sides<<<100, 64>>>(x);
  grown<<<1, 64>>>(x, 1000);
  roots<<<1, 64>>>(x);
  idle<<<1, 64>>>(x);
}
"""
ADD = """__device__ inline double add(double a, double b) { return a + b; }
__device__ inline float grow(float x) {
  x = x * x + 1;
  return 1 / (1 + x);
}
"""
MAKEFILE = "START = 0\nrun: main\n\t./main 1000000\nmain: main.hip add.h\n\thipcc -DSTART=$(START) -o $@ $<\n"
pytestmark = pytest.mark.needs("hipcc")


def hipcc_evidence(folder: Path) -> CompiledEvidence:
    return CompiledEvidence({Language.HIP: HipccListing()}, LocalRunner(), DiskCache(folder / "cache"))


@pytest.fixture(scope="module")
def hip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Refinement, Path]:
    folder = tmp_path_factory.mktemp("hip")
    of = program(folder / "program", main_hip=HIP, add_h=ADD, Makefile=MAKEFILE)
    analysis = analysed(of, "mi210")
    return analysis, hipcc_evidence(folder).refine(analysis, of), folder


def per_thread(found: tuple[Analysis, Refinement, Path], name: str) -> list[dict[Operation, float]]:
    """Operations of a thread, by class, of each instance of a kernel."""
    return [
        {operation: amount / counts.shape.threads for operation, amount in counts.operations.items()}
        for counts in counts_of(found, name)
    ]


def test_every_thread_that_passes_the_guard_counts(hip: tuple[Analysis, Refinement, Path]) -> None:
    (counts,) = counts_of(hip, "saxpy")
    assert counts.evidence is Evidence.COMPILED
    assert counts.operations[Operation.SP] == pytest.approx(2 * 1_000_000, rel=1e-3)
    assert counts.operations[Operation.DP] == 0
    # The index, the guard, the sign, a shift, and two addresses of two halves each; no scalar instruction.
    assert counts.operations[Operation.INT] == pytest.approx(8 * 1_000_000, rel=1e-3)


@pytest.mark.parametrize(
    ("kernel", "operation", "each"),
    [
        ("rows", Operation.DP, 1000),
        ("fixed", Operation.SP, 2 * 1000),  # unrolled by ten; the counter steps by bytes
        ("byfour", Operation.SP, 2 * 402),  # unrolled by four with a rest of two, multiplied in pairs
    ],
)
def test_a_loop_does_all_its_iterations_however_far_it_is_unrolled(
    hip: tuple[Analysis, Refinement, Path], kernel: str, operation: Operation, each: float
) -> None:
    (counted,) = per_thread(hip, kernel)
    assert counted[operation] == pytest.approx(each, rel=1e-3)


def test_a_loop_is_known_by_the_call_that_was_inlined_into_it(hip: tuple[Analysis, Refinement, Path]) -> None:
    (counted,) = per_thread(hip, "grown")
    # Two and one, and a division: a reciprocal and five multiply-adds, a sixth in v_div_fmas, a product.
    assert counted[Operation.SP] == pytest.approx(1000 * (2 + 1 + 1 + 2 * 6 + 1), rel=1e-3)
    assert counted[Operation.SPECIAL] == pytest.approx(1000, rel=1e-3)


def test_each_instance_of_a_template_has_its_own_code(hip: tuple[Analysis, Refinement, Path]) -> None:
    single, double = counts_of(hip, "powers")
    assert single.operations[Operation.SP] == 100 * 64 * 64
    assert double.operations[Operation.DP] == 100 * 32 * 32
    assert single.compiled is not None
    assert double.compiled is not None
    assert (single.compiled.shared_bytes, double.compiled.shared_bytes) == (64 * 4, 32 * 8)
    assert (single.compiled.compiler, single.compiled.target) == ("hipcc", "gfx90a")
    assert single.compiled.registers > 0
    assert single.compiled.occupancy == 1


def test_a_pair_of_halves_counts_two(hip: tuple[Analysis, Refinement, Path]) -> None:
    pair, number = per_thread(hip, "twice")
    assert (pair[Operation.SP], number[Operation.SP]) == (2, 1)


def test_both_sides_of_a_branch_have_their_own_threads(hip: tuple[Analysis, Refinement, Path]) -> None:
    (counted,) = per_thread(hip, "sides")
    assert counted[Operation.SP] == pytest.approx((16 * 200 + 48 * 1) / 64)


def test_a_transcendental_counts_in_its_precision_too(hip: tuple[Analysis, Refinement, Path]) -> None:
    (counted,) = per_thread(hip, "roots")
    assert (counted[Operation.SP], counted[Operation.SPECIAL]) == (1, 1)


def test_a_kernel_that_the_compiler_empties_keeps_its_source_evidence(
    hip: tuple[Analysis, Refinement, Path],
) -> None:
    (problem,) = hip[1].problems
    assert problem.message == "idle: hipcc removes all that it does, so source evidence stays"


def test_what_does_not_compile_is_told_with_the_first_error(tmp_path: Path) -> None:
    source = "#include <hip/hip_runtime.h>\n#error wrong\n__global__ void broken(float *x) { x[0] = 1; }\n"
    of = program(tmp_path / "program", main_hip=source)
    (problem,) = hipcc_evidence(tmp_path).refine(analysed(of, "mi210"), of).problems
    assert problem.file == "main.hip"
    assert problem.message.startswith("does not compile with hipcc")
    assert "error: wrong" in problem.message
