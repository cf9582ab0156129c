"""What a variable of the host is worth at a place, as far as reading tells."""

import pytest

from jouleline.core.facts import gather
from jouleline.core.hostscope import HostScope
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import descendants, parse, text_of


def value(text: str, *arguments: str, name: str = "n") -> tuple[str, dict[str, str]]:
    """The value of ``name`` where ``here()`` is called, as text, and what was used of the run line."""
    source = parse(text.encode())
    place = next(node for node in descendants(source.root, "call_expression") if text_of(node) == "here()")
    host = HostScope(ProgramFacts({"main.cpp": gather(source)}), arguments)
    return str(host.name(name, place)), host.used


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("void f() { int n = 4; here(); }", "4"),
        ("void f() { int n = 4; n = n * 2; here(); n = 9; }", "8"),
        ("void f() { int m = 3, n = m * m + 1; here(); }", "10"),
        ("#define SIZE (2 * HALF)\n#define HALF 50\nvoid f() { int n = SIZE; here(); }", "100"),
        ("const int n = 1 << 10;\nvoid f() { here(); }", "1024"),
        ("static int m = 6;\nvoid f() { int n = m; here(); }", "6"),
        ("void f(int n) { here(); }\nint main() { f(5 * 5); }", "25"),
        ("void f(int n) { here(); }\nvoid g(int k) { f(k + 1); }\nint main() { g(7); }", "8"),
        ("void f(int n) { here(); }\nint main() { f(1); f(2); }", "n"),
        ("void f(int n) { here(); }\n__global__ void k() { f(1); }\nint main() { f(2); }", "2"),
        ("void f() { here(); }", "n"),
        ("void f() { int n = m / 2; here(); }", "0.5·m"),
        ("void f() { int n; scanf(s, &n); here(); }", "n"),
        ("void f(int n) { here(); f(n - 1); }", "n"),
        ("#define UP(a, b) ((a + b - 1) / b)\nvoid f() { int n = UP(1000, 256); here(); }", "4"),
        (
            "int up(int a, int b) { return a % b ? a / b + 1 : a / b; }\nvoid f() { n = up(m, 4); here(); }",
            "0.25·m",
        ),
        ("int g(int a) { return g(a) + g(a); }\nvoid f() { int n = g(1); here(); }", "n"),
        ("void f() { int n = n; here(); }", "n"),
    ],
)
def test_values_are_followed_as_one_reads(text: str, expected: str) -> None:
    assert value(text)[0] == expected


@pytest.mark.parametrize(
    "call", ["atoi(argv[2])", "std::stoi(argv[2])", "strtol(argv[2], NULL, 10)", "(int)atof(argv[2])"]
)
def test_the_run_line_is_read_and_said(call: str) -> None:
    text = f"int main(int argc, char **argv) {{ const size_t n = {call}; here(); }}"
    assert value(text, "1", "16777216") == ("16777216", {"n": "n = 16777216 from the run line"})
    assert value(text, "1") == ("n", {})
    assert value(text, "1", "many") == ("n", {})


def test_the_number_of_arguments_decides_a_default() -> None:
    text = "int main(int argc, char **argv) { int n = argc > 1 ? atoi(argv[1]) : 100; here(); }"
    assert value(text, "7")[0] == "7"
    assert value(text)[0] == "100"


def test_a_chain_of_values_is_evaluated_once_each() -> None:
    steps = " ".join(
        f"int a{i} = a{i - 1} + a{i - 1} + a{i - 1} + a{i - 1} - 3 * a{i - 1};" for i in range(1, 12)
    )
    assert value(f"void f() {{ int a0 = 5; {steps} int n = a11; here(); }}")[0] == "5"
