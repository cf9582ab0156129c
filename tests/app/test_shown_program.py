"""What a model is shown of a program that is too large to be sent whole."""

from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.shown_program import shown_files

FILES = {
    "main.cpp": b"int main() { run(); }\n" * 5,
    "kernel.cu": b"__global__ void step(float *x);\n" * 10,
    "table.h": b"1, 2, 3,\n" * 100,
    "other.cu": b"__global__ void other();\n" * 100,
}


def test_a_program_that_fits_is_shown_whole() -> None:
    assert shown_files(FILES, list(FILES), 100_000).left == ()


def test_kernels_that_may_change_come_first_and_no_file_in_part() -> None:
    shown = shown_files(FILES, ["main.cpp", "kernel.cu"], 500)
    assert shown.names == {"kernel.cu", "main.cpp"}
    assert shown.left == ("other.cu", "table.h")
    assert shown_files(FILES, ["main.cpp", "kernel.cu"], 330).names == {"kernel.cu"}


def test_where_nothing_fits_that_may_change_nothing_is_shown() -> None:
    shown = shown_files(FILES, ["other.cu"], 400)
    assert shown.names == frozenset()
    assert shown.left == tuple(sorted(FILES))


@given(
    st.dictionaries(st.sampled_from(("a.cpp", "b.cu", "c.h", "d.cpp")), st.binary(max_size=50)),
    st.integers(1, 150),
)
def test_never_more_is_shown_than_allowed_and_every_file_is_shown_or_named(
    files: dict[str, bytes], most: int
) -> None:
    shown = shown_files(files, [*files], most)
    assert sum(len(files[name]) for name in shown.names) <= most
    assert {*shown.names, *shown.left} == {*files}
