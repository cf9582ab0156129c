"""Arithmetic as GPUs do it, against instructions counted by hand in what nvcc makes for sm_86."""

from time import process_time

import pytest

from jouleline.app.analyse import analyse, parse_files
from jouleline.core.counts import Operation

from .kernels import DEVICE, INDEX, LAUNCH, THREADS, floats, integers


@pytest.mark.parametrize(
    ("body", "sp", "dp", "integer"),
    [
        # 5 FFMA after the reciprocal; FCHK is no arithmetic. The addresses of x and y are 2 integers.
        ("x[i] = y[i] / (y[i] + 1.0f);", 11, 0, 2),
        # 2 FFMA and a FADD; the exponent is looked at with IADD3, LOP3 and ISETP.
        ("x[i] = 1.0f / y[i];", 5, 0, 5),
        ("float a = y[i]; a /= y[i + 1]; x[i] = a;", 10, 0, 2.5 + 0.5),
        # 7 DFMA, a DMUL, and FFMA on the upper half of the quotient; a constant is moved by IMAD.
        ("d[i] = d[i] / d[i + 1];", 2, 15, 1 + 0.5 + 0.5 + 1),
        # 5 DFMA; the exponent is looked at by an IADD3.
        ("d[i] = 1.0 / d[i];", 0, 10, 2),
        ("x[i] = y[i] / 4.0f;", 1, 0, 2),
        # A third root's first guess is made in single precision.
        ("d[i] = cbrt(d[i]);", 2, 16, 22),
        ("d[i] = sqrt(d[i]);", 0, 13, 6),
    ],
)
def test_divisions_and_roots(body: str, sp: float, dp: float, integer: float) -> None:
    assert (*floats(body), integers(body)) == (sp, dp, integer)


@pytest.mark.parametrize(
    ("value", "instructions"),
    [
        ("a + b + c", 1),  # IADD3
        ("a + b + c + e", 2),
        ("(a - b) + (c - e)", 2),
        ("a * b + c + e", 2),  # IMAD, IADD3
        ("a & b & c", 1),  # LOP3
        ("(a & b) | (~a & c)", 1),
        ("~a ^ b", 1),
        ("~a", 1),
        ("a ^ b ^ c ^ e ^ 5", 2),
        ("(a << 7) | (a >> 25)", 1),  # SHF
        ("(a << b) | (a >> (32 - b))", 1),
        ("(a >> 3) | (a << (32 - 3))", 1),
        ("(a << 7) | (b >> 25)", 3),
        ("(a << 7) | (a >> 24)", 3),
        ("((a << 7) | (a >> 25)) + b + c", 2),
    ],
)
def test_an_instruction_takes_three_integers(value: str, instructions: int) -> None:
    given = "int a = v[i], b = v[i + 1], c = v[i + 2], e = v[i + 3];"
    assert integers(f"{given} v[i] = {value};") - integers(f"{given} v[i] = a;") == instructions


@pytest.mark.parametrize(
    ("value", "instructions"),
    [
        ("a + b", 2),  # IADD3, and IADD3.X for the carry
        ("a * b", 4),
        ("a & b & c", 2),
        ("(a << 9) | (a >> 55)", 2),
        ("a + 2 * k", 1),  # IMAD.WIDE
    ],
)
def test_long_integers_take_an_instruction_for_each_half(value: str, instructions: int) -> None:
    given = "int k = v[i]; long a = (long)v[i + 1], b = (long)v[i + 2], c = (long)v[i + 3];"
    assert integers(f"{given} v[i] = {value};") - integers(f"{given} v[i] = a;") == instructions


def test_a_sum_is_not_joined_with_one_that_is_computed_before_a_loop() -> None:
    loop = "int a = v[i], b = v[i + 1], s = 0; for (int j = 0; j < 1000; j++) s ^= {} + v[j]; v[i] = s;"
    assert integers(loop.format("(a + b)")) == integers(loop.format("a")) + 1


STRIDED = "for (int j = i; j < 40960; j += {}) x[j] += 1.0f;"


