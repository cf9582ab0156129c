"""CUDA and HIP syntax is blanked in place; everything else stays as it is."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jouleline.core.masking import mask, remask
from jouleline.core.source import Edit, SourceText

FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *"(){};,\"'\\ \t",
            "\n",
            "\r\n",
            "x",
            "__global__ ",
            "__launch_bounds__(256, 2)",
            "__launch_bounds__(",
            "__attribute__((aligned(8)))",
            "<<<",
            ">>>",
            "A<B<C<int>>>",
            "//",
            "/*",
            "*/",
            "😀",
            'R"(',
            ')"',
        ]
    ),
    max_size=25,
).map(lambda parts: "".join(parts).encode())
ANYTHING = st.one_of(FRAGMENTS, st.binary(max_size=60))


def blanks(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


@pytest.mark.parametrize(
    ("before", "kind", "syntax", "after", "text"),
    [
        ("", "attribute", "__global__", " void f() {}", "__global__"),
        ("static ", "attribute", "__device__", " int g;", "__device__"),
        ("void ", "bounds", "__launch_bounds__(256, MIN(2, 3))", " f();", "256, MIN(2, 3)"),
        ("f", "launch", "<<<n / 2, dim3(16, 16)>>>", "(x);", "n / 2, dim3(16, 16)"),
        ("f", "launch", "<<<\n  grid,\n  block>>>", "(x);", "\n  grid,\n  block"),
        ("f<A<B<int>>>", "launch", "<<<1, 2>>>", "(x);", "1, 2"),
        ("f", "launch", "<<<dim3(size<A<B<C>>>()), 2>>>", "(x);", "dim3(size<A<B<C>>>()), 2"),
        ("f", "launch", "<<<dim3(1, 2>>>", "(x);", "dim3(1, 2"),
        ("{ f", "launch", "<<<1, 2", "; g(); }", "1, 2"),
        ("{ f", "launch", "<<<1, 2", "\n g(); }", "1, 2"),
        ("void ", "bounds", "__launch_bounds__(256", "\nf();", "25"),
        ("struct ", "bounds", "__align__(8)", " S { float a, b; };", "8"),
        ("float a[32] ", "bounds", "__attribute__((aligned(64)))", ";", "(aligned(64))"),
        ("float a[32] ", "bounds", "__attribute__ ((__aligned__ (64)))", " = {};", "(__aligned__ (64))"),
    ],
)
def test_what_is_blanked(before: str, kind: str, syntax: str, after: str, text: str) -> None:
    masked = mask((before + syntax + after).encode())
    assert masked.data.decode() == before + blanks(syntax) + after
    (item,) = masked.blanked
    assert (item.kind, item.text.decode()) == (kind, text)
    assert (item.start, item.end) == (len(before), len(before) + len(syntax))
    if kind != "attribute":
        assert (before + syntax)[item.content_start :].startswith(text)


@pytest.mark.parametrize("head", ["__global__ void\n", "extern __global__ ", "__global__ static void "])
def test_a_macro_in_front_of_a_kernels_name_stands_for_launch_bounds(head: str) -> None:
    macro, rest = "LAUNCH_BOUNDS (THREADS, 2)", " k(int n) { f(n); }"
    masked = mask((head + macro + rest).encode())
    assert masked.data.decode() == head.replace("__global__", " " * 10) + blanks(macro) + rest
    assert [item.text for item in masked.blanked] == [b"__global__", b"THREADS, 2"]


@pytest.mark.parametrize(
    "text",
    [
        "// __global__ f<<<1, 2>>>()\n",
        "/* __global__\n<<< */ int a;",
        '"__global__ <<<1, 2>>> \\" <<<"',
        'R"x( __global__ )" <<<1>>> )x"',
        "my__global__ = 1; __globally__();",
        "a << b >> c < d;",
        "char c = '<'; int n = 1'000'000;",
        "#define ALIGNED __align__(16)\nint a;",
        "#define BOUNDS __launch_bounds__(256)\nint a;",
        "__attribute__((constructor)) void f();",
        "void FORCED (int a) { f(a); }",
        "void f() __attribute__((noinline));",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert mask(text.encode()).data.decode() == text


@given(ANYTHING)
@example(b"<<<<<<< HEAD\nint a;\n>>>>>>> theirs")
@example(b"f<<<" * 50)
def test_masking_keeps_length_and_line_breaks_and_changes_only_what_it_names(data: bytes) -> None:
    masked = mask(data)
    assert len(masked.data) == len(data)
    for place, (old, new) in enumerate(zip(data, masked.data, strict=True)):
        inside = any(item.start <= place < item.end for item in masked.blanked)
        assert new == (old if not inside or old in b"\r\n" else 0x20)


@given(ANYTHING)
def test_what_was_blanked_is_listed_in_order_without_overlap(data: bytes) -> None:
    blanked = mask(data).blanked
    assert all(a.end <= b.start for a, b in pairwise(blanked))
    assert all(0 <= item.start < item.end <= len(data) for item in blanked)


def test_what_lies_within_a_stretch_is_found() -> None:
    masked = mask(b"__global__ void f(); __device__ int g;")
    assert [item.text for item in masked.within(0, 12)] == [b"__global__"]
    assert [item.text for item in masked.within(1, 99)] == [b"__device__"]
    assert masked.within(-50, 0) == []


@pytest.mark.parametrize(
    ("used", "masked"),
    [
        ("STEP STEP\n}", ";    ;   \n}"),
        ("STEP; STEP;", "STEP; STEP;"),
        ("FOUR FOUR x = 1;", ";    ;    x = 1;"),
        ("STEP // twice\n STEP }", ";    // twice\n ;    }"),
        ("STEPS STEP_BACK x;", "STEPS STEP_BACK x;"),
        ("x = STEP * 2;", "x = STEP * 2;"),
        ("OTHER STEPPED", "OTHER STEPPED"),
        ("{ t[] = {PAIR, PAIR}; }", "{ t[] = {PAIR, PAIR}; }"),
        ("{ f(STEP /* x */, 2); }", "{ f(STEP /* x */, 2); }"),
        ("{ g = SIZE // all\n * 2; }", "{ g = SIZE // all\n * 2; }"),
    ],
)
def test_a_semicolon_stands_for_a_macro_that_ends_a_statement(used: str, masked: str) -> None:
    defined = "#define STEP a += 1;\n#define FOUR STEP STEP \\\n  STEP STEP\n#define OTHER 4\n"
    defined += "#define PAIR {0, 0}\n#define SIZE 64 // was 32;\n"
    assert mask(f"{defined}{used}".encode()).data.decode() == f"{defined}{masked}"


PIECES = st.sampled_from(
    [
        *"(){};,\"'\\ \t#_f",
        "\n",
        "\r\n",
        "  FOR_EACH(i, n) {\n",
        " FOR_EACH(",
        "__global__ ",
        "#define A __device__\n",
        "#define STEP a += 1;\n",
        "#define STEP a\n",
        "#define STEPS STEP \\\n STEP\n",
        " STEP STEPS\n",
        "__global__ void BOUNDS(2) k(",
        "__launch_bounds__(256, 2)",
        "__launch_bounds__(",
        "__align__(8) ",
        "__attribute__((aligned(8)))",
        "f<<<n, 256>>>(x);\n",
        "<<<",
        ">>>",
        "// a comment\n",
        "/* another */",
        "/*",
        "*/",
        '"a string"',
        "\\\n",
        'R"(',
        ')"',
        "for (;;)\n",
        "  if (x) // then\n",
        " else",
        " do",
        "\n#pragma unroll 4\n",
        "\n  # pragma omp simd \\\n aligned(a)\r\n",
        ' _Pragma("unroll") ',
        "\n" + " " * 1100 + "\n",
        "\n" + " " * 2100 + "\n",
        "int x;\n" * 300,
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PIECES, max_size=30),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), PIECES), min_size=1, max_size=4),
)
def test_masking_around_an_edit_gives_what_masking_all_of_it_does(
    parts: list[str], edits: list[tuple[float, int, str]]
) -> None:
    data = "".join(parts).encode()
    masked = mask(data)
    for share, removed, piece in edits:
        start = int(share * len(data))
        edit = Edit(start, min(len(data), start + removed), piece.encode())
        data = data[: edit.start] + edit.replacement + data[edit.end :]
        before, anew = masked.data, mask(data)
        masked, change = remask(masked, data, edit)
        assert masked == anew
        assert SourceText(before).apply([change] if change else []).data == anew.data
