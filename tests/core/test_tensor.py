"""What tensor units compute: in matrices of a warp, in inline assembly, and in machine code."""

import pytest

from jouleline.app.analyse import KernelReport
from jouleline.core import tensor
from jouleline.core.counts import Operation
from jouleline.core.instructions import operations
from jouleline.core.roofline import classify
from jouleline.core.sass import parse_sass
from jouleline.devices import load_catalogue

from .kernels import kernel, per_thread, report

FRAGMENTS = """
  wmma::fragment<wmma::matrix_a, {0}, {1}, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, {0}, {1}, wmma::col_major> fb;
  wmma::fragment<wmma::accumulator, {0}, {2}> fc;
"""
MACHINE = [
    # What nvcc 13.5 makes of one product, its operations, and how many instructions they become.
    ("HMMA.1688.F32", 2 * 16 * 16 * 16, 4),  # wmma of halves (sm_75)
    ("IMMA.8816.S8.S8", 2 * 16 * 16 * 16, 4),  # wmma of bytes (sm_75)
    ("HMMA.16816.F32", 2 * 16 * 16 * 16, 2),  # wmma of halves (sm_80)
    ("IMMA.16816.S8.S8", 2 * 16 * 16 * 16, 2),  # wmma of bytes (sm_80)
    ("HMMA.1684.F32.TF32", 2 * 16 * 16 * 8, 4),  # wmma of tf32 (sm_80)
    ("BMMA.88128.XOR.POPC", 2 * 8 * 8 * 128, 1),  # wmma of bits (sm_80)
    ("HMMA.SP.16832.F32", 16 * 8 * 32, 1),  # mma.sp.m16n8k32, half of whose factors are left out (sm_80)
    ("QMMA.16832.F32.E4M3.E4M3", 2 * 16 * 8 * 32, 1),  # mma.m16n8k32 of e4m3 (sm_89)
    ("HGMMA.64x16x16.F32", 2 * 64 * 16 * 16 / 4, 1),  # wgmma.m64n16k16: a fourth of it in each warp (sm_90a)
    ("HMMA.884.F32.F32.STEP0", 512, 1),  # a step on Volta
]


@pytest.mark.parametrize(("opcode", "product", "instructions"), MACHINE)
def test_machine_instructions_count_by_their_shape(opcode: str, product: float, instructions: int) -> None:
    [code] = parse_sass(f"//--- .text.k  ---\n        /*0000*/  {opcode} R4, R8, R2, R4 ;\n")
    assert operations(code.instructions[0]) == ((Operation.TENSOR, product / instructions / 32),)


@pytest.mark.parametrize(
    ("opcode", "amount"), [("DMMA.884", 512), ("DMMA.8x8x4", 512), ("DMMA.16x8x16", 4096)]
)
def test_products_of_doubles_are_double_precision(opcode: str, amount: float) -> None:
    [code] = parse_sass(f"//--- .text.k  ---\n        /*0000*/  {opcode} R4, R8, R2, R4 ;\n")
    assert operations(code.instructions[0]) == ((Operation.DP, amount / 32),)


def product(shape: str, factor: str, sum_type: str) -> KernelReport:
    body = FRAGMENTS.format(shape, factor, sum_type) + "wmma::mma_sync(fc, fa, fb, fc);"
    return kernel(body, parameters="float *x")


@pytest.mark.parametrize(
    ("shape", "factor", "sum_type", "operation", "amount"),
    [
        ("16, 16, 16", "half", "float", Operation.TENSOR, 2 * 16 * 16 * 16),
        ("32, 8, 16", "__nv_bfloat16", "float", Operation.TENSOR, 2 * 32 * 8 * 16),
        ("16, 16, 8", "wmma::precision::tf32", "float", Operation.TENSOR, 2 * 16 * 16 * 8),
        ("8, 32, 16", "signed char", "int", Operation.TENSOR, 2 * 8 * 32 * 16),
        ("8, 8, 4", "double", "double", Operation.DP, 2 * 8 * 8 * 4),
    ],
)
def test_a_product_of_fragments(
    shape: str, factor: str, sum_type: str, operation: Operation, amount: float
) -> None:
    found = product(shape, factor, sum_type)
    assert per_thread(found, operation) == amount / 32
    assert not any("not counted" in one for one in found.counts.assumptions)


