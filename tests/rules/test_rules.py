"""What every rule keeps: edits inside the file and apart, done after one pass, calm on any text."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.core.candidate import Rewrite
from jouleline.core.syntax import UnreadableSourceError
from jouleline.rules import RULES, Alternative, Rule, Smelling
from tests.rules.harness import NAMES, SUFFIXES, applied, found, program_of, rewrite_all, sample_files

PROGRAMS = [(name, sample_files(name)) for name in NAMES]
TEXTS = sorted({data for _, files in PROGRAMS for data in files.values()})
PIECES = [
    b"{",
    b"}",
    b"(",
    b")",
    b";",
    b";;",
    b"{;}",
    b"*",
    b"#pragma omp parallel for\n",
    b"#if 0\n",
    b"/*",
    b'"',
    b"\\\n",
    b"\xff",
]

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def ordered(rewrites: list[Rewrite]) -> None:
    """Places come in the order of the text, and no two change the same bytes."""
    edits = [edit for rewrite in rewrites for edit in rewrite.edits]
    assert all(rewrite.edits for rewrite in rewrites)
    assert [rewrite.line for rewrite in rewrites] == sorted(rewrite.line for rewrite in rewrites)
    assert not any(left.touches(right) for left, right in pairwise(sorted(edits)))


def test_names_are_unique_and_plain() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)


@each_rule
def test_a_rule_says_what_it_does_and_why(rule: Rule) -> None:
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.rationale.endswith(".")


@each_rule
def test_a_rule_says_what_costs_energy_unless_it_is_a_choice(rule: Rule) -> None:
    assert isinstance(rule, Smelling) is not isinstance(rule, Alternative)
    if isinstance(rule, Smelling):
        assert rule.smell[0].isupper()
        assert rule.smell.endswith(".")
        assert ". " not in rule.smell


@each_rule
@pytest.mark.parametrize(("name", "files"), PROGRAMS, ids=NAMES)
def test_one_pass_leaves_nothing_to_do(rule: Rule, name: str, files: dict[str, bytes]) -> None:
    sources, program = program_of(files)
    for file, source in sources.items():
        rewrites = rule.rewrites(source, program)
        ordered(rewrites)
        assert all(rewrite.rule == rule.name and rewrite.title for rewrite in rewrites)
        applied(files[file], rewrites)
    once = rewrite_all(rule, files)
    assert rewrite_all(rule, once) == once, name


@each_rule
def test_an_empty_or_foreign_file_is_left_alone(rule: Rule) -> None:
    for text in (
        "",
        "\n",
        "Dear reader,\nthis is no program.\n",
        "#pragma omp parallel for",
        "int",
        "{{{{",
        "))))",
    ):
        assert found(rule, text) == []


@each_rule
@settings(max_examples=60)
@given(data=st.data())
def test_half_typed_and_broken_text_never_raises(rule: Rule, data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(TEXTS)))
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(text)))
        if data.draw(st.booleans()):
            text[start:start] = data.draw(st.sampled_from(PIECES))
        else:
            del text[start : start + data.draw(st.integers(1, 40))]
    cut = data.draw(st.one_of(st.just(len(text)), st.integers(0, len(text))))
    broken = bytes(text[:cut])
    try:
        rewrites = found(rule, broken)
    except UnreadableSourceError:
        return
    ordered(rewrites)
    applied(broken, rewrites)


def test_samples_are_read() -> None:
    assert len(TEXTS) >= len(NAMES)
    assert {".cpp", ".cu", ".hip"} <= SUFFIXES
