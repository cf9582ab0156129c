"""Counts from the code of real compilers, for kernels whose counts are known by hand."""

import asyncio
from pathlib import Path

import pytest

from jouleline.app.analyse import Analysis
from jouleline.app.bound_report import bound_json
from jouleline.app.evidence import Refinement, refined
from jouleline.app.program import read_program
from jouleline.core.counts import Evidence, Operation
from jouleline.core.ports import Completed, Job, RunnerError
from tests.support.compiling import analysed, counts_of, evidence, program

CUDA = r"""
#include <cstdlib>
#include <cuda_fp16.h>
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
__global__ void products(float *sum, const unsigned *a, int n) {
  float c0 = 0, c1 = 0, c2 = 0, c3 = 0;
  for (int k = 0; k < n; k++)
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %4, %4, %4},"
                 "{%4, %4}, {%0, %1, %2, %3};"
                 : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3) : "r"(a[threadIdx.x]));
  sum[threadIdx.x] = c0 + c1 + c2 + c3;
}
__global__ void none() {}
int main(int argc, char **argv) {
  int n = atoi(argv[1]);
  float *x = 0, *y = 0;
  double *a = 0, *s = 0;
  saxpy<<<(n + 255) / 256, 256>>>(n, 2.0f, x, y);
  rows<<<8192 / 128, 128>>>(8192, 1000, a, s);
  powers<float, 64><<<100, 64>>>(x);
  powers<double, 32><<<100, 32>>>(a);
  products<<<100, 64>>>(x, 0, 1000);
  half2 *h = 0;
  twice<half2><<<100, 32>>>(h);
  twice<half><<<100, 32>>>((half *)h);
}
"""
ADD = "__device__ inline double add(double a, double b) { return a + b; }\n"
MAKEFILE = "START = 0\nrun: main\n\t./main 1000000\nmain: main.cu add.h\n\tnvcc -DSTART=$(START) -o $@ $<\n"
OPENMP = r"""
#include <cstdlib>
int main(int argc, char **argv) {
  int n = atoi(argv[1]);
  float *x = (float *)malloc(n * 4), *y = (float *)malloc(n * 4);
#pragma omp target teams distribute parallel for map(to : x[0:n]) map(tofrom : y[0:n])
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int k = 0; k < 1000; k++) s += x[i] * k;
    y[i] = s;
  }
}
"""
# A region of another file stands in the same line.
ADDING = """
template <typename T> void adding(T *x, int n) {
#pragma omp target teams distribute parallel for map(tofrom : x[0:n])
  for (int i = 0; i < n; i++) x[i] += 1;
}
void add(float *x) { adding(x, 1000000); }
"""
SQUARES = """#include <cstdint>
template <typename T> void squares(T *x, int n) {
#pragma omp target teams distribute parallel for map(tofrom : x[0:n])
  for (int i = 0; i < n; i++) x[i] = x[i] * x[i] + 1;
}
void add(float *x);
int main() {
  static double a[1000000];
  static float b[1000000];
  static int16_t c[1000000];
  add(b);
  squares(a, 1000000);
  squares(b, 1000000);
  squares(c, 1000000);
}
"""
pytestmark = pytest.mark.usefixtures("compilers")
needs_nvcc = pytest.mark.needs("nvcc", "nvdisasm")
needs_clang = pytest.mark.needs("clang++-19", "ptxas", "nvdisasm")


@pytest.fixture(scope="module")
def cuda(tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Refinement, Path]:
    folder = tmp_path_factory.mktemp("cuda")
    of = program(folder / "program", main_cu=CUDA, add_h=ADD, Makefile=MAKEFILE)
    analysis = analysed(of)
    return analysis, evidence(folder).refine(analysis, of), folder


