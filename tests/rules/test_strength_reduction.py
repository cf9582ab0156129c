from pathlib import Path

import pytest

from jouleline.rules.strength_reduction import StrengthReduction
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = StrengthReduction()

PROGRAM = """#include <cmath>
#include <cstdio>
@HEAD@
static void kernel(float *x, const float *y, const double *d, double *e, int n) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        @BODY@
        e[i] += d[i] * 0 + x[i] * 0 + y[i] * 0;
    }
}
int main() {
    float x[64], y[64];
    double d[64], e[64];
    for (int i = 0; i < 64; i++) { x[i] = 0; e[i] = 0; y[i] = 0.3f + i; d[i] = 0.7 + i; }
    kernel(x, y, d, e, 64);
    for (int i = 0; i < 64; i++) printf("%.9g %.17g\\n", x[i], e[i]);
}
"""


def program(body: str, head: str = "") -> str:
    return PROGRAM.replace("@BODY@", body).replace("@HEAD@", head)


@pytest.mark.parametrize("name", ["lennard-jones-omp", "nbody-omp"])
def test_a_sample_prints_the_same(name: str, tmp_path: Path) -> None:
    check_sample(RULE, name, tmp_path)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("e[i] = pow(d[i], 2);", "e[i] = d[i] * d[i];"),
        ("e[i] = std::pow(d[i], 3.0);", "e[i] = d[i] * d[i] * d[i];"),
        ("e[i] = 2 / pow(d[i], 4);", "e[i] = 2 / (d[i] * d[i] * (d[i] * d[i]));"),
        ("e[i] = -pow(d[i], 2) + pow(d[i], 3) * 2;", "e[i] = -(d[i] * d[i]) + d[i] * d[i] * d[i] * 2;"),
        ("e[i] = pow(d[i], 0.5);", "e[i] = sqrt(d[i]);"),
        ("e[i] = std::pow(d[i] + 1, .5);", "e[i] = std::sqrt(d[i] + 1);"),
        ("x[i] = powf(y[i], 0.5f);", "x[i] = sqrtf(y[i]);"),
        ("x[i] = powf(y[i], 2.0f);", "x[i] = y[i] * y[i];"),
        ("x[i] = pow(y[i], 2);", "x[i] = y[i] * y[i];"),
        ("e[i] = pow(y[i], 3);", "e[i] = (double)y[i] * y[i] * y[i];"),
        ("e[i] = pow(y[i], 4);", "e[i] = (double)y[i] * y[i] * ((double)y[i] * y[i]);"),
        ("e[i] = d[i] * pow(y[i], 2);", "e[i] = d[i] * ((double)y[i] * y[i]);"),
        ("e[i] = pow(i, 3);", "e[i] = (double)i * i * i;"),
        (
            "const double a = pow(d[i] + 1, 3); e[i] = a;",
            "const double a_base = d[i] + 1;\n        const double a = a_base * a_base * a_base;",
        ),
        (
            "e[i] += 2 * pow(d[i] - 1, 2);",
            "const double base = d[i] - 1;\n        e[i] += 2 * (base * base);",
        ),
    ],
)
def test_powers_become_products_of_the_same_precision(body: str, expected: str, tmp_path: Path) -> None:
    changed = check_program(RULE, program(body), tmp_path, relative=1e-6 if "x[i] =" in body else 1e-15)
    assert expected in changed


@pytest.mark.parametrize(
    ("why", "body", "head"),
    [
        ("a large exponent", "e[i] = pow(d[i], 7);", ""),
        ("a fraction", "e[i] = pow(d[i], 2.5);", ""),
        ("a negative exponent", "e[i] = pow(d[i], -2);", ""),
        ("a variable exponent", "e[i] = pow(d[i], i);", ""),
        ("an argument with a call", "e[i] = pow(fmax(d[i], 1), 2);", ""),
        ("an argument with an effect", "e[i] = pow(d[i]++, 2);", ""),
        ("an argument of unknown type", "e[i] = pow(g[i], 2);", "extern Number *g;"),
        ("an argument that is guarded", "e[i] = i > 0 ? pow(d[i - 1] + 1, 2) : 0;", ""),
        ("an argument behind &&", "if (i > 0 && pow(d[i - 1] + 1, 2) > 3) e[i] = 1;", ""),
        ("an argument in a loop's head", "for (double a = pow(d[i] + 1, 2); a > 1e9; a -= 1) e[i] = a;", ""),
        ("an argument under a brace-less if", "if (i > 2) e[i] = pow(d[i] + 1, 2);", ""),
        ("two declarations in one", "double a = d[i], b = pow(a + 1, 2); e[i] = b;", ""),
        ("an ordered pair", "e[i] = d[i], e[i] += pow(e[i] + 1, 2);", ""),
        ("a pragma in front", "\n#pragma omp atomic\ne[i] += pow(d[i] + 1, 2);", ""),
        ("a square root of a float by std", "x[i] = std::pow(y[i], 0.5);", ""),
        ("float power of a double", "x[i] = powf(d[i], 2);", ""),
        ("a pow of the program's own", "e[i] = pow(d[i], 2);", "static double pow(double a, double b);"),
        ("a macro", "e[i] = pow(d[i], 2);", "#define pow(a, b) ((a) + (b))"),
        ("dead code", "\n#if 0\ne[i] = pow(d[i], 2);\n#endif\n", ""),
        ("long double", "long double a = d[i]; e[i] = pow(a, 2);", ""),
        ("a half-typed call", "e[i] = pow(d[i], 2;", ""),
    ],
)
def test_where_it_is_not_proved_the_power_stays(why: str, body: str, head: str) -> None:
    assert why
    untouched(RULE, program(body, head))


def test_outside_kernels_a_power_stays() -> None:
    untouched(RULE, "double f(double x) { return pow(x, 3); }")


def test_a_template_parameter_is_not_known() -> None:
    untouched(RULE, "template <typename T> __global__ void k(T *x) { x[0] = pow(x[1], 3); }")


def test_a_statement_is_one_rewrite() -> None:
    rewrites = found(RULE, sample_files("lennard-jones-omp")["main.cpp"])
    assert [(item.line, len(item.edits), item.rounding) for item in rewrites] == [
        (23, 3, True),
        (24, 2, True),
        (25, 1, True),
    ]


def test_a_name_that_is_taken_is_avoided() -> None:
    assert "base2 * base2" in rewritten(RULE, program("double base = 1;\ne[i] = base * pow(d[i] + 1, 2);"))


def test_line_breaks_and_tabs_stay() -> None:
    text = program("e[i] = pow(d[i] + 1, 2);").replace("\n", "\r\n").replace("    ", "\t")
    assert "\t\tconst double base = d[i] + 1;\r\n\t\te[i] = base * base;\r\n" in rewritten(RULE, text)


def test_two_places_in_a_block_get_two_names(tmp_path: Path) -> None:
    body = "e[i] = pow(d[i] + 1, 2);\n        e[i] += pow(d[i] + 2, 2);"
    changed = check_program(RULE, program(body), tmp_path, relative=1e-15)
    assert "base2 * base2" in changed
