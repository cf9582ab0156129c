"""Rules applied one after the other make a candidate; none of them collide."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.candidates import candidate_by
from jouleline.core.candidate import Candidate, Rewrite, edits_between, patch
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit, SourceText
from jouleline.core.syntax import ParsedSource


@dataclass(frozen=True)
class Replace:
    """A rule that replaces a word everywhere."""

    old: bytes
    new: bytes
    name: str = "replace"
    title: str = "Replace a word"
    rationale: str = "For the test."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        assert source in [facts.source for facts in program.files.values()]
        found, place = [], source.text.data.find(self.old)
        while place >= 0:
            line = source.text.point(place).line + 1
            edit = Edit(place, place + len(self.old), self.new)
            found.append(Rewrite(self.name, line, f"{self.old!r} to {self.new!r}", self.rationale, (edit,)))
            place = source.text.data.find(self.old, edit.end)
        return found


FILES = {"a.cpp": b"int a;\nint b;\n", "b.h": b"int c;\n"}


def test_each_rule_sees_what_the_ones_before_it_made() -> None:
    rules = [Replace(b"int", b"long"), Replace(b"long", b"short int"), Replace(b"double", b"float")]
    candidate = candidate_by("all", rules, FILES, ["a.cpp"])
    assert candidate is not None
    assert candidate.files == {"a.cpp": b"short int a;\nshort int b;\n"}
    assert [rewrite.line for rewrite in candidate.rewrites] == [1, 2, 1, 2]
    assert candidate.title == "b'int' to b'long'; b'long' to b'short int'"


def test_lines_are_those_of_the_baseline_whatever_came_before() -> None:
    baseline = {"a.cpp": b"one\ntwo\nthree\nfour\n"}
    taller, shorter = Replace(b"two\n", b"2a\n2b\n2c\n"), Replace(b"two\n", b"")
    for first, expected in ((taller, [2, 4]), (shorter, [2, 4])):
        found = candidate_by("all", [first, Replace(b"four", b"4")], baseline, ["a.cpp"])
        assert found is not None
        assert [rewrite.line for rewrite in found.rewrites] == expected
    later = {"a.cpp": b"zero\none\n2a\n2b\nthree\nfour\n"}
    rules = [Replace(word, word.upper()) for word in (b"one", b"2b", b"three", b"four")]
    found = candidate_by("all", rules, later, ["a.cpp"], baseline)
    assert found is not None
    assert [rewrite.line for rewrite in found.rewrites] == [1, 2, 3, 4]


def test_only_files_that_may_change_do() -> None:
    candidate = candidate_by("all", [Replace(b"int", b"long")], FILES, ["b.h"])
    assert candidate is not None
    assert set(candidate.files) == {"b.h"}


def test_nothing_to_do_is_no_candidate() -> None:
    assert candidate_by("none", [Replace(b"double", b"float")], FILES, ["a.cpp", "b.h"]) is None
    assert candidate_by("none", [Replace(b"int", b"int")], FILES, ["a.cpp"]) is None
    assert candidate_by("none", [], FILES, ["a.cpp"]) is None


def test_a_file_that_is_no_source_is_left_alone() -> None:
    files = {"a.cpp": b"int a;", "blob.h": b"int\0"}
    candidate = candidate_by("all", [Replace(b"int", b"long")], files, ["a.cpp", "blob.h"])
    assert candidate is not None
    assert candidate.files == {"a.cpp": b"long a;"}


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"d", b"\n", b"\x0c\n"]), max_size=8).map(
    b"".join
)


@given(LINES, LINES)
def test_edits_between_two_texts_lead_from_one_to_the_other(old: bytes, new: bytes) -> None:
    assert SourceText(old).apply(edits_between(old, new)).data == new


def test_a_patch_is_a_unified_diff() -> None:
    text = patch({"a.cpp": b"one\ntwo"}, {"a.cpp": b"one\n2"})
    assert text == (
        "--- a/a.cpp\n+++ b/a.cpp\n@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n"
        "+2\n\\ No newline at end of file\n"
    )
    assert patch({}, {"new.h": b"x\n"}).startswith("--- a/new.h\n+++ b/new.h\n@@ -0,0 +1 @@\n+x\n")


def test_a_candidate_without_rewrites_is_called_by_its_name() -> None:
    assert Candidate("by a model", (), {}).title == "by a model"
