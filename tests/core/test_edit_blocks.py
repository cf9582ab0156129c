"""How a model's edits are read and applied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.edit_blocks import EditFormatError, apply_edits, read_edits

MAIN = b"#include <cstdio>\nint main() {\n    double sum = 0;\n    sum += 1;\n    return 0;\n}\n"
FILES = {"main.cpp": MAIN, "util.h": b"#pragma once\n"}
GOOD = """TITLE: Use float
WHY: Half the bytes.
ROUNDING: yes
FILE: main.cpp
<<<<<<< SEARCH
    double sum = 0;
=======
    float sum = 0;
>>>>>>> REPLACE
"""


def applied(text: str, permitted: tuple[str, ...] = ("main.cpp",)) -> dict[str, bytes]:
    return apply_edits(read_edits(text), FILES, permitted)


def test_a_block_replaces_what_it_quotes() -> None:
    answer = read_edits(GOOD)
    assert (answer.title, answer.why, answer.rounding) == ("Use float", "Half the bytes.", True)
    assert applied(GOOD) == {"main.cpp": MAIN.replace(b"double", b"float")}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("FILE: main.cpp", "**FILE:** `main.cpp`"),
        lambda text: text.replace("FILE: main.cpp", "### main.cpp"),
        lambda text: text.replace("FILE: main.cpp", "`main.cpp`:"),
        lambda text: text.replace("<<<<<<<", "<<<<<").replace(">>>>>>>", ">>>>>>>>"),
        lambda text: text.replace("<<<<<<<", "```cpp\n<<<<<<<") + "```\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("sum = 0;", "sum = 0;   "),
        lambda text: "Sure! Here is the change.\n\n" + text + "\nThat saves memory traffic.",
        lambda text: text.replace("FILE: main.cpp\n", ""),
        lambda text: text.replace("FILE: main.cpp", "FILE: ./main.cpp"),
    ],
)
def test_reading_forgives_what_models_do_to_the_format(change: Callable[[str], str]) -> None:
    new = applied(change(GOOD))["main.cpp"].replace(b"0;   \n", b"0;\n")
    assert new == MAIN.replace(b"double", b"float")


def test_a_whole_file_in_a_fence_takes_the_place_of_the_old_text() -> None:
    text = "TITLE: New\nFILE: main.cpp\n```cpp\nint main() { return 0; }\n```\n"
    assert applied(text) == {"main.cpp": b"int main() { return 0; }\n"}


def test_a_fence_without_a_name_counts_when_it_is_a_program_and_only_one_file_may_change() -> None:
    fence = "Here it is:\n```cpp\n#include <cstdio>\nint main() { return 1; }\n```\n"
    assert b"return 1" in applied(fence)["main.cpp"]
    with pytest.raises(EditFormatError, match="names no file"):
        applied(fence, ("main.cpp", "util.h"))


def test_an_answer_of_nothing_proposes_nothing() -> None:
    assert read_edits("NOTHING").edits == ()
    assert read_edits("TITLE: none\n**NOTHING**\n").edits == ()


def test_lines_keep_their_ends() -> None:
    files = {"main.cpp": MAIN.replace(b"\n", b"\r\n")}
    new = apply_edits(read_edits(GOOD), files, ["main.cpp"])["main.cpp"]
    assert new == MAIN.replace(b"double", b"float").replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("I would suggest to use float.", "holds no edit"),
        (GOOD.replace("=======\n", ""), "breaks off inside a SEARCH/REPLACE block of main.cpp"),
        (GOOD.replace(">>>>>>> REPLACE\n", ""), "breaks off"),
        ("FILE: main.cpp\n```cpp\nint main() {", "its code fence is not closed"),
        (
            GOOD.replace("double sum = 0;", "double summ = 0;"),
            "(?s)do not occur in main.cpp.*nearest lines.*sum = 0",
        ),
        (GOOD.replace("    double sum = 0;", ""), "SEARCH block of main.cpp is empty"),
        (GOOD.replace("FILE: main.cpp", "FILE: ../../.bashrc"), r"\.\./\.\./\.bashrc may not be changed"),
        (GOOD.replace("FILE: main.cpp", "FILE: /etc/passwd"), "/etc/passwd may not be changed"),
        (
            GOOD.replace("FILE: main.cpp", "FILE: util.h"),
            "util.h may not be changed; you may change main.cpp",
        ),
    ],
)
def test_what_cannot_be_applied_is_refused_with_a_sentence_for_the_model(text: str, complaint: str) -> None:
    with pytest.raises(EditFormatError, match=complaint):
        applied(text)


def test_lines_that_occur_twice_are_refused() -> None:
    text = "FILE: main.cpp\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n"
    with pytest.raises(EditFormatError, match="occur 2 times"):
        apply_edits(read_edits(text), {"main.cpp": b"x\nz\nx\n"}, ["main.cpp"])


CODE_LINE = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20).map(str.rstrip)
MARKS = ("<<<<<", ">>>>>", "=====", "```", "~~~")


@given(st.lists(CODE_LINE, min_size=1, max_size=12, unique=True), st.data())
def test_any_stretch_of_a_file_can_be_replaced_by_anything(lines: list[str], data: st.DataObject) -> None:
    plain = [line for line in lines if line and not any(mark in line for mark in MARKS)]
    if not plain:
        return
    start = data.draw(st.integers(0, len(plain) - 1))
    end = data.draw(st.integers(start + 1, len(plain)))
    new = [
        line for line in data.draw(st.lists(CODE_LINE, max_size=5)) if not any(mark in line for mark in MARKS)
    ]
    text = "\n".join(["FILE: a.cpp", "<<<<<<< SEARCH", *plain[start:end], "=======", *new, ">>>>>>> REPLACE"])
    before = "".join(line + "\n" for line in plain).encode()
    after = "".join(line + "\n" for line in [*plain[:start], *new, *plain[end:]]).encode()
    changed = apply_edits(read_edits(text), {"a.cpp": before}, ["a.cpp"])
    assert changed.get("a.cpp", before) == after


@given(st.text(max_size=300))
def test_no_answer_whatever_raises_anything_else(text: str) -> None:
    with suppress(EditFormatError):
        assert set(apply_edits(read_edits(text), FILES, ["main.cpp"])) <= {"main.cpp"}


def test_two_names_of_one_file_are_one_file() -> None:
    again = "FILE: ./main.cpp\n<<<<<<< SEARCH\n    return 0;\n=======\n    return 1;\n>>>>>>> REPLACE\n"
    new = applied(GOOD + again)["main.cpp"]
    assert b"float sum" in new
    assert b"return 1;" in new


@pytest.mark.parametrize(
    "fence",
    [
        "```bash\ng++ -O3 main.cpp\n```\n",
        "```cpp\n#include <cstdio>\nint main() { return 1; }\n```\n",
        "Compile with:\n```\nmake\n```\n",
    ],
)
def test_a_plain_fence_beside_blocks_is_no_file(fence: str) -> None:
    expected = {"main.cpp": MAIN.replace(b"double", b"float")}
    assert applied(GOOD + fence) == expected
    assert applied(GOOD.replace("<<<<<<< SEARCH", fence + "<<<<<<< SEARCH")) == expected


def test_the_text_of_a_file_is_the_first_fence_after_its_name() -> None:
    text = "FILE: main.cpp\n```cpp\nint main() {}\n```\nThen run:\n```bash\nmake\n```\n"
    assert applied(text) == {"main.cpp": b"int main() {}\n"}


def test_mixed_line_ends_stay_where_they_are() -> None:
    mixed = b"int a;\r\nint b;\nint c;\r\nint d;\n\nint e;\r\nint f;"
    edit = "FILE: main.cpp\n<<<<<<< SEARCH\nint b;\nint c;\n=======\nint c;\nint z;\n>>>>>>> REPLACE\n"
    changed = apply_edits(read_edits(edit), {"main.cpp": mixed}, ("main.cpp",))
    assert changed["main.cpp"] == b"int a;\r\nint c;\r\nint z;\nint d;\n\nint e;\r\nint f;"
    whole = "FILE: main.cpp\n```cpp\nint a;\nint b;\nint d;\n```\n"
    changed = apply_edits(read_edits(whole), {"main.cpp": mixed}, ("main.cpp",))
    assert changed["main.cpp"] == b"int a;\r\nint b;\nint d;\n"


@given(st.lists(st.tuples(CODE_LINE, st.sampled_from((b"\n", b"\r\n"))), min_size=2, max_size=12))
def test_what_an_edit_does_not_name_stays_byte_for_byte(lines: list[tuple[str, bytes]]) -> None:
    text = b"".join(line.encode() + end for line, end in [*lines, ("int last;", b"\n")])
    edit = "FILE: main.cpp\n<<<<<<< SEARCH\nint last;\n=======\nint lost;\n>>>>>>> REPLACE\n"
    with suppress(EditFormatError):
        changed = apply_edits(read_edits(edit), {"main.cpp": text}, ("main.cpp",))
        kept = text.removesuffix(b"int last;\n")
        assert changed["main.cpp"].startswith(kept + b"int lost;")
