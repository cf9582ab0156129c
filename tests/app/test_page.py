"""What pages are made of."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.page import diff, items, paragraph
from jouleline.core.candidate import patch

LINES = st.lists(st.sampled_from(["-- x", "++ y", "@@ z", "a", "", "<b>"]), max_size=8)


def text_of(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


@given(before=LINES, after=LINES)
def test_a_diff_tells_lines_that_look_like_its_headings_from_its_headings(
    before: list[str], after: list[str]
) -> None:
    given_patch = patch({"f": text_of(before)}, {"f": text_of(after)})
    kinds = re.findall(r'<span class="(\w+)">', diff(given_patch))
    assert kinds.count("file") == (2 if before != after else 0)
    assert kinds.count("added") - kinds.count("removed") == len(after) - len(before)
    assert len(kinds) == len(given_patch.splitlines())


def test_plain_text_stays_text_and_words_in_backticks_are_code() -> None:
    assert paragraph("a < `b<c>`") == "<p>a &lt; <code>b&lt;c&gt;</code></p>"
    assert items(["<script>"]) == "<ul><li>&lt;script&gt;</li></ul>"
    assert items([]) == ""
