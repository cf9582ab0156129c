"""A file that does not parse as it is written is read as the compiler sees it."""

from jouleline.core.facts import gather
from jouleline.core.preprocessing import as_compiled
from jouleline.core.syntax import parse

BRANCHES = b"""\
#ifdef FAST
int main() {
#else
int main(int argc) {
#endif
  int n = 4;
}
"""
HALF_TYPED = b"int main() { int n = (4; }\n"


def test_branches_that_are_not_compiled_are_left_out() -> None:
    source = parse(BRANCHES)
    facts = as_compiled(gather(source), {})
    assert source.root.has_error
    assert not facts.source.root.has_error
    assert facts.source.text is source.text
    assert [one.name for one in facts.functions["main"].parameters] == ["argc"]
    assert as_compiled(gather(source), {"FAST": "1"}).functions["main"].parameters == ()


def test_a_text_is_repaired_once_while_it_and_the_macros_stay() -> None:
    facts = gather(parse(BRANCHES))
    first = as_compiled(facts, {"SIZE": "4"})
    assert as_compiled(facts, {"SIZE": "4"}) is first
    assert as_compiled(facts, {"SIZE": "4", "FAST": "1"}) is not first


def test_a_text_without_branches_is_what_the_compiler_sees() -> None:
    facts = gather(parse(HALF_TYPED))
    assert as_compiled(facts, {}) is facts
