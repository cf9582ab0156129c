from pathlib import Path

import pytest

from jouleline.rules.reciprocal import Reciprocal
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = Reciprocal()

PROGRAM = """#include <cmath>
#include <cstdio>
@HEAD@
static void kernel(float *x, const float *y, const double *d, double *e, float h, double g, int n) {
    @BEFORE@
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        @BODY@
        e[i] += d[i] * 0 + x[i] * 0 + y[i] * 0 + (h + g) * 0;
    }
}
int main() {
    float x[64], y[64];
    double d[64], e[64];
    for (int i = 0; i < 64; i++) { x[i] = 0; e[i] = 0; y[i] = 0.3f + i; d[i] = 0.7 + i; }
    kernel(x, y, d, e, 0.7f, 1.3, 64);
    for (int i = 0; i < 64; i++) printf("%.9g %.17g\\n", x[i], e[i]);
}
"""

SHORT = "for (int i = 0; i < 9; i++) x[i] /= h;"


def program(body: str, before: str = "", head: str = "") -> str:
    return PROGRAM.replace("@BODY@", body).replace("@HEAD@", head).replace("@BEFORE@", before)


def test_a_sample_prints_the_same(tmp_path: Path) -> None:
    check_sample(RULE, "lennard-jones-omp", tmp_path)


@pytest.mark.parametrize(
    ("body", "expected", "set_to"),
    [
        ("e[i] = d[i] / g;", "e[i] = d[i] * inverse_g;", "const double inverse_g = 1.0 / g;"),
        ("e[i] = 1 / g + d[i] / g / 2;", "1 * inverse_g + d[i] * inverse_g / 2;", "1.0 / g;"),
        ("e[i] = d[i]; e[i] /= g;", "e[i] *= inverse_g;", "1.0 / g;"),
        ("x[i] = y[i] / h;", "x[i] = y[i] * inverse_h;", "const float inverse_h = 1.0f / h;"),
        ("e[i] = y[i] / g;", "e[i] = y[i] * inverse_g;", "1.0 / g;"),
        ("e[i] = d[i] / g; x[i] = y[i] / h;", "x[i] = y[i] * inverse_h;", "1.0f / h;"),
        ("const double a = 3.0 + i; for (int k = 0; k < 3; k++) e[i] += d[k] / a;", "* inverse_a", "1.0 / a"),
    ],
)  # fmt: skip
def test_a_division_becomes_a_product(body: str, expected: str, set_to: str, tmp_path: Path) -> None:
    body = body.replace("; for", ";\n        for")
    changed = check_program(RULE, program(body), tmp_path, relative=1e-6 if "x[i] =" in body else 1e-14)
    assert expected in changed
    assert set_to in changed


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the divisor changes", program("e[i] = d[i] / g;", before="g += 1;")),
        ("the divisor's address is known", program("e[i] = d[i] / g;", before="double *p = &g; (void)p;")),
        ("a reference may change it", program("e[i] = d[i] / g;", before="double &r = g; r = 2;")),
        ("a function may change it", program("e[i] = d[i] / g;", before="change(g);")),
        ("a lambda holds it", program("e[i] = d[i] / g;", before="auto f = [&] { g = 1; }; f();")),
        ("an integer division", program("e[i] = i / n;")),
        ("a double quotient by a float", program("e[i] = d[i] / h;")),
        ("a literal makes it double", program("x[i] = 1.0 / h;")),
        ("a float is divided by a double", program("x[i] /= g;")),
        ("the divisor is set in the loop", program("const double a = d[i]; e[i] = d[i] / a;")),
        ("the divisor is an element", program("e[i] = d[i] / e[0];")),
        ("the divisor is an expression", program("e[i] = d[i] / (g + 1);")),
        ("the divisor is global", program("e[i] = d[i] / w;", head="static double w = 2;")),
        ("the divisor is a macro", program("e[i] = d[i] / W;", head="#define W 3.0")),
        ("the divisor is a reference", program("e[i] = d[i] / r;", before="double &r = g;")),
        ("no kernel", program("e[i] = d[i] / g;").replace("#pragma omp parallel for", "")),
        ("all is listed", program("e[i] = d[i] / g;").replace("lel for", "lel for default(none)")),
        ("a branch", program("\n#ifdef W\ne[i] = d[i] / g;\n#endif\n")),
        ("dead code", "#if 0\n" + program("e[i] = d[i] / g;") + "\n#endif\n"),
        ("a half-typed function", program("e[i] = d[i] / g; if (")),
        ("no loop", "__global__ void k(float *x, float h) { x[threadIdx.x] = x[threadIdx.x] / h; }"),
        ("a template", f"template <class T> __global__ void k(T *x, T h) {{ {SHORT} }}"),
        ("no block", f"__global__ void k(float *x, float h) {{ if (h > 1) {SHORT} }}"),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_division_stays(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_a_loop_is_one_rewrite() -> None:
    (rewrite,) = found(RULE, sample_files("lennard-jones-omp")["main.cpp"])
    assert (rewrite.line, len(rewrite.edits), rewrite.rounding) == (17, 7, True)


def test_a_gpu_kernel_sets_it_before_its_loop() -> None:
    text = """__global__ void k(float *x, float h, int n) {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        x[i] /= h;
    }
}
"""
    assert "{\n    const float inverse_h = 1.0f / h;\n    for (" in rewritten(RULE, text)


def test_line_breaks_and_tabs_stay() -> None:
    text = program("e[i] = d[i] / g;").replace("\n", "\r\n").replace("    ", "\t")
    assert "\r\n\tconst double inverse_g = 1.0 / g;\r\n#pragma" in rewritten(RULE, text)


def test_two_loops_of_a_function_get_two_names(tmp_path: Path) -> None:
    second = "#pragma omp parallel for\n    for (int i = 0; i < n; i++) { e[i] += d[i] / g; }\n    "
    text = program("e[i] = d[i] / g;").replace("#pragma omp", second + "#pragma omp", 1)
    assert "inverse_g2" in check_program(RULE, text, tmp_path, relative=1e-14)