def test_a_loop_whose_step_the_compiler_does_not_know_is_not_unrolled() -> None:
    # 10 times round: IADD3 and ISETP, and an IMAD.WIDE for the address.
    assert integers(STRIDED.format("gridDim.x * blockDim.x")) == pytest.approx(10 * (2 + 1), abs=2)
    # Four times round at once: half an instruction for the loop, and addresses that differ by constants.
    assert integers(STRIDED.format("4096")) == pytest.approx(10 * (0.5 + 0.25), abs=2)


@pytest.mark.parametrize(
    ("statement", "times"),
    [
        ("v[i] += a;", 1000),  # another number each time
        ("v[i] = v[i] + a;", 1000),
        ("v[i]++;", 1000),
        ("x[i] = v[i] + a;", 1),  # the same each time
    ],
)
def test_what_a_loop_stores_is_computed_again_each_time_round(statement: str, times: int) -> None:
    loop = f"int a = v[i + 1]; for (int j = 0; j < 1000; j++) {{ {statement} }}"
    assert integers(loop) == pytest.approx(0.5 * 1000 + times, abs=3)


def test_a_pointer_that_has_moved_needs_no_address_of_its_own() -> None:
    walk = "float *p = x; int n = v[i]; while (n > 0) { p = next(p, n); n--; s += *p; } x[i] = s;"
    step = "__device__ float *next(float *p, int n) { return p + v0(n); } __device__ int v0(int n);"
    indexed = walk.replace("*p;", "p[n];")
    assert integers("float s = 0;" + walk, step) < integers("float s = 0;" + indexed, step)


@pytest.mark.parametrize(
    ("before", "sp", "dp"),
    [
        ("#define K 3.14159", 0, 1),
        ("#define K 3.14159f", 1, 0),
        ("#define K (2.0 * 3.14)", 0, 1),
        ("#define HALF 0.3\n#define K (HALF * 4)", 0, 1),
        ("#define K M_PI", 0, 1),
        ("#define K acos(-1.0)", 0, 1),  # the compiler works it out
        ("#define K (1.0f / sqrtf(3.0f))", 1, 0),
        ("#define K FLT_MAX", 1, 0),
        ("#define K CUDART_PI_F", 1, 0),
        ("#define K (y[i] * 2.0f)", 2, 0),
        ("#define K K", 1, 0),
    ],
)
def test_a_macro_has_the_type_and_the_cost_of_what_it_stands_for(before: str, sp: float, dp: float) -> None:
    assert floats("x[i] = y[i] * K;", before) == (sp, dp)


def test_a_macro_that_stands_for_an_index_is_computed_once() -> None:
    index = "#define AT (threadIdx.y * 7 + blockIdx.y)"
    once = integers("x[AT] = 1.0f;", index)
    assert integers("x[AT] = 1.0f; y[AT] = 2.0f;", index) == once + 1  # the address of y


@pytest.mark.parametrize(
    ("before", "call"),
    [
        ("#define F expf", "F(y[i])"),
        ("#define F G\n#define G expf", "F(y[i])"),
        ("#define F G\n#define G(a) expf(a)", "F(y[i])"),
        ("#define F g\n__device__ float g(float a) { return expf(a); }", "F(y[i])"),
        ("#define F F", "expf(y[i])"),
    ],
)
def test_a_function_is_known_by_the_name_that_a_macro_gives_it(before: str, call: str) -> None:
    assert floats(f"x[i] = {call};", before) == floats("x[i] = expf(y[i]);")


def test_a_macro_of_statements_is_known_by_another_name() -> None:
    before = "#define STEP(a, b) { a = a * b; a += 1.0f; }\n#define ROUND STEP\n#define AGAIN ROUND"
    assert floats("float s = y[i]; ROUND(s, s); AGAIN(s, s); x[i] = s;", before)[0] == 4


@pytest.mark.parametrize(
    ("value", "sp"),
    [
        ("cuCmulf(a, b).x", 6),
        ("cuCrealf(cuCaddf(a, cuConjf(b)))", 2),
        ("hipCsubf(a, b).y", 2),
        ("cuCabsf(a)", 4 + 10),  # w / v; 1 + t * t, v * sqrt, v + w
        ("cuCdivf(a, b).x", 16 + 2 * 5),  # twice 1 / s
    ],
)
def test_functions_on_complex_numbers(value: str, sp: float) -> None:
    given = "cuFloatComplex a = make_cuFloatComplex(y[i], y[i + 1]), b = a;"
    assert floats(f"{given} x[i] = {value};") == (sp, 0)


