"""A pragma between a statement's head and its body without braces is an attribute of the body."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.core.directives import directives, statement_after
from jouleline.core.inner_pragmas import inner_pragmas
from jouleline.core.masking import mask
from jouleline.core.syntax import descendants, field, parse

from .kernels import floats, integers

UNROLL = "#pragma unroll"
LOOP = "for (int k = 0; k < 8; k++) x[k] += 1.0f;"


def shown(text: str) -> str:
    """The masked text, runs of blanks as one."""
    return re.sub(r"[ \r]+", " ", mask(text.encode()).data.decode())


@pytest.mark.parametrize(
    "head",
    [
        "for (int i = 0; i < (n + 1); i++)",
        "for (int i = 0;\n     i < n; i++)",
        "for (float a : all)",
        "while (next(n))",
        "if (i < n)",
        "if constexpr (N > 1)",
        "if (i < n) ; else",
        "x[0] = 1; do",
        "for (;;) // each (of them",
        "for (;;) /* each\n of them) */",
        "if (is('\\'') && f(\"//\"))",
        "for (;;)\n#pragma nounroll\n",
        "for (;;)\n#pragma omp simd \\\n  aligned(x)\n\n// then\n",
        'for (;;) _Pragma("nounroll")',
    ],
)
@pytest.mark.parametrize(
    "pragma", [f"\n{UNROLL} 4", "\r\n  # pragma omp simd \\\r\n safelen(8)", '_Pragma("unroll")']
)
def test_a_pragma_behind_the_head_of_a_statement_stands_as_an_attribute(head: str, pragma: str) -> None:
    tail = "while (0);" if head.endswith("do") else ""
    text = f"void f() {{ {head} {pragma}\r\n {LOOP} {tail} }}"
    masked = mask(text.encode())
    *_, mark = masked.blanked
    assert (mark.kind, mark.text.decode()) == ("pragma", pragma.strip())
    assert text.encode()[mark.start : mark.end] == mark.text
    assert re.fullmatch(rb"\[\[pragma\s*\]\]", masked.data[mark.start : mark.end])
    assert [place for place, byte in enumerate(text.encode()) if byte in b"\r\n"] == [
        place for place, byte in enumerate(masked.data) if byte in b"\r\n"
    ]
    assert not parse(text.encode()).root.has_error


@pytest.mark.parametrize(
    "before",
    [
        "",
        "x = 1;",
        "x = 1; // if (n)",
        "{",
        "if (n) { }",
        "f(n)",
        "/* for (;;) */",
        "// else",
        "redo",
        "#if (N > 1)",
        "#else",
        "#define EACH for (;;)",
        "#define TWICE(f) do { f; } \\\n  while (0)",
        "for (;;)\n#ifdef DEEP",
        "#include <all(of).them>",
        'for (;;)\n#error _Pragma("unroll")',
    ],
)
def test_other_pragmas_are_left_as_they_are(before: str) -> None:
    text = f"{before}\n{UNROLL}\n{LOOP}"
    assert mask(text.encode()).data.decode() == text


@pytest.mark.parametrize(
    "half",
    [
        "for (;;)\n#pra",
        "for (;;)\n#pragma",
        "for (;;\n#pragma unroll\n",
        "if (\n#pragma unroll\nx;",
        "for (;;) _Pragma(",
    ],
)
def test_what_is_half_typed_is_left_as_it_is(half: str) -> None:
    assert shown(half) == half


def test_loops_nest_through_their_pragmas() -> None:
    inner = f"for (int j = 0; j < 8; j++) // of a tile\n{UNROLL}\n\n{LOOP}"
    source = parse(
        f"void f() {{\n{UNROLL}\n for (int i = 0; i < 8; i++)\r\n  {UNROLL}\r\n {inner} }}".encode()
    )
    loops = list(descendants(source.root, "for_statement"))
    assert [loop.start_point.row for loop in loops] == [2, 4, 7]
    for outer, loop in pairwise(loops):
        body = field(outer, "body")
        assert body is not None
        assert body.type == "attributed_statement"
        assert body.named_children[-1] == loop


def test_directives_are_found_with_the_statement_that_they_are_about() -> None:
    text = f"void f() {{ for (;;)\n  #pragma omp target teams \\\n map(x[:8])\n  #pragma omp simd\n {LOOP} }}"
    source = parse(text.encode())
    (first, target), (_, simd) = directives(source)
    assert (first.words, [one.name for one in first.clauses]) == (("target", "teams"), ["map"])
    assert text.encode()[first.start : first.end].endswith(b"map(x[:8])")
    assert statement_after(target) == statement_after(simd) == [*descendants(source.root, "for_statement")][1]


@pytest.mark.parametrize("pragma", [f"\n{UNROLL}\n", f"\r\n  {UNROLL} \\\r\n 8\r\n", ' _Pragma("unroll") '])
def test_all_iterations_are_counted(pragma: str) -> None:
    loops = [f"for (int {name} = 0; {name} < 8; {name}++)" for name in "jkl"]
    add = "x[i] += 1.0f;"
    assert floats(pragma + pragma.join(loops) + add) == (8 * 8 * 8, 0)
    assert floats(f"if (i < 1024) {pragma} {loops[0]} {add}") == (0.25 * 8, 0)
    assert floats(f"if (i < 1024) {add} else {pragma} {loops[0]} {add}") == (0.25 + 0.75 * 8, 0)
    assert floats(f"int n = 0; do {pragma} {loops[0]} {add} while (++n < 1);") == floats(
        f"int n = 0; do {{ {pragma} {loops[0]} {add} }} while (++n < 1);"
    )


HEADS = st.sampled_from(
    [
        *(f"for (int {name} = 0; {name} < 3; {name}++)" for name in "jkl"),
        "if (i < 1024)",
        "if (v[i] > 0) x[i] *= 2.0f; else",
        "for (int m = 0; // not 9)\n m < 2; m++)",
    ]
)
PRAGMAS = st.sampled_from(
    [
        "\n#pragma unroll\n",
        "\r\n # pragma unroll \\\r\n 3\r\n",
        ' _Pragma("unroll") ',
        " // c\n\n#pragma unroll // d\n",
        "\n",
    ]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(HEADS, PRAGMAS), max_size=4))
def test_braces_around_a_body_change_no_count(parts: list[tuple[str, str]]) -> None:
    plain = "".join(head + pragma for head, pragma in parts) + "x[i] += 1.0f;"
    braced = "".join(f"{head} {{{pragma}" for head, pragma in parts) + "x[i] += 1.0f;" + "}" * len(parts)
    assert floats(plain) == floats(braced)


def test_an_inner_loop_that_is_to_be_unrolled_costs_no_control() -> None:
    outer, inner = (
        "for (int j = 0; j < 100; j++)",
        f"for (int k = 0; k < 16; k++) {{ {'s += y[k] * s;' * 20} }}",
    )
    text = "float s = 0; {} x[i] = s;"
    unrolled = integers(text.format(f"{outer}\n{UNROLL}\n{inner}"))
    assert unrolled == integers(text.format(f"{outer} {{\n{UNROLL}\n{inner} }}"))
    assert unrolled < integers(text.format(f"{outer} {inner}"))


@pytest.mark.parametrize(
    ("pragmas", "fully"),
    [
        ("", False),
        (UNROLL, True),
        (f"{UNROLL} 16", True),
        (f"{UNROLL} (2 * N)", True),
        (f"{UNROLL}\n// each of them\n#pragma omp simd", True),
        ("#pragma clang loop unroll(full)", True),
        (f"{UNROLL} 1", False),
        (f"{UNROLL} 4 // not 16", False),
        (f"{UNROLL}(N)", False),
        ("#pragma nounroll", False),
        ("#pragma clang loop unroll(disable)", False),
        ("#pragma omp unroll partial(2)", False),
        ("#pragma omp simd // no unroll", False),
        (f"{UNROLL}\nx[i] = 0;", False),
    ],
)
def test_a_loop_is_unrolled_fully_where_pragmas_ask_for_as_many_copies(pragmas: str, *, fully: bool) -> None:
    loop = f"for (int k = 0; k < 16; k++) {{ {'s += y[k] * s;' * 20} }}"
    before, alone = "#define N 8", "x[i] = 0;" if "x[i]" in pragmas else ""
    cost = integers(f"float s = 0;\n{pragmas}\n{loop}", before) - integers(alone)
    assert cost == integers(f"float s = 0; {{\n{UNROLL if fully else ''}\n{loop} }}")


def test_a_loop_that_a_macro_heads_is_sized_by_its_body() -> None:
    macro, body = "#define FOR_EACH(k, n) for (int k = 0; k < n; k++)\n", f"{{ {'s += y[k] * s;' * 20} }}"
    plain = integers(f"float s = 0; for (int k = 0; k < 30; k++) {body}")
    assert integers(f"float s = 0; FOR_EACH(k, 30) {body}", macro) == plain


def test_a_pragma_looks_back_over_few_others() -> None:
    data = f"for (;;)\n{f'{UNROLL}{chr(10)}' * 20}{LOOP}".encode()
    assert len([*inner_pragmas(data, 0, len(data))]) == 8
