"""Updates from which other threads are kept away, and candidates that let them in."""

import pytest

from jouleline.core.syntax import parse
from jouleline.core.updates import bare_updates

BASELINE = """
#include <omp.h>
int main(int argc, char **argv) {
    long touched = 0, bins[64], each[64];
#pragma omp parallel for
    for (int i = 0; i < 1000; i++) {
#pragma omp atomic
        touched += 1;
#pragma omp atomic
        bins[i * 7 % 64]++;
    }
}
"""
ATOMIC = "#pragma omp atomic\n        touched += 1;"


def bare(*edits: tuple[str, str]) -> list[str]:
    text = BASELINE
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    found = bare_updates({"main.cpp": parse(BASELINE.encode())}, {"main.cpp": parse(text.encode())})
    return [one.target for one in found]


@pytest.mark.parametrize(
    "edit",
    [
        (ATOMIC, "touched += 1;"),
        (ATOMIC, "if (argc > 5) touched++;\n#pragma omp atomic\n        touched += 1;"),
        (ATOMIC, "touched = touched + 1;"),
        ("for\n", "for reduction(+ : bins[:64])\n"),
    ],
)
def test_what_is_let_in_is_named(edit: tuple[str, str]) -> None:
    assert bare(edit) == (["touched"] if edit[0] == ATOMIC else [])


@pytest.mark.parametrize(
    "edits",
    [
        [("for\n", "for reduction(+ : touched)\n"), (ATOMIC, "touched += 1;")],
        [("for\n", "for reduction(+ : touched, bins[:64])\n"), ("#pragma omp atomic\n", "")],
        [("for\n", "for num_threads(1)\n"), ("#pragma omp atomic\n", "")],
        [("#pragma omp parallel for\n", ""), ("#pragma omp atomic\n", "")],
        [("omp atomic\n        touched", "omp critical\n        touched")],
        [(ATOMIC, "{ long touched = 0; touched += 1; }")],
        [("bins[i * 7 % 64]++", "bins[i]++"), ("#pragma omp atomic\n        bins", "        bins")],
        [(ATOMIC, "const int t = omp_get_thread_num(); each[t] += 1;")],
        [
            ("bins[i * 7 % 64]++", "bins[omp_get_thread_num()]++"),
            ("#pragma omp atomic\n        bins", "        bins"),
        ],
    ],
)
def test_what_a_thread_has_for_itself_needs_no_care(edits: list[tuple[str, str]]) -> None:
    assert bare(*edits) == []


def test_what_the_baseline_left_open_may_stay_so() -> None:
    sources = {"main.cpp": parse(BASELINE.replace(ATOMIC, "touched += 1;").encode())}
    assert bare_updates(sources, sources) == []
