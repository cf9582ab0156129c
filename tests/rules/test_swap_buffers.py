from pathlib import Path

import pytest

from jouleline.rules.swap_buffers import SwapBuffers
from tests.rules.harness import check_program, check_sample, found, rewritten, sample_files, untouched

RULE = SwapBuffers()

PROGRAM = """#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static double relax(double *u, double *v, const double *f, int n, int steps) {
    double change = 0.0;
    @BEFORE@
    for (int s = 0; s < steps; s++) {
        change = 0.0;
        for (int i = 1; i < n - 1; i++) {
            v[i] = 0.5 * (u[i - 1] + u[i + 1]) + f[i];
            change = fmax(change, fabs(v[i] - u[i]));
        }
        @COPY@
        @AFTER@
    }
    @END@
    return change;
}

int main(int, char **argv) {
    const int n = atoi(argv[1]), steps = atoi(argv[2]);
    std::vector<double> u(n), v(n), f(n);
    for (int i = 0; i < n; i++) {
        u[i] = i % 7;
        v[i] = 100 + i; // neither the boundary nor the inside agrees with u
        f[i] = 1.0 / (1 + i);
    }
    const double change = relax(u.data(), v.data(), f.data(), n, steps);
    printf("%.17g\\n", change);
    for (int i = 0; i < n; i++) printf("%.17g %.17g\\n", u[i], v[i]);
}
"""
LOOP = "for (int i = 0; i < n; i++) u[i] = v[i];"


def program(copy: str = LOOP, before: str = "", after: str = "", end: str = "") -> str:
    text = PROGRAM.replace("@COPY@", copy).replace("@BEFORE@", before).replace("@AFTER@", after)
    return text.replace("@END@", end)


@pytest.mark.parametrize("name", ["jacobi-omp", "heat-omp-offload"])
def test_a_sample_prints_the_same(name: str, tmp_path: Path) -> None:
    check_sample(RULE, name, tmp_path)


@pytest.mark.parametrize("steps", ["0", "1", "2", "3", "8"])
def test_both_arrays_end_as_they_did_whatever_the_boundary(steps: str, tmp_path: Path) -> None:
    check_program(RULE, program(), tmp_path, "17", steps)


@pytest.mark.parametrize(
    "copy",
    [
        LOOP,
        "#pragma omp parallel for\n        for (int i = 0; i < n; i++) {\n\t\tu[i] = v[i];\n}",
        "for (int k = 0; k <= n - 1; ++k) { u[k] = v[k]; }",
        "memcpy(u, v, n * sizeof(double));",
        "std::memcpy(u, v, sizeof(*u) * n);",
    ],
)
def test_a_copy_is_known_in_its_forms(copy: str, tmp_path: Path) -> None:
    changed = check_program(RULE, program(copy), tmp_path, "9", "5")
    assert "u = v;" in changed


def test_the_loop_may_end_early_after_the_copy(tmp_path: Path) -> None:
    check_program(RULE, program(after="if (change < 0.9) break;"), tmp_path, "9", "500")


