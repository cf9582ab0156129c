"""Operations and traffic of small kernels, against counts made by hand."""

import pytest

from jouleline.core.counts import Operation

from .kernels import INDEX, LARGE, LAUNCH, floats, integers, kernel, moved, per_thread, report


@pytest.mark.parametrize(
    ("body", "sp", "dp"),
    [
        ("x[i] = y[i] + 1.0f;", 1, 0),
        ("x[i] = y[i] * 2.0f + 1.0f;", 2, 0),
        ("x[i] += y[i] * y[i];", 2, 0),
        ("x[i] = fmaf(y[i], y[i], 1.0f);", 2, 0),
        ("d[i] = d[i] * 2.0;", 0, 1),
        ("d[i] = fma(d[i], d[i], 1.0);", 0, 2),
        ("x[i] = y[i] * 2.1;", 0, 1),
        ("x[i] = y[i] * (float)d[i];", 1, 0),
        ("x[i] = -y[i];", 0, 0),
        ("x[i] = fabsf(y[i]);", 0, 0),
        ("float a = y[i]; a *= 3; x[i] = a;", 1, 0),
        ("x[i] = y[i] > 0.0f ? y[i] * 2.0f : 0.0f;", 0.5, 0),
        ("x[i] = y[i] / 2.0f;", 1, 0),
        ("x[i] = v[i] * 2;", 0, 0),
    ],
)
def test_floating_point_operations(body: str, sp: float, dp: float) -> None:
    assert floats(body) == (sp, dp)


@pytest.mark.parametrize(
    ("body", "operations"),
    [
        ("", 0),
        ("x[i] = 0.0f;", 1),
        ("v[i] = v[i] + 1;", 2),
        ("v[i]++;", 2),
        ("v[i] = v[i] * 3 + 1;", 2),
        ("v[i] = v[i] / 8;", 2),
        ("v[i] = ~(v[i] << 3) ^ 5;", 3),
        ("v[i] = __popc(v[i]);", 2),
        ("v[i] = max(v[i], 0);", 2),
        ("if (i < 5000) x[i] = 0.0f;", 2),
        ("v[i] = i * 5 + i * 5;", 2),
        ("x[i + 1] = x[i];", 2),
        ("float a[4]; a[0] = 1.0f;", 0),
    ],
)
def test_integer_operations_with_their_addresses(body: str, operations: float) -> None:
    assert integers(body) == operations


@pytest.mark.parametrize(
    ("body", "sp"),
    [
        ("for (int j = 0; j < 10; j++) x[i] += 1.0f;", 10),
        ("for (int j = 0; j < 10; j++) for (int l = 0; l < 7; l++) x[i] += 1.0f;", 70),
        ("for (int j = 0; j < 10; j++) for (int l = 0; l < j; l++) x[i] += 1.0f;", 45),
        ("for (int j = 64; j > 0; j >>= 1) x[i] += 1.0f;", 7),
        ("for (int j = threadIdx.x; j < 1024; j += blockDim.x) x[j] += 1.0f;", 4),
        ("for (int j = i; j < 40960; j += gridDim.x * blockDim.x) x[j] += 1.0f;", 10),
        ("if (i < 1024) x[i] += 1.0f;", 0.25),
        ("if (i >= 1024) return; x[i] += 1.0f;", 0.25),
        ("if (threadIdx.x == 0) x[i] += 1.0f;", 1 / 256),
        ("if (i < 1024) { x[i] += 1.0f; } else { x[i] += 1.0f; x[i] += 2.0f; }", 1.75),
        ("if (v[i] > 0) x[i] += 1.0f;", 0.5),
        ("switch (v[i]) { case 0: x[i] += 1.0f; break; case 1: x[i] += 2.0f; }", 1),
        ("int n = 3; while (n--) x[i] += 1.0f;", 3),
        ("int n = v[i]; while (n--) x[i] += 1.0f;", 16),
    ],
)
def test_loops_and_guards_scale_what_they_hold(body: str, sp: float) -> None:
    assert floats(body)[0] == pytest.approx(sp)


