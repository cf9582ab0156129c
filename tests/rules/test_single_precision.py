from pathlib import Path

import pytest

from jouleline.rules.single_precision import SinglePrecision
from tests.rules.harness import (
    check_compiles,
    check_program,
    check_sample,
    found,
    rewritten,
    rewritten_sample,
    sample_files,
    untouched,
)

RULE = SinglePrecision()


def kernel(body: str, parameters: str = "float *x, const float *y, double *d, int n", head: str = "") -> str:
    return f"""#include <cmath>
{head}
void kernel({parameters}) {{
#pragma omp parallel for
    for (int i = 0; i < n; i++) {{
        {body}
    }}
}}
"""


@pytest.mark.parametrize("name", ["jacobi-omp", "nbody-omp"])
def test_a_sample_prints_the_same(name: str, tmp_path: Path) -> None:
    check_sample(RULE, name, tmp_path)


def test_a_cuda_sample_compiles(tmp_path: Path) -> None:
    assert b"0.2f * (grid" in rewritten_sample(RULE, "jacobi-cuda")["main.cu"]
    check_compiles(RULE, "jacobi-cuda", tmp_path, "nvcc")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x[i] = 0.5 * y[i];", "x[i] = 0.5f * y[i];"),
        ("x[i] += 1.0;", "x[i] += 1.0f;"),
        ("x[i] = y[i] * .25 + 1.;", "x[i] = y[i] * .25f + 1.f;"),
        ("x[i] = 1e-3 * y[i];", "x[i] = 1e-3f * y[i];"),
        ("const float a = 2.0 * n; x[i] = a;", "const float a = 2.0f * n; x[i] = a;"),
        ("x[i] = sqrt(y[i]);", "x[i] = sqrtf(y[i]);"),
        ("x[i] = 1.0 / sqrt(y[i] + 0.5);", "x[i] = 1.0f / sqrtf(y[i] + 0.5f);"),
        ("x[i] = std::sqrt(0.5 * y[i]);", "x[i] = std::sqrt(0.5f * y[i]);"),
        ("x[i] = std::pow(y[i], 2);", "x[i] = powf(y[i], 2);"),
        ("x[i] = y[i] > 0 ? 0.5 * y[i] : 0.0;", "x[i] = y[i] > 0 ? 0.5f * y[i] : 0.0f;"),
        ("if (y[i] > 0.5) x[i] = y[i];", "if (y[i] > 0.5f) x[i] = y[i];"),
        ("x[i] = (float)(0.1 * y[i]) + y[i];", "x[i] = (float)(0.1f * y[i]) + y[i];"),
        ("x[i] = -0.5 * (y[i]);", "x[i] = -0.5f * (y[i]);"),
        ("auto a = y[i]; x[i] = 0.1 * a;", "auto a = y[i]; x[i] = 0.1f * a;"),
        ("x[i] = 0.1 /* tenth */ * y[i]; // 0.1", "x[i] = 0.1f /* tenth */ * y[i]; // 0.1"),
        ("x[i] = M_PI * y[i];", "x[i] = (float)(M_PI) * y[i];"),
        ("x[i] = exp(0.5 * y[i]);", "x[i] = expf(0.5f * y[i]);"),
        ("x[i] = 0.5 * pow(y[i], 3);", "x[i] = 0.5f * powf(y[i], 3);"),
        ("x[i] = 0.5 * floor(y[i]);", "x[i] = 0.5f * floorf(y[i]);"),
    ],
)
def test_double_only_by_spelling_becomes_float(body: str, expected: str) -> None:
    assert expected in rewritten(RULE, kernel(body))


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("x[i] = 0.5f * y[i];", ""),
        ("x[i] = 0.5 * d[i];", ""),
        ("d[i] = 0.5 * y[i];", ""),
        ("x[i] = 0.5 * y[i] + d[i];", ""),
        ("double a = y[i]; x[i] = 0.5 * a;", ""),
        ("auto a = 0.5 * y[i]; x[i] = a;", ""),
        ("x[i] = 0.5 * (double)y[i];", ""),
        ("x[i] = 1e-60 * y[i];", ""),
        ("x[i] = 1e300 * y[i];", ""),
        ("x[i] = 0.5L * y[i];", ""),
        ("x[i] = unknown(0.5 * y[i]);", ""),
        ("x[i] = 0.5 * helper(y[i]);", "double helper(double v);"),
        ("x[i] = 0.5 * helper(y[i]);", "static double helper(float v) { return v; }"),
        ("if (y[i] > 0.1) x[i] = y[i];", ""),
        ("x[i] = sqrt(d[i]);", ""),
        ("x[i] = abs(y[i]);", ""),
        ("x[i] = 0.5 * C;", "const double C = 0.1;"),
        ("x[i] = 0.5 * C;", "#define C (y[i] + d[i])"),
        (
            "real a = 1; a = 0.5 * y[i]; x[i] = a;",
            "#ifdef DP\nusing real = double;\n#else\nusing real = float;\n#endif",
        ),
        ("REAL a = 1; a = 0.5 * y[i]; x[i] = a;", "#ifndef REAL\n#define REAL float\n#endif"),
        ("\n#if 0\nx[i] = 0.5 * y[i];\n#endif\n", ""),
        ("x[i] = 0x1p-3 * y[i];", ""),
        ('char c = "0.5"[i % 3]; x[i] = c;', ""),
        ("x[i] = log(1.0 + exp(y[i]));", ""),
        ("x[i] = 1.0 / (1.0 + exp(-y[i]));", ""),
        ("x[i] = log(cosh(y[i]));", ""),
        ("x[i] += exp(y[i]);", ""),
        ("x[i] = sqrt(pow(y[i], 5));", ""),
        ("x[i] = 0.5 * pow(y[i], y[i]);", ""),
        ("x[i] = floor(y[i] * 10.0) / 10.0;", ""),
        ("x[i] = std::floor(y[i] * 10.0);", ""),
        ("x[i] = fmod(y[i], 0.1);", ""),
        ("x[i] = y[(int)(y[i] * 10.0)];", ""),
        ("x[i] = (int)(float)(y[i] * 10.0);", ""),
        ("x[i] = (float)(y[i] * 10.0) > 3.5f ? y[i] : 0;", ""),
    ],
)
def test_what_may_need_double_stays(body: str, head: str) -> None:
    untouched(RULE, kernel(body, head=head))