def test_memory_of_the_function_and_blocks_of_rows(tmp_path: Path) -> None:
    text = """#include <cstdio>
#include <cstdlib>
int main() {
    const int n = 9, m = 5;
    float *a = (float *)malloc(n * m * sizeof(float));
    float *b = (float *)malloc(n * m * sizeof(float));
    for (int i = 0; i < n * m; i++) { a[i] = i % 4; b[i] = -1; }
    int s = 0;
    while (s < 7) {
        for (int i = 1; i < n - 1; i++)
            for (int j = 1; j < m - 1; j++)
                b[i * m + j] = 0.25f * (a[i * m + j - 1] + a[i * m + j + 1] +
                                        a[(i - 1) * m + j] + a[(i + 1) * m + j]);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < m; j++)
                a[i * m + j] = b[i * m + j];
        s++;
    }
    for (int i = 0; i < n * m; i++) printf("%.9g %.9g\\n", a[i], b[i]);
    free(a);
    free(b);
}
"""
    check_program(RULE, text, tmp_path)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the copy leaves out what is read", program("for (int i = 1; i < n - 1; i++) u[i] = v[i];")),
        ("the copy is shifted", program("for (int i = 0; i < n; i++) u[i] = v[n - 1 - i];")),
        ("the copy skips elements", program("for (int i = 0; i < n; i += 2) u[i] = v[i];")),
        ("the copy changes values", program("for (int i = 0; i < n; i++) u[i] = 0.5 * v[i];")),
        ("the copy is conditional", program("if (s % 2) " + LOOP)),
        ("the copy is guarded inside", program("for (int i = 0; i < n; i++) if (i % 2) u[i] = v[i];")),
        ("the copy's size is not known", program("memcpy(u, v, 8 * steps * sizeof(float));")),
        ("the sweep may end before", program("if (change < 1e-3) break;\n" + LOOP)),
        ("the function ends inside", program(after="if (change < 1e-3) return change;")),
        ("the old array is written too", program(after="u[0] = s;")),
        ("the new array is written later", program(after="v[0] = s;")),
        ("the new array is read later", program(after="change += v[0];")),
        ("a pointer is passed on", program(after="free(u);")),
        ("a pointer's address is kept", program(before="double **p = &u; (void)p;")),
        ("a pointer is moved", program(after="u++;")),
        ("another name for the array is read", program(before="double *w = u;", after="change += w[1];")),
        ("another name for the array is written", program(before="double *w = v;", after="w[1] = 0;")),
        ("a reference to an element is read", program(before="double &w = u[1];", after="change += w;")),
        ("a reference to an element is written", program(before="double &w = u[1];", after="w = 0;")),
        ("a structure behind a pointer", program(after="state->change = change;")),
        ("a lambda holds the pointer", program(before="auto g = [&] { return u[0]; }; (void)g;")),
        ("a function of elsewhere is called", program(after="observe(s);")),
        ("the bound changes", program(after="n--;")),
        ("every other element is kept", program().replace("v[i] = 0.5", "if (i % 2) v[i] = 0.5")),
        ("the new array is updated", program().replace("v[i] = 0.5", "v[i] += 0.5")),
        ("an older value of the new array is read", program().replace("+ f[i]", "+ f[i] * v[i + 1]")),
        ("what is written depends on the sweep", program().replace("v[i] = 0.5", "v[(i + s) % n] = 0.5")),
        ("a loop starts at the sweep", program().replace("int i = 1; i < n - 1", "int i = s; i < n - 1")),
        ("the index depends on data", program().replace("u[i + 1])", "u[(int)f[i]])")),
        ("something outside the copy is read", program().replace("u[i + 1])", "u[i + 2])")),
        ("restrict", program().replace("double *u,", "double *__restrict__ u,")),
        ("a reference to a pointer", program().replace("double *u,", "double *&u,")),
        ("a constant pointer", program().replace("double *u,", "double *const u,")),
        ("the arrays are one", program().replace("v.data(), f", "u.data(), f")),
        ("the arrays may overlap", program().replace("v.data(), f", "u.data() + 1, f")),
        ("the right-hand side is the array", program().replace("f.data(), n, steps", "u.data(), n, steps")),
        ("nobody calls it", program().replace("relax(u.data", "other(u.data")),
        ("all threads run the loop", program(before="#pragma omp parallel\n")),
        ("a branch of the preprocessor", program("\n#ifdef COPY\n" + LOOP + "\n#endif\n")),
        ("dead code", "#if 0\n" + program() + "\n#endif\n"),
        ("a half-typed function", program(after="if (")),
        ("a static pointer", program().replace("double *u, double *v", "double *p, double *q").replace(
            "double change = 0.0;\n    ", "static double *u = p, *v = q; double change = 0.0;\n", 1)),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_copy_stays(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_names_that_are_taken_are_avoided() -> None:
    assert "bool copied2 = false" in rewritten(RULE, program(before="int copied = 0; (void)copied;"))


def test_the_edit_points_at_the_copy_and_keeps_every_digit() -> None:
    (rewrite,) = found(RULE, sample_files("jacobi-omp")["main.cpp"])
    assert (rewrite.line, rewrite.rounding) == (20, False)


def test_line_breaks_and_tabs_stay() -> None:
    text = program().replace("\n", "\r\n").replace("    ", "\t")
    changed = rewritten(RULE, text)
    assert "\n" not in changed.replace("\r\n", "")
    assert "\r\n\t\t\tu = v;\r\n" in changed


def test_two_loops_of_a_function_get_two_names(tmp_path: Path) -> None:
    start, end = PROGRAM.index("    for (int s"), PROGRAM.index("    @END@")
    text = PROGRAM[:end] + PROGRAM[start:end] + PROGRAM[end:]
    for mark, replacement in (("@BEFORE@", ""), ("@COPY@", LOOP), ("@AFTER@", ""), ("@END@", "")):
        text = text.replace(mark, replacement)
    assert "u_own2" in check_program(RULE, text, tmp_path, "9", "5")


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("code behind a name", "#define BOUNDARY v[0] += s\n" + program(before="", after="BOUNDARY;")),
        (
            "a variable behind a name",
            "#define N active\n"
            + program(before="int active = n;", after="active--;")
            .replace("i < n - 1", "i < N - 1")
            .replace("i < n; i++) u", "i < N; i++) u"),
        ),
        ("a name that is given away", "#define ADDRESS &u\n" + program(before="double **p = ADDRESS;")),
        (
            "two values of one name",
            "#define N 5\nint k = N;\n#undef N\n#define N 9\n"
            + program().replace("i < n - 1", "i < N - 1").replace("i < n; i++) u", "i < N; i++) u"),
        ),
        (
            "a pointer to a container",
            """#include <vector>
void f(int n, int steps) {
    std::vector<float> x(n, 1.0f), y(n, 0.0f);
    std::vector<float> *px = &x;
    float *a = x.data();
    float *b = y.data();
    for (int r = 0; r < steps; r++) {
        for (int i = 0; i < n; i++) b[i] = a[i] * 0.5f + px[0][1];
        for (int i = 0; i < n; i++) a[i] = b[i];
    }
}
""",
        ),
    ],
)
def test_names_that_hide_code_or_memory_are_left_alone(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


@pytest.mark.parametrize("body", ["9", "(3 * 3)", "(THREE * 3) // nine"])
def test_a_constant_of_the_preprocessor_is_a_number(body: str) -> None:
    text = program().replace("i < n - 1", "i < N - 1").replace("i < n; i++) u", "i < N; i++) u")
    assert "u = v;" in rewritten(RULE, f"#define THREE 3\n#define N {body}\n{text}")
