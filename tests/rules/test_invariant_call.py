from pathlib import Path

import pytest

from jouleline.rules.invariant_call import InvariantCall
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = InvariantCall()

PROGRAM = """#include <cmath>
#include <cstdio>
@HEAD@
static void kernel(double *x, const double *y, double a, float h, int n) {
    @BEFORE@
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        @BODY@
        x[i] += y[i] * 0 + (a + h) * 0;
    }
}
int main() {
    double x[64], y[64];
    for (int i = 0; i < 64; i++) { x[i] = 0; y[i] = 0.3 + i; }
    kernel(x, y, 1.7, 0.7f, 64);
    for (int i = 0; i < 64; i++) printf("%.17g\\n", x[i]);
}
"""


def program(body: str, before: str = "", head: str = "") -> str:
    return PROGRAM.replace("@BODY@", body).replace("@HEAD@", head).replace("@BEFORE@", before)


def test_a_sample_prints_the_same(tmp_path: Path) -> None:
    check_sample(RULE, "adam-omp", tmp_path)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("x[i] = y[i] * exp(-a * 0.5);", "const auto invariant_exp = exp(-a * 0.5);"),
        ("x[i] = y[i] * std::pow(a, h) + std::pow(a, h);", "const auto invariant_pow = std::pow(a, h);"),
        ("x[i] = sqrtf(h) / 3;", "const auto invariant_sqrtf = sqrtf(h);"),
        ("if (y[i] > 4) x[i] = sin(sqrt(a) + 1);", "const auto invariant_sin = sin(sqrt(a) + 1);"),
        ("x[i] = exp(a) + exp(a * 2);", "const auto invariant_exp2 = exp(a * 2);"),
        ("const double b = y[i]; for (int k = 0; k < 3; k++) x[i] += cos(b) * k;", "= cos(b);"),
        ("x[i] = log(n);", "const auto invariant_log = log(n);"),
    ],
)
def test_a_call_moves_before_the_loop_and_no_digit_changes(body: str, line: str, tmp_path: Path) -> None:
    body = body.replace("; for", ";\n        for")
    assert line in check_program(RULE, program(body), tmp_path)


def test_a_constant_macro_may_be_part_of_it(tmp_path: Path) -> None:
    text = program("x[i] = exp(-a * RATE);", head="#define RATE 0.25")
    assert "const auto invariant_exp = exp(-a * RATE);" in check_program(RULE, text, tmp_path)


def test_it_stands_before_the_pragma_with_the_loops_indentation() -> None:
    text = program("x[i] = exp(a);").replace("    @BEFORE@\n", "")
    assert "    const auto invariant_exp = exp(a);\n#pragma omp parallel for\n" in rewritten(RULE, text)


def test_a_gpu_kernel_calls_it_before_its_loop() -> None:
    text = """__global__ void k(float *x, float h, int n) {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        x[i] *= expf(-h);
    }
}
"""
    assert "{\n    const auto invariant_expf = expf(-h);\n    for (" in rewritten(RULE, text)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the argument changes with the loop", program("x[i] = exp(a * i);")),
        ("the argument is an element", program("x[i] = exp(y[0]);")),
        ("the argument is set in the loop", program("const double b = y[i]; x[i] = exp(b);")),
        ("the parameter is changed", program("x[i] = exp(a);", before="a += 1;")),
        ("its address is known", program("x[i] = exp(a);", before="double *p = &a; (void)p;")),
        ("a reference may change it", program("x[i] = exp(a);", before="double &r = a; r = 2;")),
        ("a function may change it", program("x[i] = exp(a);", before="change(a);")),
        ("a lambda holds it", program("x[i] = exp(a);", before="auto f = [&] { a = 1; }; f();")),
        ("a global variable", program("x[i] = exp(w);", head="static double w = 2;")),
        ("only numbers: the compiler computes it", program("x[i] = exp(2.0);")),
        ("a macro that is more than a number", program("x[i] = exp(a + W);", head="#define W draw()")),
        ("a function of the program", program("x[i] = exp(a);", head="double exp(double, int);")),
        ("a macro of that name", program("x[i] = exp(a);", head="#define exp(v) (v + rand())")),
        ("a random number", program("x[i] = exp(a * rand());")),
        ("an assignment inside", program("x[i] = exp(a + (x[0] = 1));")),
        ("a cheap function", program("x[i] = fabs(a);")),
        ("errno is read", program("x[i] = exp(a);", before="errno = 0;")),
        ("no kernel", program("x[i] = exp(a);").replace("#pragma omp parallel for", "")),
        ("all is listed", program("x[i] = exp(a);").replace("lel for", "lel for default(none)")),
        ("a branch", program("\n#ifdef W\nx[i] = exp(a);\n#endif\n")),
        ("dead code", "#if 0\n" + program("x[i] = exp(a);") + "\n#endif\n"),
        ("a half-typed function", program("x[i] = exp(a); if (")),
        ("no loop", "__global__ void k(float *x, float h) { x[threadIdx.x] = expf(h); }"),
        ("a volatile variable", program("x[i] = exp(v);", before="volatile double v = a;")),
        ("a member", program("x[i] = exp(s.v);", before="struct { double v; } s = {1};")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_call_stays(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_the_sample_is_one_rewrite_that_keeps_every_digit() -> None:
    (rewrite,) = found(RULE, sample_files("adam-omp")["main.cpp"])
    assert not rewrite.rounding
