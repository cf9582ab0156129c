from pathlib import Path

import pytest

from jouleline.rules.simd import Simd
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = Simd()

PROGRAM = """#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>
@HEAD@
static void kernel(const double *a, const float *b, double *c, float *d, int *e, int n, int m) {
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        float part = 0.0f;
        int count = 0;
        (void)a, (void)b;
        @NEST@
        c[i * m] += sum + part + count;
        d[i * m] += 1.0f;
        e[i * m] += 1;
    }
}
int main() {
    const int n = 13, m = 37;
    std::vector<double> a(n * m), c(n * m, 0.5);
    std::vector<float> b(n * m), d(n * m, 0.25f);
    std::vector<int> e(n * m, 3);
    for (int i = 0; i < n * m; i++) { a[i] = 1.0 / (1 + i); b[i] = 1.0f / (2 + 3 * i); }
    kernel(a.data(), b.data(), c.data(), d.data(), e.data(), n, m);
    for (int i = 0; i < n * m; i++) printf("%.9g %.9g %d\\n", c[i], d[i], e[i]);
}
"""
SUM = "for (int k = 0; k < m; k++) sum += a[k] * a[i * m + k];"
MAPS = "tofrom : a[0 : n * m], c[0 : n * m], d[0 : n * m], e[0 : n * m]"
DEVICE = """__global__ void k(float *x) {
    for (int i = 0; i < 99; i++) x[i] = 1;
}
void host() {
#pragma omp parallel
    ;
}
"""
STORE = "for (int k = 0; k < m; k++) c[i * m + k] = a[k] + 2.0;"


def program(nest: str, head: str = "") -> str:
    return PROGRAM.replace("@NEST@", nest).replace("@HEAD@", head)


def test_a_sample_prints_the_same(tmp_path: Path) -> None:
    check_sample(RULE, "adam-omp", tmp_path)


@pytest.mark.parametrize(
    ("nest", "pragma"),
    [
        (SUM, "simd reduction(+ : sum)"),
        (SUM.replace("+=", "-="), "simd reduction(+ : sum)"),
        (SUM.replace("sum +=", "part +=").replace("a[", "b["), "simd reduction(+ : part)"),
        ("for (int k = 0; k < m; k++) { sum += a[k]; part += b[k]; }", "simd reduction(+ : sum, part)"),
        ("for (int k = 0; k < m; k++) { if (a[k] > 0.01) count++; }", "simd reduction(+ : count)"),
        (
            "for (int k = 0; k < m; k++) { const double t = a[k] - 1; sum += t * sqrt(t * t); }",
            "simd reduction(+ : sum)",
        ),
        (STORE, "simd"),
        ("for (int k = 0; k < m; k++) { int at = i * m + k; d[at] = b[at] * d[at]; e[at] += 2; }", "simd"),
        ("for (int k = 0; k < m; k++) c[i * m + k] = std::max(a[k], 0.25);", "simd"),
    ],
)
def test_a_loop_inside_a_parallel_one_gets_a_directive(nest: str, pragma: str, tmp_path: Path) -> None:
    changed = check_program(RULE, program(nest), tmp_path, relative=1e-5)
    assert f"        #pragma omp {pragma}\n        for (int k" in changed


def test_a_parallel_loop_gets_the_word(tmp_path: Path) -> None:
    text = """#include <cstdio>
#include <vector>
int main() {
    std::vector<double> x(1000, 1.5), y(1000, 0.25);
    double sum = 0;
#pragma omp parallel for  // one
    for (int i = 0; i < 1000; i++) x[i] += 3 * y[i];
#pragma omp parallel
    {
#pragma omp for reduction(+ : sum) schedule(static)
        for (int i = 0; i < 1000; i++) {
            sum += x[i] * y[i];
        }
    }
    printf("%.12g\\n", sum);
}
"""
    changed = check_program(RULE, text, tmp_path, relative=1e-10)
    assert "#pragma omp parallel for simd  // one\n" in changed
    assert "#pragma omp for simd reduction(+ : sum) schedule(static)\n" in changed
    assert [item.rounding for item in found(RULE, text)] == [False, True]


