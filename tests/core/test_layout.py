"""Texts that differ in layout alone, and those that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.layout import real_changes, without_layout

TEXT = b"""#include <cstdio>
#define SIZE 8
int main() {
#pragma omp parallel for
    for (int i = 0; i < SIZE; i++) { printf("a  b %d\\n", i); }
    return 0; // done
}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"// done", b""),
        (b"return 0;", b"/* nothing\n more */ return  0 ;"),
        (b"{ printf", b"{\n        printf"),
        (b"\n", b"\r\n"),
        (b"    ", b"\t"),
        (b"int main", b"\n\n// The program.\nint main"),
    ],
)
def test_layout_is_nothing(old: bytes, new: bytes) -> None:
    assert without_layout(TEXT.replace(old, new)) == without_layout(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a  b", b"a b"),
        (b"SIZE 8", b"SIZE 9"),
        (b"#pragma omp parallel for\n", b""),
        (b"#pragma omp", b"// #pragma omp"),
        (b"i < SIZE", b"i <= SIZE"),
        (b"return 0", b"return 00"),
        (b"int i", b"inti"),
        (b"return 0;", b"return 0; }"),
    ],
)
def test_everything_else_is_something(old: bytes, new: bytes) -> None:
    assert without_layout(TEXT.replace(old, new)) != without_layout(TEXT)


@given(st.integers(0, len(TEXT) - 1), st.sampled_from(b"axyz019+-*;(){}<"))
def test_no_other_sign_in_the_code_goes_unnoticed(place: int, sign: int) -> None:
    changed = TEXT[:place] + bytes((sign,)) + TEXT[place + 1 :]
    in_comment = place >= TEXT.index(b"// done") and place < TEXT.index(b"\n}")
    if changed != TEXT and not in_comment:
        assert without_layout(changed) != without_layout(TEXT)


def test_only_files_that_really_change_are_told() -> None:
    files = {"a.cpp": TEXT.replace(b"// done", b""), "b.cpp": TEXT.replace(b"8", b"9"), "c.cpp": TEXT}
    assert real_changes(files, {"a.cpp": TEXT, "b.cpp": TEXT}).keys() == {"b.cpp", "c.cpp"}