def test_fragments_by_an_alias_in_arrays_and_with_sizes_of_a_template() -> None:
    text = """
    template <int M, int N, int K, class T> __global__ void k(float *x) {
      using Factor = wmma::fragment<wmma::matrix_a, M, N, K, T, wmma::row_major>;
      wmma::fragment<wmma::accumulator, M, N, K, float> sums[2];
      Factor a; wmma::fragment<wmma::matrix_b, M, N, K, T, wmma::row_major> b;
      for (int i = 0; i < 2; i++) wmma::mma_sync(sums[i], a, b, sums[i]);
      for (int i = 0; i < sums[0].num_elements; i++) sums[0].x[i] = 2.0f * sums[0].x[i] + sums[1].x[i];
    }
    int main() { float *x; k<16, 16, 16, half><<<16, 256>>>(x); }"""
    found = report(text)
    assert per_thread(found, Operation.TENSOR) == 2 * 2 * 16 * 16 * 16 / 32
    assert per_thread(found, Operation.SP) == 2 * 16 * 16 / 32


GEMM = """
__global__ void gemm(const half *a, const half *b, float *c, int n, int k) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / warpSize * 16, column = blockIdx.y * 16;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::LAYOUT> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  wmma::fill_fragment(fc, 0.0f);
  for (int i = 0; i < k; i += 16) {
    wmma::load_matrix_sync(fa, a + row * k + i, k);
    wmma::load_matrix_sync(fb, b + AT, LEADING);
    wmma::mma_sync(fc, fa, fb, fc);
  }
  wmma::store_matrix_sync(c + row * n + column, fc, n, wmma::mem_row_major);
}
int main() {
  int n = 512, k = 512;
  half *a, *b; float *c;
  cudaMalloc(&a, n * k * 2); cudaMalloc(&b, n * k * 2); cudaMalloc(&c, n * n * 4);
  gemm<<<dim3(n / 64, n / 16), 128>>>(a, b, c, n, k);
}
"""


@pytest.mark.parametrize(
    ("layout", "at", "leading"), [("col_major", "column * k + i", "k"), ("row_major", "i * n + column", "n")]
)
def test_a_matrix_product_reads_its_factors_once_where_the_cache_keeps_them(
    layout: str, at: str, leading: str
) -> None:
    found = report(GEMM.replace("LAYOUT", layout).replace("AT", at).replace("LEADING", leading))
    assert found.counts.operations[Operation.TENSOR] == 2 * 512**3
    moved = {array.name: array.dram_bytes for array in found.counts.arrays}
    assert moved["a"] == pytest.approx(2 * 512**2, rel=1e-3)
    assert moved["b"] == pytest.approx(2 * 512**2, rel=1e-3)
    assert 0 < moved["c"] < 4 * 512**2
    assert found.bound.driver is Operation.TENSOR


def test_a_shape_that_is_not_known_is_said() -> None:
    found = kernel("wmma::mma_sync(fc, fa, fb, fc);", parameters="float *x")
    assert found.counts.operations[Operation.TENSOR] == 0
    assert any("mma_sync() is not counted" in one for one in found.counts.assumptions)


def test_a_function_of_the_program_goes_before_that_of_the_library() -> None:
    own = "__device__ void mma_sync(float &d, float a, float b, float c) { d = a * b + c; }"
    found = kernel("mma_sync(x[i], y[i], y[i], x[i]);", own)
    assert per_thread(found, Operation.SP) == 2
    assert found.counts.operations[Operation.TENSOR] == 0


def test_tensor_work_is_as_uncertain_as_what_is_counted_worst() -> None:
    found = product("16, 16, 16", "half", "float").counts.uncertainty_log2
    assert found["tensor"] == max(found[name] for name in ("sp", "dp", "int"))
    assert found["tensor_per_byte"] == max(found[f"{name}_per_byte"] for name in ("sp", "dp", "int"))


def test_the_bound_is_that_of_the_tensor_peak() -> None:
    counts = report(
        GEMM.replace("LAYOUT", "col_major").replace("AT", "column * k + i").replace("LEADING", "k")
    )
    gpu = load_catalogue().get("h200")
    assert gpu.tensor_flop_per_s is not None
    assert classify(counts.counts, gpu).floor_s >= 2 * 512**3 / gpu.tensor_flop_per_s.value


@pytest.mark.parametrize(
    ("opcode", "threads", "amount"),
    [
        ("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 32, 4096),
        ("wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32", 32, 8192),
        ("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16", 128, 2 * 64 * 256 * 16),
    ],
)
def test_products_in_ptx(opcode: str, threads: int, amount: int) -> None:
    found = tensor.of_ptx(opcode)
    assert found is not None
    assert found.of_thread * threads == amount


@pytest.mark.parametrize("opcode", ["wgmma.fence.sync.aligned", "mad.lo.s32", "wmma.load.a.sync.m16n16k16"])
def test_what_is_no_product(opcode: str) -> None:
    assert tensor.of_ptx(opcode) is None