def test_a_target_region_may_have_it_too(tmp_path: Path) -> None:
    text = program(SUM).replace("parallel for", f"target teams distribute parallel for map({MAPS})")
    changed = check_program(RULE, text, tmp_path, relative=1e-10)
    assert "#pragma omp simd reduction(+ : sum)\n        for (int k" in changed


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the sum is read in the loop", program(SUM.replace("a[k] *", "sum *"))),
        ("an iteration needs the one before", program(STORE.replace("a[k]", "c[i * m + k - 1]"))),
        ("all write one element", program(STORE.replace("c[i * m + k]", "c[i * m]"))),
        ("two columns of one array", program("for (int k = 0; k < m; k++) { c[k] = a[k]; c[k + 1] = 2; }")),
        (
            "the arrays may overlap",
            program(STORE).replace("kernel(a.data(),", "kernel(c.data() + 1,"),
        ),
        ("the kernel is called through a pointer", program(STORE) + "auto *f = kernel;\n"),
        ("a stride", program(SUM.replace("a[k]", "a[k * 2]"))),
        ("an index that is read", program("for (int k = 0; k < m; k++) sum += a[e[k]];")),
        ("an index in a narrow type",
         program("for (int k = 0; k < m; k++) { unsigned char t = k; c[t] = 1.0; }")),
        ("an index cast to a narrow type", program("for (int k = 0; k < m; k++) c[(unsigned char)k] = 1.0;")),
        ("an integer takes up fractions", program("for (int k = 0; k < m; k++) count += a[k];")),
        ("a maximum", program("for (int k = 0; k < m; k++) sum = std::max(sum, a[k]);")),
        ("it may end early", program("for (int k = 0; k < m; k++) { if (a[k] < 0) break; sum += a[k]; }")),
        ("a function that is no instruction", program("for (int k = 0; k < m; k++) sum += exp(a[k]);")),
        ("a function of the program",
         program("for (int k = 0; k < m; k++) sum += own(a[k]);", "double own(double);")),
        ("a macro", program("for (int k = 0; k < m; k++) sum += a[k] STEP;", "#define STEP ; sum *= 2")),
        ("a global variable", program("for (int k = 0; k < m; k++) c[i * m + k] = w;", "double w;")),
        ("the sum has another name",
         program(SUM + " r += 1;").replace("float part", "double &r = sum; float part")),
        ("a few iterations", program(SUM.replace("k < m", "k < 3"))),
        ("another directive is there", program("\n#pragma GCC ivdep\n        " + SUM)),
        ("an atomic", program("for (int k = 0; k < m; k++) {\n#pragma omp atomic\n c[k] += 1; }")),
        ("the directive takes both loops",
         program(SUM).replace("lel for", "lel for collapse(2)")),
        ("it is not first on its line", program("if (i > 1) " + SUM)),
        ("an element is a boolean", program("for (int k = 0; k < m; k++) f[k] = true;").replace(
            "int n, int m)", "int n, int m, std::vector<bool> &f)")),
        ("a class", program("for (int k = 0; k < m; k++) z[k] += 1;").replace(
            "int n, int m)", "int n, int m, Field z)")),
        ("a device", DEVICE),
        ("no kernel", program(SUM).replace("#pragma omp parallel for", "")),
        ("dead code", "#if 0\n" + program(SUM) + "\n#endif\n"),
        ("half-typed", program(SUM + " if (")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_loop_stays(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


@pytest.mark.parametrize(
    ("why", "clauses"),
    [
        ("few iterations at once", "schedule(dynamic)"),
        ("in order", "ordered"),
        ("the sum is shared by all", ""),
        ("another variable is reduced", "reduction(+ : other)"),
    ],
)
def test_a_directive_that_does_not_allow_it_stays(why: str, clauses: str) -> None:
    assert why
    untouched(
        RULE,
        "double f(const double *x, int n) {\n    double sum = 0, other = 0;\n"
        f"#pragma omp parallel for {clauses}\n"
        "    for (int i = 0; i < n; i++) sum += x[i];\n    return sum + other;\n}\n",
    )


def test_line_breaks_stay() -> None:
    text = program(SUM).replace("\n", "\r\n")
    assert "#pragma omp simd reduction(+ : sum)\r\n        for (int k" in rewritten(RULE, text)


def test_the_updates_of_the_sample_keep_every_digit() -> None:
    rewrites = found(RULE, sample_files("adam-omp")["main.cpp"])
    assert [item.rounding for item in rewrites] == [False, False]
