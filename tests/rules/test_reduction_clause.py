from pathlib import Path

import pytest

from jouleline.rules.reduction_clause import ReductionClause
from tests.rules.harness import check_program, check_sample, found, rewritten, run, sample_files, untouched
from tests.support.tools import require_tool

RULE = ReductionClause()

PROGRAM = """#include <cmath>
#include <cstdio>
#include <cstdlib>
static @TYPE@ f(const double *x, int n) {
    @TYPE@ s = @START@;
    @OUTER@
    @PRAGMA@
    for (int i = 0; i < n; i++) {
        @BODY@
    }
    return s;
}
int main() {
    double x[100];
    for (int i = 0; i < 100; i++) x[i] = 1.0 / (1 + i);
    const auto s = f(x, 100);
    printf("%.17g\\n", (double)s);
}
"""


def program(
    body: str,
    pragma: str = "#pragma omp parallel for",
    kind: str = "double",
    start: str = "0",
    outer: str = "",
) -> str:
    text = PROGRAM.replace("@BODY@", body).replace("@PRAGMA@", pragma).replace("@TYPE@", kind)
    return text.replace("@START@", start).replace("@OUTER@", outer)


@pytest.mark.parametrize("name", ["dot-omp", "hash-omp", "norm1-omp-offload"])
def test_a_sample_prints_the_same(name: str, tmp_path: Path) -> None:
    check_sample(RULE, name, tmp_path)


@pytest.mark.parametrize(
    ("body", "kind", "start", "clause"),
    [
        ("\n#pragma omp atomic\ns += x[i];", "double", "0", "reduction(+ : s)"),
        ("\n#pragma omp atomic update\ns -= x[i];", "double", "5", "reduction(+ : s)"),
        ("\n#pragma omp atomic\ns = s + x[i];", "double", "0", "reduction(+ : s)"),
        ("\n#pragma omp atomic\ns = x[i] + s;", "double", "0", "reduction(+ : s)"),
        ("\n#pragma omp atomic\ns *= 1.0 + x[i] / 100;", "double", "1", "reduction(* : s)"),
        ("if (x[i] < 0.1) {\n#pragma omp atomic\ns++; }", "int", "3", "reduction(+ : s)"),
        ("\n#pragma omp atomic\ns ^= i * 77 + (x[i] > 0.1);", "unsigned", "3", "reduction(^ : s)"),
        ("\n#pragma omp critical\ns += sqrt(x[i]);", "double", "0", "reduction(+ : s)"),
        ("\n#pragma omp critical(sum)\n{ s += x[i]; /* mine */ }", "double", "0", "reduction(+ : s)"),
        (
            "for (int k = 0; k < 3; k++) {\n#pragma omp atomic\ns += x[i] * k;\n}",
            "double",
            "0",
            "reduction(+ : s)",
        ),
        ("\n#pragma omp atomic\ns += x[i];\n#pragma omp atomic\ns -= 1;", "double", "0", "reduction(+ : s)"),
    ],
)
def test_turns_become_a_reduction(body: str, kind: str, start: str, clause: str, tmp_path: Path) -> None:
    changed = check_program(RULE, program(body, kind=kind, start=start), tmp_path, relative=1e-12)
    assert f"#pragma omp parallel for {clause}\n" in changed
    assert "atomic" not in changed
    assert "critical" not in changed


@pytest.mark.parametrize(
    "pragma",
    [
        "#pragma omp parallel for schedule(static) \\\n    num_threads(2)",
        "#pragma omp parallel for // all of them",
        "#pragma omp parallel\n#pragma omp for",
        "#pragma omp target teams distribute parallel for map(to : x[0 : n]) map(tofrom : s)",
        "#pragma omp target map(tofrom : s) map(to : x[0 : n])\n#pragma omp teams distribute parallel for",
    ],
)
def test_the_clause_joins_the_others(pragma: str, tmp_path: Path) -> None:
    text = program("\n#pragma omp atomic\ns += x[i];", pragma)
    check_program(RULE, text, tmp_path, relative=1e-12)


def test_a_loop_in_a_parallel_block(tmp_path: Path) -> None:
    text = """#include <cstdio>
int main() {
    long count = 0;
#pragma omp parallel
    {
#pragma omp for
        for (int i = 0; i < 1000; i++) {
#pragma omp atomic
            count += i % 7;
        }
    }
    printf("%ld\\n", count);
}
"""
    changed = check_program(RULE, text, tmp_path)
    assert "#pragma omp for reduction(+ : count)" in changed


def test_a_map_and_a_reduction_agree_for_an_offloading_compiler(tmp_path: Path) -> None:
    compiler = require_tool("clang++-19")
    text = rewritten(RULE, sample_files("norm1-omp-offload")["main.cpp"].decode())
    (tmp_path / "main.cpp").write_text(text, encoding="utf-8")
    result = run([str(compiler), "-std=c++17", "-fopenmp", "-fsyntax-only", "-Wall", "main.cpp"], tmp_path)
    assert result.returncode == 0, result.stderr