@needs_nvcc
def test_every_thread_that_passes_the_guard_counts(cuda: tuple[Analysis, Refinement, Path]) -> None:
    (counts,) = counts_of(cuda, "saxpy")
    assert counts.evidence is Evidence.COMPILED
    assert counts.operations[Operation.SP] == pytest.approx(2 * 1_000_000, rel=1e-3)
    assert counts.operations[Operation.DP] == 0
    # The index, the guard and two addresses.
    assert 2 <= counts.operations[Operation.INT] / 1_000_000 <= 6


@needs_nvcc
def test_a_loop_that_the_compiler_unrolled_does_all_its_iterations(
    cuda: tuple[Analysis, Refinement, Path],
) -> None:
    (counts,) = counts_of(cuda, "rows")
    assert counts.operations[Operation.DP] == pytest.approx(8192 * 1000, rel=1e-3)
    assert counts.operations[Operation.INT] < 8192 * 1000 * 4


@needs_nvcc
def test_each_instance_of_a_template_has_its_own_code(cuda: tuple[Analysis, Refinement, Path]) -> None:
    single, double = counts_of(cuda, "powers")
    assert single.operations[Operation.SP] == 100 * 64 * 64
    assert double.operations[Operation.DP] == 100 * 32 * 32
    assert single.compiled is not None
    assert double.compiled is not None
    assert (single.compiled.shared_bytes, double.compiled.shared_bytes) == (64 * 4, 32 * 8)
    assert single.compiled.registers > 0
    assert single.compiled.occupancy == pytest.approx(16 * 64 / 1536)


@needs_nvcc
def test_a_pair_of_halves_counts_two_on_a_gpu_that_is_no_faster_with_them(
    cuda: tuple[Analysis, Refinement, Path],
) -> None:
    pair, number = counts_of(cuda, "twice")
    assert (pair.operations[Operation.SP], number.operations[Operation.SP]) == (100 * 32 * 2, 100 * 32)


@needs_nvcc
def test_products_of_matrices_come_to_what_the_source_says_in_a_loop_that_was_unrolled(
    cuda: tuple[Analysis, Refinement, Path],
) -> None:
    (counts,) = counts_of(cuda, "products")
    (source,) = (report.counts for report in cuda[0].kernels if report.kernel.name == "products")
    assert counts.operations[Operation.TENSOR] == pytest.approx(source.operations[Operation.TENSOR], rel=0.02)
    assert source.operations[Operation.TENSOR] == 200 * 1000 * 2 * 16 * 8 * 16


@needs_nvcc
def test_the_traffic_stays_that_of_the_source(cuda: tuple[Analysis, Refinement, Path]) -> None:
    analysis, refinement, _ = cuda
    assert set(refinement.counts) == set(range(len(analysis.kernels)))
    for index, counts in refinement.counts.items():
        assert counts.dram_bytes == analysis.kernels[index].counts.dram_bytes
        assert counts.doubt == analysis.kernels[index].counts.doubt


@needs_nvcc
def test_json_tells_what_only_a_compiler_knows(cuda: tuple[Analysis, Refinement, Path]) -> None:
    analysis, refinement, _ = cuda
    better = bound_json(refined(analysis, refinement), "1000000")["kernels"][0]
    assert (better["evidence"], better["compiler"], better["target"]) == ("compiled", "nvcc", "sm_86")
    assert better["registers"] > 0
    assert better["spill_bytes"] == better["shared_bytes"] == 0
    assert better["occupancy"] == 1
    assert "registers" not in bound_json(analysis, "1000000")["kernels"][0]


@needs_nvcc
def test_a_kernel_that_the_compiler_empties_keeps_its_source_evidence(tmp_path: Path) -> None:
    source = "__global__ void idle(float *x) { float s = 0; for (int i = 0; i < 9; i++) s += x[i]; }\n"
    of = program(tmp_path / "program", main_cu=source)
    found = evidence(tmp_path).refine(analysed(of), of)
    assert not found.counts
    assert found.problems[0].message == "idle: nvcc removes all that it does, so source evidence stays"


