from pathlib import Path

import pytest

from jouleline.rules.loop_interchange import LoopInterchange
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = LoopInterchange()

PROGRAM = """#include <cstdio>
#include <vector>
static void multiply(const double *a, const double *b, double *c, int n, int m) {
    @PRAGMA@
    for (int i = 0; i < n; i++) {
        @NEST@
    }
}
int main() {
    const int n = 13, m = 9;
    std::vector<double> a(n * n + m * m + m), b(n * n + m * m + m), c(n * n + m * m + m, 0.5);
    for (int i = 0; i < n * n + m * m + m; i++) { a[i] = 1.0 / (1 + i); b[i] = 1.0 / (2 + 3 * i); }
    multiply(a.data(), b.data(), c.data(), n, m);
    for (double v : c) printf("%.17g\\n", v);
}
"""
PLAIN = """for (int j = 0; j < n; j++)
            for (int k = 0; k < m; k++)
                c[i * n + j] += a[i * m + k] * b[k * n + j];"""
SCALAR = """for (int j = 0; j < n; j++) {
            double sum = 0.0;
            for (int k = 0; k < m; k++) {
                sum += a[i * m + k] * b[k * n + j];
            }
            c[i * n + j] = sum;
        }"""


def program(nest: str, pragma: str = "#pragma omp parallel for") -> str:
    return PROGRAM.replace("@NEST@", nest).replace("@PRAGMA@", pragma)


def test_a_sample_prints_the_same(tmp_path: Path) -> None:
    check_sample(RULE, "matmul-omp", tmp_path)


@pytest.mark.parametrize("pragma", ["#pragma omp parallel for", ""])
def test_a_nest_is_interchanged_and_no_digit_changes(pragma: str, tmp_path: Path) -> None:
    changed = check_program(RULE, program(PLAIN, pragma), tmp_path)
    assert changed.index("int k = 0") < changed.index("int j = 0")


def test_a_scalar_sum_is_kept_in_the_result(tmp_path: Path) -> None:
    changed = check_program(RULE, program(SCALAR), tmp_path)
    assert (
        """        for (int j = 0; j < n; j++) {
            c[i * n + j] = 0.0;
        }
        for (int k = 0; k < m; k++) {
            for (int j = 0; j < n; j++) {
                c[i * n + j] += a[i * m + k] * b[k * n + j];
            }
        }
"""
        in changed
    )


@pytest.mark.parametrize(
    "nest",
    [
        PLAIN.replace("+=", "-="),
        PLAIN.replace("a[i * m + k] * b", "2.0 * b"),
        PLAIN.replace("int k = 0", "int k = 1").replace("k < m", "k <= m - 2"),
        SCALAR.replace("sum +=", "sum -=").replace("= 0.0", "= 0"),
    ],
)
def test_nests_of_that_kind(nest: str, tmp_path: Path) -> None:
    text = program(nest)
    if "a[" not in nest:
        text = text.replace("const double *a,", "const double *,")
    check_program(RULE, text, tmp_path)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("unit stride already", program(PLAIN.replace("b[k * n + j]", "b[j * m + k]"))),
        ("a stride would become large", program(PLAIN.replace("a[i * m + k]", "a[j * m + k]"))),
        ("the result is strided too", program(PLAIN.replace("c[i * n + j]", "c[j * n + i]"))),
        ("the result moves with the sum", program(PLAIN.replace("c[i * n + j]", "c[i * n + j + k]"))),
        ("the inner bound depends on the outer", program(PLAIN.replace("k < m", "k < j"))),
        ("the outer bound changes", program(PLAIN.replace("j < n", "j < n - (int)a[0]"))),
        ("the result is read", program(PLAIN.replace("* b[", "* c[i * n + 1] * b["))),
        ("a reference into the result", program("double &w = c[1];\n" + PLAIN.replace("* b[", "* w * b["))),
        ("a call may have an effect", program(PLAIN.replace("* b[", "* f(k) * b["))),
        ("an assignment, no sum", program(PLAIN.replace("+=", "="))),
        ("a product, no sum", program(PLAIN.replace("+=", "*="))),
        ("a condition", program(PLAIN.replace("c[i", "if (k % 2) c[i"))),
        ("the value is guarded", program(PLAIN.replace("a[i * m + k] * b", "k < 3 ? 0 : b"))),
        ("collapsed loops", program(PLAIN, "#pragma omp parallel for collapse(2)")),
        ("the outer loop is shared", program("\n#pragma omp parallel for\n" + PLAIN, "")),
        ("the inner loop is shared", program(PLAIN.replace("for (int k", "\n#pragma omp simd\nfor (int k"))),
        ("on a device", program(PLAIN, "#pragma omp target teams distribute parallel for")),
        ("variables live on", program(PLAIN.replace("for (int k", "int k;\nfor (k"))),
        (
            "the result may be what is read",
            program(PLAIN).replace("b.data(), c.data()", "c.data(), c.data()"),
        ),
        ("a pointer into the result", program(PLAIN).replace("b.data(), c.data()", "c.data() + 1, c.data()")),
        ("nobody calls it", program(PLAIN).replace("multiply(a.data", "other(a.data")),
        ("the index is indirect", program(PLAIN.replace("b[k * n + j]", "b[(int)a[k] * n + j]"))),
        ("the sum is of another type", program(SCALAR.replace("double sum", "float sum"))),
        ("the sum is used again", program(SCALAR.replace("= sum;", "= sum + sum;"))),
        ("the sum is added", program(SCALAR.replace("= sum;", "+= sum;"))),
        ("the sum starts elsewhere", program(SCALAR.replace("= 0.0", "= b[j]"))),
        ("a comment explains the sum", program(SCALAR.replace("= 0.0;", "= 0.0; // Kahan is not needed"))),
        ("a branch", program(PLAIN.replace("c[i", "\n#ifdef W\nc[i").replace("+ j];", "+ j];\n#endif\n"))),
        ("dead code", "#if 0\n" + program(PLAIN) + "\n#endif\n"),
        ("a half-typed function", program(PLAIN + "if (")),
        ("a kernel", program(PLAIN, "").replace("static void", "__global__ void")),
    ],
)
def test_where_it_is_not_proved_the_loops_stay(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_restrict_is_a_promise() -> None:
    text = (
        program(PLAIN)
        .replace("multiply(a.data", "other(a.data")
        .replace("double *c", "double *__restrict__ c")
    )
    assert "int k = 0" in rewritten(RULE, text)


def test_the_edit_points_at_the_outer_loop_and_keeps_every_digit() -> None:
    (rewrite,) = found(RULE, sample_files("matmul-omp")["main.cpp"])
    assert (rewrite.line, rewrite.rounding) == (11, False)


def test_line_breaks_and_tabs_stay() -> None:
    text = program(SCALAR).replace("\n", "\r\n").replace("    ", "\t")
    changed = rewritten(RULE, text)
    assert "\r\n\t\t\tfor (int j = 0; j < n; j++) {\r\n\t\t\t\tc[i * n + j] +=" in changed
    assert "\n" not in changed.replace("\r\n", "")