ATOMIC = "\n#pragma omp atomic\ns += x[i];"


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("nothing is shared", program("s += x[i];")),
        ("it is read in the loop", program(ATOMIC + "\nif (s > 3) continue;")),
        ("it is written elsewhere in the loop", program(ATOMIC + "\ns = 0;")),
        ("it is added to without protection", program(ATOMIC + "\ns += 1;")),
        ("different operations", program(ATOMIC + "\n#pragma omp atomic\ns *= 2;")),
        ("the value depends on it", program("\n#pragma omp atomic\ns += s;")),
        ("subtracted from a value", program("\n#pragma omp atomic\ns = x[i] - s;")),
        ("divided", program("\n#pragma omp atomic\ns /= 2;")),
        ("a capture", program("double o;\n#pragma omp atomic capture\no = s += x[i];\n(void)o;")),
        ("a clause names it", program(ATOMIC, "#pragma omp parallel for shared(s)")),
        ("it is private", program(ATOMIC, "#pragma omp parallel for firstprivate(s)")),
        ("it is reduced already", program(ATOMIC, "#pragma omp parallel for reduction(+:s)")),
        ("default(none)", program(ATOMIC, "#pragma omp parallel for default(none) shared(s, x, n)")),
        ("the loop does not wait", program(ATOMIC, "#pragma omp for nowait")),
        ("no region around", program(ATOMIC, "#pragma omp for")),
        ("offloaded without a map", program(ATOMIC, "#pragma omp target teams distribute parallel for")),
        ("not mapped back", program(ATOMIC, "#pragma omp target teams distribute parallel for map(to : s)")),
        ("a serial loop", program(ATOMIC, "")),
        ("declared in the loop", program("double t = 0;\n#pragma omp atomic\nt += x[i];")),
        ("an element of an array", program("\n#pragma omp atomic\nh[i % 4] += x[i];", outer="double h[4];")),
        ("its address is known", program(ATOMIC, outer="double *p = &s; (void)p;")),
        ("a reference names it", program(ATOMIC, outer="double &r = s; (void)r;")),
        ("a lambda may read it", program(ATOMIC, outer="auto g = [&] { return s; }; (void)g;")),
        ("a reference", program(ATOMIC, outer="double &r = s;").replace("s += x[i]", "r += x[i]")),
        ("a global", "double s;\n" + program(ATOMIC).replace("double s = 0;", "")),
        ("static", program(ATOMIC).replace("double s = 0", "static double s")),
        ("the lock guards more", program('\n#pragma omp critical\n{ s += x[i]; printf("%d", i); }')),
        ("the lock guards a call", program("\n#pragma omp critical\ns += rand();")),
        ("its value changes", program("\n#pragma omp critical\ns += k;\nk++;", outer="int k = 0;")),
        ("the lock orders two sums", program("\n#pragma omp critical\n{ s++; k += s; }", outer="int k = 0;")),
        ("a function of its own type", program(ATOMIC, kind="Number")),
        ("one thread only", program("\n#pragma omp single\n{" + ATOMIC + "}")),
        ("a loop between", program(f"\n#pragma omp parallel for\nfor (int j = 0; j < 2; j++) {{{ATOMIC}}}")),
        ("teams outside", program(ATOMIC, outer="#pragma omp target teams map(tofrom : s)")),
        ("the loop of each team", program(ATOMIC, "#pragma omp distribute parallel for")),
        ("hidden by another", program("double s = 1;" + ATOMIC)),
        ("a branch of the preprocessor", program("\n#ifdef SUM" + ATOMIC + "\n#endif\n")),
        ("dead code", "#if 0\n" + program(ATOMIC) + "\n#endif\n"),
        ("a map grows as it is read", program("\n#pragma omp critical\ns += seen[i % 9] + i % 3;",
            kind="long", outer="std::map<int, int> seen;")),
        ("a map under an atomic", program("\n#pragma omp atomic\ns += seen[i % 9];",
            outer="std::map<int, int> seen;")),
        ("a class's operator", program("\n#pragma omp critical\ns += (i < big) ? 1 : 2;", outer="Big big;")),
        ("vectors behind a pointer", program("\n#pragma omp critical\ns += p[i][0];",
            outer="std::vector<double> *p = all();")),
        ("the lock guards a function of the program", "static int max(int a, int b) { return next(a, b); }\n"
            + program("\n#pragma omp critical\ns += max(i, 3);")),
        ("what a call writes is read under the lock", program("grow(v);\n#pragma omp critical\ns += v[0];",
            outer="std::vector<int> v(1, 1);")),
        ("a call behind a name", "#define DRAW draw()\n" + program("\n#pragma omp critical\ns += DRAW;")),
        ("a use behind a name", "#define SEEN if (s > 3) n--\n" + program(ATOMIC + "\nSEEN;")),
        ("a use behind a call", "#define SEEN() if (s > 3) n--\n" + program(ATOMIC + "\nSEEN();")),
        ("a fraction taken from an integer", program("\n#pragma omp atomic\ns -= d;", kind="int",
            outer="double d = 0.5;")),
        ("an unknown value added to an integer", program("\n#pragma omp atomic\ns += other(i);", kind="int")),
        ("added to by the loop before, which does not wait", program(
            ATOMIC + "\n}\n#pragma omp for\nfor (int i = 0; i < 2; i++) {" + ATOMIC,
            "#pragma omp for nowait", outer="#pragma omp parallel\n{").replace("return s", "} return s")),
        ("read in the region after the loop", program(ATOMIC + '\n} if (s > 1) { puts("much");',
            "#pragma omp for", outer="#pragma omp parallel\n{").replace("return s", "} return s")),
        ("a half-typed loop", program(ATOMIC + "\nif (")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_threads_take_turns(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_integers_stay_exact_and_one_directive_is_one_rewrite() -> None:
    (rewrite,) = found(RULE, sample_files("hash-omp")["main.cpp"])
    assert (rewrite.line, rewrite.rounding, len(rewrite.edits)) == (29, False, 3)
    (rewrite,) = found(RULE, sample_files("dot-omp")["main.cpp"])
    assert rewrite.rounding


def test_line_breaks_stay() -> None:
    text = program(ATOMIC).replace("\n", "\r\n")
    changed = rewritten(RULE, text)
    assert "parallel for reduction(+ : s)\r\n" in changed
    assert "\n" not in changed.replace("\r\n", "")
