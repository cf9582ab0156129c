from pathlib import Path

import pytest

from jouleline.rules.restrict_pointers import RestrictPointers
from tests.rules.harness import check_compiles, found, rewritten, sample_files, untouched

RULE = RestrictPointers()

PROGRAM = """#include <cstdio>
@HEAD@
__global__ void add(const float *x, float *y, float *z, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] += x[i] * z[0];
    }
    @BODY@
}
@MORE@
int main() {
    const int n = 1000;
    float *d_x, *d_y, *d_z = nullptr, *d_more;
    cudaMalloc(&d_x, n * sizeof(float));
    cudaMalloc((void **)&d_y, n * sizeof(float));
    cudaMalloc(&d_z, n * sizeof(float));
    cudaMalloc(&d_more, n * sizeof(float));
    @BEFORE@
    add<<<(n + 255) / 256, 256>>>(d_x, d_y, d_z, n);
    @AFTER@
    cudaFree(d_x);
}
"""
WRITTEN = "(const float *__restrict__ x, float *__restrict__ y, const float *__restrict__ z, int n)"


def program(body: str = "", before: str = "", after: str = "", head: str = "", more: str = "") -> str:
    text = PROGRAM.replace("@BODY@", body).replace("@BEFORE@", before).replace("@AFTER@", after)
    return text.replace("@HEAD@", head).replace("@MORE@", more)


@pytest.mark.parametrize(
    ("name", "compiler"),
    [("jacobi-cuda", "nvcc"), ("histogram-cuda", "nvcc"), ("hash-hip", "hipcc"), ("lookup-hip", "hipcc")],
)
def test_a_gpu_sample_compiles(name: str, compiler: str, tmp_path: Path) -> None:
    check_compiles(RULE, name, tmp_path, compiler)


@pytest.mark.parametrize(
    "text",
    [
        program(),
        program(after="add<<<1, 32>>>(d_y, d_x, d_more, 32);"),
        program(before="cudaMemset(d_y, 0, n * sizeof(float));"),
        program(body="y += 3;"),
        program(body="const float *row = x + n; y[0] += row[0];"),
        program(body="atomicAdd(&y[0], 1.0f);"),
        program(head="__constant__ float table[4];", body="y[1] += table[i % 4];"),
        program(head="__device__ float twice(float v) { return v + v; }", body="y[1] = twice(x[0]);"),
        program(head="const int limit = 3;", body="if (n > limit) y[0] = 0;"),
    ],
)
def test_arrays_of_their_own_are_said_to_be_so(text: str) -> None:
    assert WRITTEN in rewritten(RULE, text)


def test_what_is_passed_on_by_a_host_function_is_followed() -> None:
    more = "void run(float *a, float *b, float *c) { add<<<1, 32>>>(a, b, c, 32); }"
    assert WRITTEN in rewritten(RULE, program(more=more, after="run(d_x, d_y, d_z);"))


def test_two_that_are_only_read_may_be_the_same() -> None:
    assert WRITTEN in rewritten(RULE, program().replace("(d_x, d_y, d_z, n)", "(d_x, d_y, d_x, n)"))


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the same array twice", program(after="add<<<1, 32>>>(d_x, d_x, d_z, n);")),
        ("a part of another array", program(after="add<<<1, 32>>>(d_y + 32, d_y, d_z, n);")),
        ("a pointer that is set twice", program(before="if (n > 3) d_x = d_y;")),
        ("pointers that are swapped", program(before="std::swap(d_x, d_y);")),
        ("a pointer to another pointer's array", program(before="float *p = d_y;",
                                                         after="add<<<1, 32>>>(p, d_y, d_z, n);")),
        ("a function may set it", program(more="void set(float *&p, float *q) { p = q; }",
                                          before="set(d_x, d_y);")),
        ("a function gets its address", program(before="set(&d_x, d_y);")),
        ("a reference to it", program(before="float *&r = d_x; r = d_y;")),
        ("a member", program(after="add<<<1, 32>>>(s.x, s.y, d_z, n);")),
        ("memory of a library", program(after="add<<<1, 32>>>(raw(v), d_y, d_z, n);")),
        ("a parameter of a function nobody calls",
         program(more="void run(float *a, float *b) { add<<<1, 32>>>(a, b, b, 32); }")),
        ("a launch through a pointer", program(after="auto *f = add;")),
        ("a launch by a macro",
         program(head="#define RUN(k) k<<<1, 32>>>(d_x, d_y, d_z, 1)", after="RUN(add);")),
        ("a prototype", program(head="__global__ void add(const float *, float *, float *, int);")),
        ("a global array", program(head="__device__ float total;", body="total += y[0];")),
        ("a function that uses one", program(head="__device__ float total;\n"
         "__device__ void count(float v) { total += v; }", body="count(x[0]);")),
        ("a pointer that moves to another array", program(body="y = z; y[0] = 1;")),
        ("the address of a pointer", program(body="float **p = &y; *p = z;")),
        ("a pointer in a struct",
         program(head="struct S { float *p; };", more="").replace("int n) {", "S n) {", 1)),
        ("a texture", program().replace("int n) {", "cudaTextureObject_t n) {", 1)),
        ("a pointer to pointers", program().replace("float *z,", "float **z,", 1)),
        ("nothing is written", program().replace("y[i] +=", "float t =")),
        ("a template", program().replace("__global__", "template <typename T>\n__global__")),
        ("one pointer", "__global__ void k(float *x) { x[0] = 1; }\nvoid g(float *d) { k<<<1, 1>>>(d); }"),
        ("never launched", "__global__ void k(float *x, float *y) { x[0] = y[0]; }"),
        ("half-typed", program(body="if (")),
        ("dead code", "#if 0\n" + program() + "\n#endif\n"),
        ("a branch", program(body="\n#ifdef W\ny[1] = z[1];\n#endif\n")),
        ("all is said", program().replace("*x", "*__restrict__ x").replace("*y", "*__restrict__ y").replace(
            "float *z,", "const float *__restrict__ z,")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_nothing_is_said(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_the_kernel_of_a_sample_is_one_rewrite_that_keeps_every_digit() -> None:
    (rewrite,) = found(RULE, sample_files("jacobi-cuda")["main.cu"])
    assert (rewrite.line, rewrite.rounding) == (8, False)