class Refusing:
    """A runner that starts nothing, for tests of what needs no compiler."""

    name = "refusing"
    guarantees = ()

    async def run(self, job: Job) -> Completed:
        raise RunnerError(f"{job.command.split()[0]} was not to be started")


@needs_nvcc
def test_what_was_compiled_once_is_remembered(cuda: tuple[Analysis, Refinement, Path]) -> None:
    analysis, first, folder = cuda
    again = evidence(folder, Refusing()).refine(analysis, read_program([folder / "program"]))
    assert again.counts == first.counts
    assert not again.problems


def test_a_changed_text_is_compiled_anew(tmp_path: Path) -> None:
    of = program(tmp_path / "program", main_cu=CUDA, add_h=ADD, Makefile=MAKEFILE)
    found = evidence(tmp_path, Refusing()).refine(analysed(of), of)
    assert not found.counts
    assert "was not to be started" in found.problems[0].message


@needs_nvcc
def test_a_file_that_does_not_compile_spoils_no_other(tmp_path: Path) -> None:
    broken = "__global__ void broken(float *x) { x[0] = undeclared; }\n"
    good = "__global__ void good(float *x) { x[threadIdx.x] += 1.0f; }\nvoid f() { good<<<1, 32>>>(0); }\n"
    of = program(tmp_path / "program", broken_cu=broken, good_cu=good)
    analysis = analysed(of)
    found = evidence(tmp_path).refine(analysis, of)
    names = {analysis.kernels[index].kernel.name for index in found.counts}
    assert names == {"good"}
    (problem,) = found.problems
    assert problem.file == "broken.cu"
    assert 'identifier "undeclared" is undefined' in problem.message


@needs_nvcc
@pytest.mark.parametrize("order", [1, -1])
def test_each_overload_of_a_kernel_has_its_own_code(tmp_path: Path, order: int) -> None:
    kernels = "\n".join(
        (
            "__global__ void k(float *x) { x[threadIdx.x] *= 2.0f; }",
            "__global__ void k(double *x) { x[threadIdx.x] *= 2.0; }",
        )[::order]
    )
    main = "int main() { float *f; double *d; k<<<1, 256>>>(f); k<<<1, 256>>>(d); }"
    of = program(tmp_path / "program", main_cu=f"{kernels}\n{main}\n")
    analysis = analysed(of)
    better = refined(analysis, evidence(tmp_path).refine(analysis, of))
    found = {report.kernel.line: report.counts.operations for report in better.kernels}
    single, double = (1, 2)[::order]
    assert (found[single][Operation.SP], found[single][Operation.DP]) == (256, 0)
    assert (found[double][Operation.SP], found[double][Operation.DP]) == (0, 256)


@needs_clang
def test_openmp_regions_are_counted_in_the_code_of_clang(tmp_path: Path) -> None:
    of = program(tmp_path / "program", main_cpp=OPENMP)
    (counts,) = evidence(tmp_path).refine(analysed(of), of).counts.values()
    # A multiplication, an addition and the conversion of k, which is none of ours.
    assert counts.operations[Operation.SP] == pytest.approx(2e9, rel=0.01)
    assert counts.compiled is not None
    assert counts.compiled.compiler == "clang++"


@needs_clang
def test_each_region_in_a_header_of_its_own_has_its_own_code(tmp_path: Path) -> None:
    region = "#pragma omp target teams distribute parallel for map(tofrom : x[0:1000000])\n{}\n"
    of = program(
        tmp_path / "program",
        one_h=region.format("for (int i = 0; i < 1000000; i++) x[i] *= 2.0f;"),
        two_h=region.format("for (int i = 0; i < 1000000; i++) x[i] = (x[i] + 1.0f) * x[i];"),
        main_cpp='float x[1000000];\nint main() {\n#include "one.h"\n#include "two.h"\n}\n',
    )
    analysis = analysed(of)
    better = refined(analysis, evidence(tmp_path).refine(analysis, of))
    assert {report.file: report.counts.operations[Operation.SP] for report in better.kernels} == {
        "one.h": 1e6,
        "two.h": 2e6,
    }


