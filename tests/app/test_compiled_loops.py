"""Loops, calls and branches as compilers leave them, counted for kernels whose counts are known by hand."""

from pathlib import Path

import pytest

from jouleline.app.analyse import Analysis
from jouleline.app.evidence import Refinement
from jouleline.core.counts import Operation
from tests.support.compiling import analysed, counts_of, evidence, program

CUDA = r"""
__global__ void total(const double *x, double *sums) {
  __shared__ double sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  atomicAdd(&sum, x[blockIdx.x * blockDim.x + threadIdx.x]);
  __syncthreads();
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
__global__ void logs(double *x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  x[i] = log(x[i]);
}
__global__ void tables(int m, const int *at, float *out) {
  for (int k = 0; k < m; k++) {
    float table[1500] = {0};
    table[at[k]] = 1.0f;
    out[k * blockDim.x + threadIdx.x] = table[at[k + 1]] * 3.0f;
  }
}
__global__ void pairs(int n, const int *x, int *nearest) {
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    int least = 1 << 30;
    for (int j = 0; j < n; j++) {
      if (i == j) continue;
      int d = (x[j] - x[i]) * (x[j] - x[i]);
      if (d < least) nearest[i] = j, least = d;
    }
  }
}
int main() {
  float *x = 0;
  double *a = 0, *s = 0;
  int *p = 0;
  total<<<100, 256>>>(a, s);
  tables<<<1, 32>>>(10000, p, x);
  pairs<<<1, 128>>>(4096, p, p);
  logs<<<100, 256>>>(a);
}
"""
TEAMS = r"""
#include <cstdlib>
#include <omp.h>
int main(int argc, char **argv) {
  int n = atoi(argv[1]);
  float *x = (float *)malloc(n * 4), *y = (float *)malloc(n * 4);
#pragma omp target data map(to : x[0:n]) map(tofrom : y[0:n])
  {
#pragma omp target teams num_teams(100) thread_limit(128)
    {
      float part[128];
#pragma omp parallel
      {
        int t = omp_get_thread_num();
        part[t] = x[t];
#pragma omp barrier
        if (t == 0) {
          for (int k = 1; k < 128; k++) part[0] += part[k];
          y[omp_get_team_num()] = part[0];
        }
      }
    }
#pragma omp target teams distribute parallel for collapse(2)
    for (int i = 0; i < n / 1000; i++)
      for (int j = 0; j < 1000; j++)
        y[i * 1000 + j] += x[i * 1000 + j] * 2;
  }
}
"""
pytestmark = pytest.mark.usefixtures("compilers")
needs_nvcc = pytest.mark.needs("nvcc", "nvdisasm")
needs_clang = pytest.mark.needs("clang++-19", "ptxas", "nvdisasm")


@pytest.fixture(scope="module")
def cuda(tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Refinement]:
    folder = tmp_path_factory.mktemp("cuda")
    of = program(folder / "program", main_cu=CUDA)
    analysis = analysed(of)
    return analysis, evidence(folder).refine(analysis, of)


@needs_nvcc
def test_threads_that_add_to_one_number_of_shared_memory_try_often(
    cuda: tuple[Analysis, Refinement],
) -> None:
    (counts,) = counts_of(cuda, "total")
    assert counts.operations[Operation.DP] == pytest.approx(100 * 256 * 257 / 2, rel=1e-3)


@needs_nvcc
def test_a_loop_that_the_compiler_made_to_fill_an_array_is_none_of_the_source(
    cuda: tuple[Analysis, Refinement],
) -> None:
    (counts,) = counts_of(cuda, "tables")
    assert counts.operations[Operation.SP] == pytest.approx(32 * 10_000, rel=1e-3)
    assert counts.operations[Operation.INT] < 32 * 10_000 * 1500


@needs_nvcc
def test_a_logarithm_is_computed_for_all_but_special_values(cuda: tuple[Analysis, Refinement]) -> None:
    (counts,) = counts_of(cuda, "logs")
    # A polynomial: 47 operations by the listing, an infinity or what is below zero takes one.
    assert 40 <= counts.operations[Operation.DP] / 25600 <= 50


@needs_nvcc
def test_integer_loops_are_unrolled_too(cuda: tuple[Analysis, Refinement]) -> None:
    (counts,) = counts_of(cuda, "pairs")
    # Two subtractions (x[i] may be read anew), a product and two comparisons at least, of every pair.
    assert 4 <= counts.operations[Operation.INT] / 4096**2 <= 12


@needs_nvcc
def test_a_kernel_that_calls_what_is_not_there_keeps_its_source_evidence(tmp_path: Path) -> None:
    source = (
        "extern __device__ float far(float);\n__global__ void k(float *x) { x[threadIdx.x] = far(2.0f); }\n"
    )
    makefile = "main.o: main.cu\n\tnvcc -dc -o $@ $<\n"
    of = program(tmp_path / "program", main_cu=source, Makefile=makefile)
    found = evidence(tmp_path).refine(analysed(of), of)
    assert not found.counts
    assert found.problems[0].message == "k calls far, whose code cannot be counted, so source evidence stays"


@needs_clang
def test_what_one_thread_of_a_team_does_and_collapsed_loops_count_as_often_as_they_run(
    tmp_path: Path,
) -> None:
    of = program(tmp_path / "program", main_cpp=TEAMS)
    one, collapsed = evidence(tmp_path).refine(analysed(of), of).counts.values()
    assert one.operations[Operation.SP] == pytest.approx(100 * 127, rel=0.01)
    assert collapsed.operations[Operation.SP] == pytest.approx(2 * 1_000_000, rel=0.01)
    # The index of each of the loops, both addresses, and what hands out the iterations.
    assert 6 <= collapsed.operations[Operation.INT] / 1_000_000 <= 60