def test_a_loop_that_is_unrolled_costs_no_control() -> None:
    short = "for (int j = 0; j < N; j++) s += 1.0f;"
    assert integers(f"float s = 0; {short} x[i] = s;", "#define N 8") == 1
    assert integers(f"float s = 0; {short} x[i] = s;", "#define N 800") == 1 + 0.5 * 800
    assert integers(f"float s = 0; {short} x[i] = s;", "const int N = 4;") == 1
    assert integers(f"float s = 0; const int N = 2 * 4; {short} x[i] = s;") == 1
    assert integers(f"float s = 0; int N = v[0]; {short} x[i] = s;") == 2 + 2 * 16


@pytest.mark.parametrize(
    ("before", "call", "sp"),
    [
        ("__device__ float f(float a) { return a * a; }", "f(y[i])", 1),
        ("__device__ float f(float a) { return a * a; }", "f(f(y[i])) + f(y[i])", 4),
        ("template <typename T> __device__ T f(T a) { return a * a; }", "f(y[i])", 1),
        (
            "__device__ float f(int n) { float s = 0; for (int j = 0; j < n; j++) s += 1.0f; return s; }",
            "f(5) + f(7)",
            13,
        ),
        (
            "template <int N> __device__ float f(float s) { for (int j = 0; j < N; j++) s += 1; return s; }",
            "f<9>(y[i])",
            9,
        ),
        (
            "__device__ float f(float a) { if (threadIdx.x < blockDim.x / 2) return a * a; return a; }",
            "f(y[i])",
            0.5,
        ),
        ("__device__ float f(float a) { return f(a * a); }", "f(y[i])", 6),
        ("#define SQUARE(a) ((a) * (a))", "SQUARE(y[i])", 1),
        ("#define TWICE(a) (SQUARE(a) + SQUARE(a))\n#define SQUARE(a) ((a) * (a))", "TWICE(y[i])", 3),
        ("#define A(a) B(a)\n#define B(a) A(a)", "A(y[i])", 0),
    ],
)
def test_the_programs_own_functions_and_macros_are_counted_where_they_are_called(
    before: str, call: str, sp: float
) -> None:
    assert floats(f"x[i] = {call};", before)[0] == sp


def test_a_function_that_fans_out_is_counted_without_walking_every_call() -> None:
    fans = "\n".join(
        f"__device__ float f{level}(float a) {{ return {' + '.join([f'f{level + 1}(a)'] * 20)}; }}"
        for level in range(5)
    )
    last = "__device__ float f5(float a) { return a * a; }"
    # 20^5 calls of f5 and 19 additions at each of the calls above.
    additions = sum(19 * 20**level for level in range(5))
    assert floats("x[i] = f0(y[i]);", fans + "\n" + last)[0] == 20**5 + additions


def test_special_functions_are_counted_with_their_expansion() -> None:
    single, double = kernel("x[i] = expf(y[i]);"), kernel("d[i] = exp(d[i]);")
    assert per_thread(single, Operation.SPECIAL) == per_thread(double, Operation.SPECIAL) == 1
    assert per_thread(single, Operation.SP) > 1
    assert per_thread(single, Operation.DP) == 0
    assert per_thread(double, Operation.DP) > per_thread(single, Operation.SP)


def test_what_is_not_in_the_program_is_said() -> None:
    assert (
        "mystery() is not counted: its source is not in the program"
        in kernel("x[i] = mystery(y[i]);").counts.assumptions
    )


def test_a_kernel_nested_deeper_than_the_stack_is_counted_in_part() -> None:
    found = kernel("x[i] = " + "+".join(["y[i]"] * 3000) + ";")
    assert "counted in part only: the source is nested too deeply" in found.counts.assumptions


def test_members_of_structs_and_vectors_have_their_types() -> None:
    before = "struct P { double m; float x[3]; int n; };"
    found = kernel(
        "x[i] = p[i].m * 2; y[i] = q[i].x * q[i].y;", before, "float *x, float *y, P *p, float4 *q"
    )
    assert (per_thread(found, Operation.SP), per_thread(found, Operation.DP)) == (1, 1)