def test_a_complex_function_in_double_precision() -> None:
    given = "cuDoubleComplex a = make_cuDoubleComplex(d[i], 1.0);"
    assert floats(f"{given} d[i] = cuCabs(a);") == (2, 4 + 15 + 13)


@pytest.mark.parametrize(
    ("declaration", "sp"),
    [
        ("float a(f(y[i]));", 2),
        ("float b(y[i]), a(b);", 1),
        ("float a(3.0f * y[i]);", 2),
        ("float a{y[i]};", 1),
    ],
)
def test_a_variable_that_is_initialised_directly(declaration: str, sp: float) -> None:
    before = "__device__ float f(float a) { return a * a; }"
    assert floats(f"{declaration} x[i] = a * a;", before)[0] == sp


@pytest.mark.parametrize(
    ("loop", "operations"),
    [
        # Written out: a mask each, and what is done with it.
        ("for (int s = 1; s < 16; s *= 2)", 4 * (1 + 1)),
        # By constants: a product and shifts.
        ("for (int s = 3; s < 7; s++)", 4 * (4 + 1)),
        # The loop's two and its step, and a division.
        ("for (int s = 1; s < v[0]; s *= 2)", 16 * (3 + 22 + 1)),
    ],
)
def test_a_remainder_by_the_index_of_a_loop(loop: str, operations: float) -> None:
    found = integers(f"int m = 0; {loop} m ^= v[i + 1] % s; v[i] = m;") - integers("v[i] = v[i + 1];")
    assert found == pytest.approx(operations, rel=0.05)


@pytest.mark.parametrize(
    ("value", "plain", "fast"),
    [
        ("y[i] / x[i]", 10, 1),  # a product with the function unit's reciprocal
        ("1.0f / x[i]", 5, 0),
        ("expf(y[i])", 10, 1),
        ("erff(y[i])", 16, 16),  # which is not left to the function unit
    ],
)
def test_fast_math_leaves_divisions_and_functions_to_the_function_unit(
    value: str, plain: float, fast: float
) -> None:
    head = f"__global__ void k(float *x, float *y) {{ {INDEX} x[i] = {value}; }}"
    parsed, _ = parse_files({"main.cu": (head + LAUNCH.format("x, y")).encode()})
    for macros, expected in (({}, plain), ({"__FAST_MATH__": "1"}, fast)):
        found = analyse(parsed, DEVICE, macros=macros).kernels[0].counts.operations
        assert found[Operation.SP] / THREADS == expected


@pytest.mark.parametrize("update", ["s[i % 4] += x[i] * 2.0f;", "s[i % 4] -= 2.0f * x[i];"])
def test_memory_itself_does_the_atomic_updates_of_openmp(update: str) -> None:
    loop = "#pragma omp target teams distribute parallel for\nfor (int i = 0; i < 1024; i++) {{ {} {} }}"
    counted = []
    for directive in ("", "\n#pragma omp atomic update\n"):
        text = "void f(float *s, float *x) {\n" + loop.format(directive, update) + "\n}"
        parsed, _ = parse_files({"main.cpp": text.encode()})
        counted.append(analyse(parsed, DEVICE).kernels[0].counts.operations[Operation.SP])
    assert counted == [2 * 1024, 1024]


@pytest.mark.parametrize(
    "loop",
    [
        "for (int s = blockDim.x / 2; s > 0; s >>= 1) if (threadIdx.x < s)",
        "for (int s = 128; s > 0; s /= 2) if (threadIdx.x < s)",
        "for (int s = 1; s < blockDim.x; s *= 2) if (threadIdx.x < s)",
    ],
)
def test_a_tree_reduction_adds_as_often_as_there_are_pairs(loop: str) -> None:
    # 128 + 64 + ... + 1 of the 256 threads of a block.
    assert floats(f"__shared__ float t[256]; {loop} t[threadIdx.x] += t[threadIdx.x + s];")[0] == 255 / 256


def test_a_chain_is_looked_at_only_as_far_as_its_numbers_are_joined() -> None:
    before = process_time()
    assert integers(f"v[i] = {' ^ '.join(f'v[{index}]' for index in range(450))};") > 450
    assert process_time() - before < 0.5
