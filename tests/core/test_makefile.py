"""A Makefile is read without running it, whatever stands in it."""

from time import process_time

import pytest

from jouleline.core.makefile import defined_macros, run_command


@pytest.mark.parametrize(
    "text",
    [
        f"A = {'$(A)' * 16}\nall:\n\techo $(A)\n",
        "A := -DN\n" + "A := $(A) $(A)\n" * 64 + "all:\n\techo $(A)\n",
        f"A = x{' ' * 50_000}y\n",
    ],
)
def test_no_makefile_takes_long(text: str) -> None:
    before = process_time()
    defined_macros(text)
    assert process_time() - before < 1


def test_a_line_that_is_continued_by_several_is_one() -> None:
    assert defined_macros("CFLAGS = -DA \\\n  \\\n\t-DB=2\n") == {"A": "1", "B": "2"}


def test_neither_a_blank_line_nor_a_comment_ends_a_rule() -> None:
    makefile = "run: main\n\n    # ./main 7\n\t./main 8 4096\n"
    assert run_command(makefile) == "./main 8 4096"
