"""What a model sees of a program: the kernel and what it uses, as written, within a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.analyse import analyse, parse_files
from jouleline.app.excerpt import MOST_CHARACTERS, excerpt
from jouleline.core.programfacts import ProgramFacts
from jouleline.wiring import catalogue

PAPER = catalogue().get("rtx-3080-paper")


def excerpts(**files: str) -> list[str]:
    parsed, _ = parse_files({f"{name}.cu": text.encode() for name, text in files.items()})
    facts = ProgramFacts({name: file.facts for name, file in parsed.items()})
    analysis = analyse(parsed, PAPER)
    return [excerpt(report, analysis, facts) for report in analysis.kernels]


def test_a_launch_in_another_file_is_shown_with_its_function() -> None:
    (shown,) = excerpts(
        kernels="// a comment before\n__global__ void k(float* a) { a[0] = 1.0f; }\n",
        main="// another\nvoid go(float* p) { k<<<3, 32>>>(p); }\nint main() { go(0); }\n",
    )
    assert "void go(float* p) { k<<<3, 32>>>(p); }" in shown
    assert "int main() { go(0); }" in shown


def test_the_beginning_of_a_long_host_function_and_what_leads_to_the_launch_are_kept() -> None:
    filler = "".join(f"  work({number});\n" for number in range(2000))
    (shown,) = excerpts(
        main="__global__ void k(int n) {}\nint main(int argc, char** argv) {\n  int n = atoi(argv[1]);\n"
        f"{filler}  k<<<n, 77>>>(n);\n{filler}}}\n"
    )
    assert "int n = atoi(argv[1]);" in shown
    assert "k<<<n, 77>>>(n);" in shown
    assert "// ... a part is left out" in shown
    assert "// ... the rest is left out" in shown
    assert len(shown) < MOST_CHARACTERS / 2


def test_a_kernel_that_is_longer_than_the_limit_is_cut_and_says_so() -> None:
    body = "".join(f"  a[{number}] = {number}.0f;\n" for number in range(5000))
    (shown,) = excerpts(main=f"__global__ void k(float* a) {{\n{body}}}\n")
    assert len(shown) < MOST_CHARACTERS + 200
    assert "// ... the rest is left out" in shown


def test_a_macro_that_stands_for_a_loop_is_shown_as_the_macro() -> None:
    (shown,) = excerpts(
        main="#define LOOP(i, n) for (int i = 0; i < (n); i++)\n"
        "__global__ void k(float* a, int n) { LOOP(i, n) { a[i] = 1; } }\n"
    )
    assert "#define LOOP(i, n) for (int i = 0; i < n; i++)" in shown


def test_functions_that_call_each_other_are_shown_once() -> None:
    (shown,) = excerpts(
        main="__device__ int odd(int n);\n"
        "__device__ int even(int n) { return n == 0 ? 1 : odd(n - 1); }\n"
        "__device__ int odd(int n) { return n == 0 ? 0 : even(n - 1); }\n"
        "__global__ void k(int* a) { a[0] = even(a[1]); }\n"
    )
    assert shown.count("__device__ int even(int n) {") == 1
    assert shown.count("__device__ int odd(int n) {") == 1


@pytest.mark.parametrize("text", ["", "k<<<", "int main() { k<<<1, 1>>>(", "template <"])
def test_a_program_that_is_half_typed_has_an_excerpt_too(text: str) -> None:
    for shown in excerpts(main=f"__global__ void k(float* a) {{ a[0] = 1; }}\n{text}"):
        assert "__global__ void k(float* a)" in shown


@given(st.text(alphabet="k(){}<>;,# \nintdefmacro_1", max_size=80))
def test_any_text_after_a_kernel_leaves_an_excerpt_within_the_limit(text: str) -> None:
    for shown in excerpts(main=f"__global__ void k(float* a) {{ a[0] = 1; }}\n{text}"):
        assert len(shown) < MOST_CHARACTERS + 500