def test_a_stream_moves_each_byte_once() -> None:
    found = moved("b[i] = a[i];")
    assert found["a"] == 4 * LARGE
    assert found["b"] == pytest.approx(4 * LARGE, rel=0.1)


def test_neighbours_are_read_once() -> None:
    assert moved("b[i] = a[i] + a[i + 1] + a[i + 2];")["a"] == pytest.approx(4 * LARGE, rel=0.05)


def test_what_every_thread_reads_is_read_once() -> None:
    assert moved("b[i] = a[0];")["a"] <= 32


def test_a_large_stride_moves_whole_sectors() -> None:
    assert moved("b[i] = a[i * 16];")["a"] == 32 * LARGE


def test_shared_memory_and_registers_move_nothing() -> None:
    found = moved("__shared__ float s[256]; float r[4]; s[threadIdx.x] = a[i]; r[1] = s[0]; b[i] = r[1];")
    assert found.keys() == {"a", "b"}


def test_an_index_from_data_reads_an_array_of_unknown_size_once() -> None:
    found = moved("b[i] = a[v[i]];")
    assert found["a"] == 4 * LARGE
    assert found["v"] == 4 * LARGE


def test_an_atomic_writes() -> None:
    assert moved("atomicAdd(&b[i], a[i]);")["b"] > 0


def test_what_fits_the_cache_and_is_written_stays_there() -> None:
    found = moved("b[i] = a[i];", n=2**16)
    assert found["a"] == 4 * 2**16
    assert found["b"] < 0.15 * 4 * 2**16


def test_two_dimensions_are_flattened() -> None:
    text = """
    __global__ void k(float *a, const float *b, int w, int h) {
        int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 8 + threadIdx.y;
        if (x < w && y < h) a[y * w + x] = b[y * w + x];
    }
    int main(int argc, char **argv) {
        int w = atoi(argv[1]), h = atoi(argv[2]);
        k<<<dim3(w / 32, h / 8), dim3(32, 8)>>>(a, b, w, h);
    }"""
    found = report(text, "4096", "2048")
    assert {array.name: array.coalescing for array in found.counts.arrays} == {"a": 1, "b": 1}
    assert found.counts.arrays[0].dram_bytes == pytest.approx(4 * 4096 * 2048, rel=0.1)
    assert found.counts.assumptions == ("w = 4096 from the run line", "h = 2048 from the run line")


@pytest.mark.parametrize(
    ("access", "coalescing"),
    [
        ("a[i]", 1),
        ("a[2 * i]", 0.5),
        ("a[8 * i]", 0.125),
        ("a[64 * i]", 0.125),
        ("a[v[i]]", 0.125),
        ("a[0]", 1),
    ],
)
def test_coalescing_is_the_used_share_of_each_sector(access: str, coalescing: float) -> None:
    text = (
        f"__global__ void k(const float *a, const int *v) {{ {INDEX} float s = {access}; }}"
        + LAUNCH.format("x, v")
    )
    arrays = {array.name: array for array in report(text).counts.arrays}
    assert arrays["a"].coalescing == coalescing


def test_values_made_of_values_stay_small() -> None:
    """As in ciphers: each line uses the one before twice, so that written out it would double in size."""
    rounds = "".join(f"w = (w ^ (w >> {1 + j % 7})) * 5 + (w % {3 + j}); " for j in range(60))
    found = kernel(f"int w = v[i]; {rounds} v[i] = w;")
    assert 300 < per_thread(found, Operation.INT) < 2000


@pytest.mark.parametrize("condition", ["VERSION < 9000", "defined(VERSION) && VERSION * 3 < 9000", "0"])
def test_conditions_of_directives_do_not_run(condition: str) -> None:
    body = f"\n#if {condition}\nv[i] = 1;\n#elif {condition} || 2 > 1\nv[i] = 1;\n#endif\n"
    assert integers(body) == integers("v[i] = 1;")
