"""OpenMP directives and their clauses, read from pragmas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.directives import Clause, Directive, parse_directive


def read(text: str) -> Directive:
    directive = parse_directive(text, 0)
    assert directive is not None
    return directive


@pytest.mark.parametrize(
    ("text", "words", "clauses"),
    [
        ("#pragma omp parallel for", "parallel for", []),
        ("# pragma  omp\tparallel for collapse ( 2 )", "parallel for", [("collapse", "2")]),
        (
            "#pragma omp target teams distribute parallel for map(to: a[0:n]), reduction(+ : s) nowait",
            "target teams distribute parallel for",
            [("map", "to: a[0:n]"), ("reduction", "+ : s"), ("nowait", "")],
        ),
        ("#pragma omp target update from(x[0:f(n)])", "target update", [("from", "x[0:f(n)]")]),
        ("#pragma omp target enter data map(alloc: x)", "target enter data", [("map", "alloc: x")]),
        ("#pragma omp atomic update", "atomic update", []),
        ("#pragma omp ordered", "ordered", []),
        ("#pragma omp for ordered", "for", [("ordered", "")]),
        ("#pragma omp critical(name)", "critical", [("critical", "name")]),
        ("#pragma omp declare target", "declare target", []),
        (
            "#pragma omp parallel for num_threads(omp_get_max_threads()",
            "parallel for",
            [("num_threads", "omp_get_max_threads()")],
        ),
        ("#pragma omp", "", []),
    ],
)
def test_words_and_clauses(text: str, words: str, clauses: list[tuple[str, str]]) -> None:
    if not words:
        assert parse_directive(text, 0) is None
        return
    directive = read(text)
    assert " ".join(directive.words) == words
    assert directive.clauses == tuple(Clause(*clause) for clause in clauses)


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_continued_lines_belong_to_the_directive(line_break: str) -> None:
    text = f"#pragma omp target teams \\{line_break}  distribute \\{line_break}  map(to: a)"
    directive = parse_directive(text, 100)
    assert directive is not None
    assert directive.words == ("target", "teams", "distribute")
    assert directive.clause("map") == Clause("map", "to: a")
    assert (directive.start, directive.end) == (100, 100 + len(text))


@pytest.mark.parametrize(
    "text", ["#pragma once", "#pragma unroll 4", "#pragma ompx simd", "#define omp parallel"]
)
def test_other_pragmas_are_none(text: str) -> None:
    assert parse_directive(text, 0) is None


def test_what_a_directive_is_asked() -> None:
    directive = read("#pragma omp target parallel for collapse(3) if(n > 9)")
    assert directive.has("target", "for")
    assert not directive.has("teams")
    assert directive.collapse == 3
    assert directive.clause("device") is None
    assert read("#pragma omp for collapse(N)").collapse == 1


@given(st.text(st.sampled_from("omp target(),:+[] \\\n"), max_size=40))
def test_any_rest_of_a_pragma_is_read(rest: str) -> None:
    parse_directive("#pragma omp " + rest, 0)