@needs_clang
def test_each_instance_of_a_region_in_a_template_has_its_own_code(tmp_path: Path) -> None:
    of = program(tmp_path / "program", a_cpp=ADDING, main_cpp=SQUARES)
    analysis = analysed(of)
    better = refined(analysis, evidence(tmp_path).refine(analysis, of))
    counted = {report.kernel.display: report.counts.operations for report in better.kernels}
    single, double, half = (counted[f"squares<{kind}> @line 3"] for kind in ("float", "double", "int16_t"))
    assert (single[Operation.SP], single[Operation.DP]) == (2e6, 0)
    assert (double[Operation.SP], double[Operation.DP]) == (0, 2e6)
    assert (half[Operation.SP], half[Operation.DP]) == (0, 0)


@needs_clang
def test_a_target_that_the_compiler_does_not_know_is_replaced_and_said_so(tmp_path: Path) -> None:
    of = program(tmp_path / "program", main_cpp=OPENMP)
    (counts,) = evidence(tmp_path).refine(analysed(of, "rtx-5090"), of).counts.values()
    assert "compiled for sm_90: clang++ makes no code for sm_120" in counts.assumptions


@needs_nvcc
def test_a_header_of_a_neighbouring_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "step.h").write_text("#define STEP 1.5f\n")
    source = '#include "../other/step.h"\n__global__ void k(float *x) { x[threadIdx.x] += STEP; }\n'
    of = program(tmp_path / "program", main_cu=source)
    found = evidence(tmp_path).refine(analysed(of), of)
    assert not found.problems
    assert len(found.counts) == 1


def test_other_hardware_is_a_problem_in_one_sentence(tmp_path: Path) -> None:
    of = program(tmp_path / "program", main_cu=CUDA, add_h=ADD, Makefile=MAKEFILE)
    (problem,) = evidence(tmp_path, Refusing()).refine(analysed(of, "mi210"), of).problems
    assert problem.message == (
        "no compiled evidence: AMD Instinct MI210 is no NVIDIA GPU, and CUDA is compiled for those alone"
    )


def test_a_header_is_of_the_language_of_who_includes_it(tmp_path: Path) -> None:
    kernel = "__global__ void k(float *x) { x[threadIdx.x] = 0; }\n"
    source = '#include <hip/hip_runtime.h>\n#include "kernel.h"\n'
    of = program(tmp_path / "program", main_cu=source, kernel_h=kernel)
    (problem,) = evidence(tmp_path, Refusing()).refine(analysed(of, "mi210"), of).problems
    assert problem.message.startswith("no compiled evidence: hipcc")


def test_what_hip_lacks_is_a_problem_in_one_sentence(tmp_path: Path) -> None:
    hip = "#include <hip/hip_runtime.h>\n__global__ void k(float *x) { x[threadIdx.x] = 0; }\n"
    of = program(tmp_path / "program", main_hip=hip)
    (other,) = evidence(tmp_path, Refusing()).refine(analysed(of), of).problems
    assert other.message.endswith("is no AMD GPU, and HIP is compiled for those alone")
    (missing,) = evidence(tmp_path, Refusing()).refine(analysed(of, "mi210"), of).problems
    assert missing.message == "no compiled evidence: hipcc is not here: sudo apt-get install hipcc"


@needs_nvcc
def test_cancelling_ends_the_compiler(tmp_path: Path) -> None:
    of = program(tmp_path / "program", main_cu=CUDA, add_h=ADD, Makefile=MAKEFILE)

    async def cancelled() -> None:
        task = asyncio.create_task(evidence(tmp_path).compiled(analysed(of), of))
        await asyncio.sleep(0.3)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
