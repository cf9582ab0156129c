import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jouleline.core.constants import evaluated, number
from jouleline.core.precision import narrowings
from jouleline.core.regions import Sites, violations
from jouleline.core.syntax import parse

PROGRAM = """
#include <cmath>
#include <cstdlib>
#define SIZE 1024
#define BLOCK 64
const double EPS = 1e-6;
double best(double *x, int n) { double s = 0; for (int i = 0; i < n; i++) s += x[i]; return s; }
int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : SIZE;
    double *x = (double *)malloc(n * sizeof(double)), error = 1;
    for (int i = 0; i < n; i++) x[i] = rand() % 100;
    for (int r = 0; r < 50; r++) best(x, n);
    do { error *= 0.5; } while (error > EPS);
    for (;;) { error *= 0.5; if (fabs(error) < 1e-9) break; }
    if (x[0] < 0) { printf("FAIL\\n"); return 1; }
    for (int i = 0; i < n; i += BLOCK) x[i] = 0;
}
"""


def kinds(*edits: tuple[str, str]) -> set[str]:
    text = PROGRAM
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    before, after = ({"main.cpp": parse(one.encode())} for one in (PROGRAM, text))
    return {str(one.kind) for one in violations(Sites.of(before), Sites.of(after), told=["777"])}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("SIZE 1024", "SIZE 512", "sizes"),
        ("r < 50", "r < 5", "sizes"),
        ("best(x, n);\n", "if (r % 2) best(x, n);\n", "sizes"),
        ("rand() % 100", "rand() % 10", "seeds"),
        ("atoi(argv[1])", "atoi(argv[1]) - 1", "inputs"),
        ("double *x", 'if (getenv("CI")) return 0; double *x', "inputs"),
        ("double *x", "if (n == 777) return 0; double *x", "inputs"),
        ("EPS = 1e-6", "EPS = 1e-4", "convergence"),
        ("error > EPS", "error > 1e-3", "convergence"),
        ("< 1e-9", "< 1e-7", "convergence"),
        ("x[0] < 0) {", "false) {", "checks"),
        ("#define BLOCK", "#define double float\n#define BLOCK", "checks"),
    ],
)
def test_a_changed_place_is_found(old: str, new: str, kind: str) -> None:
    assert kind in kinds((old, new))


@pytest.mark.parametrize(
    "edits",
    [
        [("BLOCK 64", "BLOCK 128")],
        [("error", "delta"), ("EPS = 1e-6", "EPS = 0.000001")],
        [("error > EPS", "EPS < error")],
        [("SIZE 1024", "SIZE (1 << 10)")],
        [("atoi(argv[1])", "std::stoi(argv[1])"), ("argc > 1", "1 < argc")],
        [("argc", "count"), ("argv", "words")],
        [
            ("s += x[i]", "s = s + x[i]"),
            ("double s = 0;", "double s = 0;\n#pragma omp simd reduction(+:s)\n"),
        ],
        [("r < 50; r++", "repeat < 50; repeat++"), ("int r = 0", "int repeat = 0")],
        [
            ("do { error", "do { double half = 0.5; error"),
            ("error *= 0.5; } while", "error *= half; } while"),
        ],
    ],
)
def test_another_spelling_is_no_change(edits: list[tuple[str, str]]) -> None:
    assert kinds(*edits) == set()


@given(st.integers(0, 2**62))
def test_a_number_has_one_form(value: int) -> None:
    spelt = [str(value), f"{value}u", f"{value}LL", hex(value), f"({value})"]
    assert {evaluated(one) for one in spelt} == {str(value)}
    assert number(f"{value % 1000}.0f") == str(value % 1000)


@given(st.text())
@example("INFINITY")
@example("-NAN")
@example("nan")
@example("1e999")
def test_any_text_has_a_value_or_none(text: str) -> None:
    evaluated(text)
    number(text)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("double s; float t;", "float s; float t;", True),
        ("double s;", "float other;", True),
        ("float s;", "_Float16 s;", True),
        ("double a[9];", "double a[9]; float b[9];", True),
        ("double s; float t;", "double s; float t; float u;", False),
        ("float s;", "double s;", False),
        ("double s;", '#pragma GCC optimize("fast-math")\ndouble s;', True),
        ("double s; double t;", "double s;", False),
    ],
)
def test_narrower_types_are_found(before: str, after: str, *, found: bool) -> None:
    files = ({"main.cpp": parse(f"void f() {{\n{one}\n}}".encode())} for one in (before, after))
    assert bool(narrowings(*files)) == found
