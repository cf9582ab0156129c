from pathlib import Path

import pytest

from jouleline.rules.loop_fusion import LoopFusion
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = LoopFusion()

PROGRAM = """#include <cstdio>
#include <vector>
static double kernel(const double *a, double *b, double *c, double *d, int n, int m) {
    double sum = 0, product = 0;
    (void)a, (void)b, (void)c, (void)d, (void)m;
@FIRST@
@SECOND@
    return sum + product;
}
int main() {
    const int n = 40;
    std::vector<double> a(n + 9), b(n + 9, 0.5), c(n + 9, 2), d(n + 9);
    for (int i = 0; i < n + 9; i++) { a[i] = 1.0 / (1 + i); d[i] = i; }
    const double result = kernel(a.data(), b.data(), c.data(), d.data(), n, 3);
    for (int i = 0; i < n; i++) printf("%.17g %.17g %.17g\\n", b[i], c[i], d[i]);
    printf("%.12g\\n", result);
}
"""
PRAGMA = "#pragma omp parallel for"


def loop(body: str, pragma: str = PRAGMA, head: str = "int i = 0; i < n; i++") -> str:
    return f"{pragma}\n    for ({head}) {{\n        {body}\n    }}"


def program(first: str, second: str) -> str:
    return PROGRAM.replace("@FIRST@", first).replace("@SECOND@", second)


FIRST, SECOND = "b[i] = 2 * a[i];", "c[i] += b[i];"


def test_a_sample_prints_the_same(tmp_path: Path) -> None:
    check_sample(RULE, "adam-omp", tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FIRST, SECOND),
        (FIRST, "c[i] = a[i] * a[i + 1];"),
        ("b[i + 2] = a[i];", "c[i] = b[i + 2];"),
        ("const double t = a[i]; b[i] = t;", "const double u = b[i]; c[i] = u;"),
        ("c[i] = a[i + m];", "b[i] = a[i]; if (c[i] > 1) d[i] = c[i];"),
        ("c[m * 0 + i] = a[i];", "d[i] = c[i];"),
    ],
)
def test_two_loops_become_one_and_no_digit_changes(first: str, second: str, tmp_path: Path) -> None:
    changed = check_program(RULE, program(loop(first), loop(second)), tmp_path)
    assert changed.count("for (int i = 0; i < n;") == 2  # the other one prints
    assert f"        {first}\n        {second}\n    }}\n" in changed


def test_reductions_come_together(tmp_path: Path) -> None:
    first = loop("sum += a[i];", f"{PRAGMA} reduction(+ : sum)")
    second = loop("product += a[i] * b[i];", f"{PRAGMA} reduction(+ : product)  // energy")
    changed = check_program(RULE, program(first, second), tmp_path, relative=1e-11)
    assert "parallel for reduction(+ : sum) reduction(+ : product)\n" in changed


def test_many_loops_are_one_rewrite_and_comments_stay(tmp_path: Path) -> None:
    last = "    // the last one\n" + loop("d[i] = c[i] - b[i];")
    text = program(loop(FIRST), loop(SECOND) + "\n" + last)
    changed = check_program(RULE, text, tmp_path)
    assert changed.count(PRAGMA) == 1
    assert "        // the last one\n        d[i] =" in changed
    assert len(found(RULE, text)) == 1


def test_loops_inside_a_parallel_region(tmp_path: Path) -> None:
    inside = "#pragma omp parallel\n    {\n" + loop(FIRST, "#pragma omp for") + "\n"
    changed = check_program(RULE, program(inside + loop(SECOND, "#pragma omp for") + "\n    }", ""), tmp_path)
    assert changed.count("#pragma omp for") == 1


def test_loops_in_a_gpu_kernel() -> None:
    text = """__global__ void k(float *x, const float *__restrict__ y, int n) {
    for (int i = 0; i < n; i++) {
        x[i] = y[i];
    }
    for (int i = 0; i < n; i++) {
        x[i] *= y[i];
    }
}
"""
    assert rewritten(RULE, text).count("for (") == 1


@pytest.mark.parametrize(
    ("why", "first", "second"),
    [
        ("a later element is read", loop(FIRST), loop("c[i] = b[i + 1];")),
        ("an earlier element is read", loop(FIRST), loop("c[i] = b[i - 1 + m];")),
        ("an element is overwritten that is still needed", loop("c[i] = b[i + 1];"), loop("b[i] = a[i];")),
        ("both write, at different places", loop(FIRST), loop("b[n - 1 - i] = c[i];")),
        ("all write one element", loop("b[0] = a[i];"), loop("c[i] = b[0];")),
        ("an index that is read", loop(FIRST), loop("c[(int)d[i]] = b[i];")),
        ("other iterations", loop(FIRST), loop(SECOND, head="int i = 0; i < n - 1; i++")),
        ("another direction", loop(FIRST), loop(SECOND, head="int i = n - 1; i >= 0; i--")),
        ("another schedule", loop(FIRST, f"{PRAGMA} schedule(static)"), loop(SECOND)),
        ("one is serial", loop(FIRST), loop(SECOND, "")),
        ("both are serial and in no kernel", loop(FIRST, ""), loop(SECOND, "")),
        ("a sum is used", loop("sum += a[i];", f"{PRAGMA} reduction(+ : sum)"), loop("c[i] = a[i] / sum;")),
        ("a sum is shared", loop("sum += a[i];"), loop("c[i] = a[i];")),
        ("a name means two things", loop("const double m = a[i]; b[i] = m;"), loop("c[i] = b[i] + m;")),
        ("no array in common", loop("b[i] = a[i];"), loop("d[i] = c[i];")),
        ("something between", loop(FIRST), "    b[0] = 1;\n" + loop(SECOND)),
        ("a function of the program", loop(FIRST), loop("c[i] = kernel(b, b, b, b, i, 1);")),
        ("it may end early", loop(FIRST, ""), loop("if (b[i] < 1) break; c[i] = b[i];", "")),
        ("a private variable", loop(FIRST, f"{PRAGMA} firstprivate(m)"), loop(SECOND)),
        ("nobody waits", loop(FIRST, "#pragma omp for nowait"), loop(SECOND, "#pragma omp for")),
        ("a loop of two levels", loop(FIRST), loop("for (int j = 0; j < 2; j++) { c[i] += b[i]; }")),
        ("a branch", loop(FIRST), "#ifdef W\n" + loop(SECOND) + "\n#endif"),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_loops_stay(why: str, first: str, second: str) -> None:
    assert why
    untouched(RULE, program(first, second))


@pytest.mark.parametrize(
    ("why", "text"),
    [
        (
            "the arrays may overlap",
            program(loop("b[i] = a[i];"), loop("c[i] = a[i];")).replace("kernel(a.data(), b.data(), c",
                                                                       "kernel(a.data(), c.data() + 1, c"),
        ),
        ("half-typed", program(loop(FIRST), loop(SECOND) + " if (")),
        ("dead code", "#if 0\n" + program(loop(FIRST), loop(SECOND)) + "\n#endif\n"),
        ("a macro", "#define n size()\n" + program(loop(FIRST), loop(SECOND))),
    ],
)  # fmt: skip
def test_nor_where_the_program_leaves_it_open(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_the_sample_is_one_rewrite_that_keeps_every_digit() -> None:
    (rewrite,) = found(RULE, sample_files("adam-omp")["main.cpp"])
    assert not rewrite.rounding


def test_line_breaks_stay() -> None:
    text = program(loop(FIRST), loop(SECOND)).replace("\n", "\r\n")
    assert f"{FIRST}\r\n        {SECOND}\r\n    }}\r\n" in rewritten(RULE, text)
