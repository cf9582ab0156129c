"""What arithmetic in half precision costs: in source, in machine code, and on a device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app import wording
from jouleline.app.analyse import analyse, parse_files
from jouleline.core.counts import Operation
from jouleline.core.instructions import operations
from jouleline.core.polynomial import Polynomial
from jouleline.core.roofline import charged, classify
from jouleline.core.sass import parse_sass
from jouleline.devices import load_catalogue

from .kernels import THREADS, kernel, per_thread

CATALOGUE = load_catalogue()
PARAMETERS = "half *h, half2 *p, __nv_bfloat16 *b, __nv_bfloat162 *q, float *f"


def single(body: str, before: str = "") -> float:
    """``sp`` operations of a body for each thread, on a device that is no faster in half precision."""
    found = kernel(body, before, PARAMETERS)
    assert not any("is not counted" in one for one in found.counts.assumptions)
    return per_thread(found, Operation.SP)


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        # One number counts one, a pair counts two, and a multiply-add twice as much.
        ("h[i] = __hadd(h[i], h[i]);", 1),
        ("h[i] = h[i] + h[i];", 1),
        ("p[i] = __hadd2(p[i], p[i]);", 2),
        ("p[i] = p[i] + p[i];", 2),
        ("p[i] *= p[i];", 2),
        ("p[i].x = p[i].x + p[i].y;", 1),
        ("h[i] = __hfma(h[i], h[i], h[i]);", 2),
        ("p[i] = __hfma2_relu(p[i], p[i], p[i]);", 4),
        ("p[i] = __hcmadd(p[i], p[i], p[i]);", 8),
        ("b[i] = __hmul_sat(b[i], b[i]);", 1),
        ("q[i] = __hsub2(q[i], q[i]);", 2),
        ("((half2 *)h)[i] = __hadd2(p[i], p[i]);", 2),
        # Comparisons, minima and signs cost nothing, as in single precision.
        ("p[i] = __hmax2(__hneg2(p[i]), __habs2(p[i]));", 0),
        ("if (__hlt(h[i], h[i]) && __hbeq2(p[i], p[i])) f[i] = __hge2_mask(p[i], p[i]);", 0),
        ("h[i] = hfloor(h[i]); p[i] = h2rint(p[i]);", 0),
        # Conversions move bits, and what comes out of them is what it says.
        ("f[i] = __half2float(h[i]) * 2.0f;", 1),
        ("float2 v = __half22float2(p[i]); f[i] = v.x * v.y;", 1),
        ("p[i] = __floats2half2_rn(f[i], f[i]) * __half2half2(h[i]);", 2),
        ("q[i] = __float2bfloat162_rn(1.0f) + make_bfloat162(b[i], b[i]);", 2),
        ("f[i] = __low2float(p[i]) + __high2float(p[i]);", 1),
        # A division is a multiplication by a reciprocal.
        ("h[i] = h[i] / h[i];", 1),
        ("p[i] = __h2div(p[i], p[i]);", 2),
        ("h[i] = hsqrt(h[i]);", 0),
        ("h[i] = hexp(h[i]);", 10),
        ("p[i] = h2exp(p[i]);", 20),
    ],
)
def test_operations_on_halves_and_on_pairs(body: str, amount: float) -> None:
    assert single(body) == amount


def test_a_function_unit_works_for_each_number() -> None:
    found = kernel("p[i] = h2rsqrt(p[i]); h[i] = hrcp(h[i]);", "", PARAMETERS)
    assert per_thread(found, Operation.SPECIAL) == 3


def test_an_addition_to_a_pair_in_shared_memory_is_tried_until_it_succeeds() -> None:
    body = "__shared__ {0} sum[1]; atomicAdd(sum, {1}[i]);"
    assert single(body.format("half2", "p")) == 2 * single(body.format("float", "f"))


def test_a_function_of_the_program_goes_before_one_of_the_header() -> None:
    own = "__device__ half hexp(half x) { return x * x + x; }"
    assert single("h[i] = hexp(h[i]);", own) == 2


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("__half", 2),
        ("_Float16", 2),
        ("nv_bfloat16", 2),
        ("__hip_bfloat16", 2),
        ("half2", 4),
        ("__nv_bfloat162", 4),
    ],
)
def test_halves_are_two_bytes_and_pairs_four(name: str, size: int) -> None:
    [array] = kernel("float v = x[i];", "", f"{name} *x").counts.arrays
    assert array.dram_bytes == size * THREADS


@pytest.mark.parametrize(
    ("device", "faster"),
    [("rtx-3080", 1), ("t4", 2), ("h200", 2), ("a100-sxm4-40gb", 4), ("mi250x-gcd", 1)],
)
def test_a_kernel_in_half_precision_meets_the_ridge_point_of_its_own_peak(device: str, faster: int) -> None:
    gpu = CATALOGUE.get(device)
    text = """
    __global__ void twice(half2 *p) { p[threadIdx.x] = __hmul2(p[threadIdx.x], p[threadIdx.x]); }
    int main() { half2 *p; twice<<<1, 256>>>(p); }"""
    parsed, _ = parse_files({"main.cu": text.encode()})
    found = analyse(parsed, gpu, ()).kernels[0].counts
    assert found.operations[Operation.SP] == pytest.approx(2 * 256 / faster, rel=0.05)
    assert Operation.HALF not in found.operations
    assert Operation.HALF not in found.formula
    unknown = gpu.half_flop_per_s is None
    assert any("half precision is as fast as single" in one for one in found.assumptions) == unknown


@given(st.floats(0, 1e15), st.floats(0, 1e15), st.sampled_from(sorted(one.id for one in CATALOGUE)))
def test_halves_take_as_long_as_what_they_are_charged_as(sp: float, half: float, device: str) -> None:
    gpu = CATALOGUE.get(device)
    as_single = charged({Operation.SP: sp, Operation.HALF: half}, gpu)
    peak = (gpu.half_flop_per_s or gpu.sp_flop_per_s).value
    seconds = as_single[Operation.SP] / gpu.sp_flop_per_s.value
    assert seconds == pytest.approx(sp / gpu.sp_flop_per_s.value + half / peak)
    assert charged({Operation.HALF: half}, gpu).keys() == {Operation.SP}


def test_formulas_are_charged_alike() -> None:
    n = Polynomial.symbol("n")
    found = charged({Operation.SP: n, Operation.HALF: n * 4}, CATALOGUE.get("a100-sxm4-40gb"))
    assert found[Operation.SP].evaluate({"n": 100.0}.__getitem__) == pytest.approx(200, rel=1e-3)


# What nvcc 13.0 makes of a call, which is behind it, with the target where another one has it.
SASS = [
    ("HADD2 R5, R2.H0_H0, R5.H0_H0", 1),  # __hadd
    ("HADD2 R9, R2, -R5", 2),  # __hsub2
    ("HMUL2.SAT R9, R2, R5", 2),  # __hmul2_sat
    ("HMUL2 R9, R2, R5.H0_H0", 2),  # __hmul2 by __half2half2
    ("HADD2 R0, R2.H0_H0, 3, 3", 1),  # __hadd of a constant
    ("HADD2 R7, R2, 3, 3", 2),  # __hadd2 of a constant
    ("HFMA2 R5, R2.H0_H0, R5.H0_H0, R6.H0_H0", 2),  # __hfma
    ("HFMA2 R7, R2, R7.H1_H1, 1.5, 1.5", 4),  # __hfma2 with constants
    ("HFMA2 R0, R2.H0_H0, 0.0001220703125, 0.0001220703125, |R5|.H0_H0", 2),  # a correction of hsin
    ("HFMA2.BF16_V2 R5, R2.H0_H0, 1, 1, R5.H0_H0", 2),  # __hadd of bf16
    ("HFMA2.BF16_V2 R9, R2, R5, -RZ.H0_H0", 4),  # __hmul2 of bf16
    ("HFMA2 R11, R3.H1_H1, R4.H0_NH1, R0", 4),  # the second of __hcmadd
    ("HFMA2.MMA R11, R2, R5, R6", 4),  # __hfma2 (sm_80)
    ("HADD2.BF16_V2 R5, R2.H0_H0, -R5.H0_H0", 1),  # __hsub of bf16 (sm_90)
    ("HFMA2.MMA.BF16_V2 R11, R2, R5, R6", 4),  # __hfma2 of bf16 (sm_90)
    ("HFMA2.MMA.RELU R11, R2, R5, R6", 4),  # __hfma2_relu (sm_90)
    ("HADD2.F32 R7, -RZ, R2.H0_H0", 0),  # __half2float
    ("HADD2 R3, |R2|.H0_H0, -RZ.H0_H0", 0),  # __habs
    ("HFMA2.BF16_V2 R7, -RZ.H0_H0, RZ.H0_H0, -R2", 0),  # __hneg2 of bf16
    ("HFMA2.MMA R5, -RZ, RZ, 0, 1.1920928955078125e-07", 0),  # a constant
    ("HFMA2 R4, -RZ, RZ, 1.783203125, -45152", 0),  # a constant (sm_100)
    ("HMNMX2.NAN R9, R2, R5, !PT", 0),  # __hmax2_nan
    ("HSETP2.GEU.AND P0, PT, R2.H0_H0, R5.H0_H0, PT", 0),  # __hlt
    ("F2FP.BF16.PACK_AB R7, R3, R2", 0),  # __float22bfloat162_rn
]


@pytest.mark.parametrize(("instruction", "amount"), SASS)
def test_machine_code_counts_numbers_and_no_moves(instruction: str, amount: float) -> None:
    [code] = parse_sass(f"//--- .text.k  ---\n        /*0000*/  {instruction} ;\n")
    assert operations(code.instructions[0]) == (((Operation.HALF, amount),) if amount else ())


def test_a_bound_may_be_driven_by_half_precision() -> None:
    body = "half2 v = p[i]; for (int j = 0; j < 1000; j++) v = __hfma2(v, v, v); p[i] = v;"
    found = kernel(body, "", PARAMETERS)
    assert classify(found.counts, CATALOGUE.get("rtx-3080-paper")).driver is Operation.SP


def test_the_words_say_how_much_of_sp_is_in_half_precision() -> None:
    found = kernel("p[i] = __hfma2(p[i], p[i], p[i]); f[i] += 1.0f;", "", PARAMETERS).counts
    assert found.halves == 4 * THREADS
    assert wording.operations(found).startswith("20.5 k sp (with 16.4 k in half precision), ")
    assert "half" not in wording.operations(kernel("f[i] += 1.0f;", "", PARAMETERS).counts)