@pytest.mark.parametrize(
    "body",
    [
        "float sum = 0.0; x[i] = sum;",
        "float a(1.5), b{-0.5}; x[i] = a * b;",
        "x[i] = 0.5;",
        "x[i] = -(2.0 * 0.25);",
        "x[i] = y[i] * (float)0.1;",
        "x[i] = scale(0.5);",
    ],
)
def test_a_number_that_the_compiler_makes_a_float_of_costs_nothing(body: str) -> None:
    untouched(RULE, kernel(body, head="static float scale(float v) { return v; }"))


def test_code_outside_kernels_stays() -> None:
    untouched(RULE, "void f(float *x) { x[0] = 0.5 * x[1]; }")


def test_a_template_parameter_may_be_double() -> None:
    untouched(RULE, "template <typename T> __global__ void k(T *x) { x[0] = 0.5 * x[1]; }")


def test_a_half_typed_function_stays() -> None:
    untouched(RULE, "__global__ void k(float *x) { x[0] = 0.5 * x[1]; x[1] = (; }")


def test_a_function_called_from_a_kernel_is_kernel_code() -> None:
    text = kernel("x[i] = scale(y[i] + 0.5);", head="static float scale(float v) { return 0.1 * v; }")
    assert "return 0.1f * v;" in rewritten(RULE, text)
    assert "scale(y[i] + 0.5f)" in rewritten(RULE, text)


def test_an_overloaded_function_may_take_a_double() -> None:
    head = "static float g(float v) { return v; }\nstatic float g(double v) { return v; }"
    untouched(RULE, kernel("x[i] = g(0.5 * y[i]);", head=head))


def test_members_and_vectors_have_types() -> None:
    text = """#include <vector>
struct Cell { float u; double w; };
void f(Cell *cells, std::vector<float> &v, int n) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        cells[i].u = 0.1 * v[i];
        cells[i].w = 0.2 * v[i];
    }
}
"""
    assert "0.1f * v[i]" in rewritten(RULE, text)
    assert "0.2 * v[i]" in rewritten(RULE, text)


def test_cuda_overloads_are_left_to_the_compiler() -> None:
    untouched(RULE, "__global__ void k(float *x) { x[0] = sqrt(x[1]); }")


def test_each_statement_is_one_rewrite_on_its_line() -> None:
    rewrites = found(RULE, sample_files("nbody-omp")["main.cpp"])
    assert [(item.line, len(item.edits), item.rounding) for item in rewrites] == [
        (21, 1, True),
        (22, 2, True),
        (23, 1, True),
    ]


def test_line_breaks_and_tabs_stay() -> None:
    text = kernel("x[i] = 0.5 * y[i];").replace("\n", "\r\n").replace("    ", "\t")
    assert rewritten(RULE, text) == text.replace("0.5", "0.5f")


def test_a_macro_constant_is_cast_where_it_is_used(tmp_path: Path) -> None:
    text = (
        kernel("x[i] = OMEGA * y[i] + d[i] * 0;", head="#include <cstdio>\n#define OMEGA 0.8").replace(
            " + d[i] * 0", ""
        )
        + """int main() {
    float x[8], y[8]; double d[8];
    for (int i = 0; i < 8; i++) y[i] = i + 0.3f;
    kernel(x, y, d, 8);
    for (int i = 0; i < 8; i++) printf("%.7g\\n", x[i]);
}
"""
    )
    text = text.replace("double *d, int n) {", "double *d, int n) {\n    (void)d;")
    changed = check_program(RULE, text, tmp_path, relative=1e-6)
    assert "(float)(OMEGA) * y[i]" in changed
    assert "#define OMEGA 0.8\n" in changed
