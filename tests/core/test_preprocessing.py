"""A file that does not parse as it is written is read as the compiler sees it."""

import pytest

from jouleline.core.conditionals import Conditionals
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
DOUBLING = "#define N0 1\n" + "".join(f"#define N{i + 1} (N{i} + N{i})\n" for i in range(40))
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


@pytest.mark.parametrize(
    ("macros", "parameters"),
    [
        ("#define N (N + N)\n", ()),
        ("#define N (M + M)\n#define M (N + 1 + N)\n", ("argc",)),
        (DOUBLING + "#define N N40\n", ("argc",)),
    ],
)
def test_a_macro_is_evaluated_once_in_a_condition_and_is_0_in_its_own_text(
    macros: str, parameters: tuple[str, ...]
) -> None:
    broken = f"{macros}#if N\nint main(int argc) {{\n#else\nint main() {{\n#endif\n}}\n"
    main = as_compiled(gather(parse(broken.encode())), {}).functions["main"]
    assert tuple(one.name for one in main.parameters) == parameters
    whole = f"{macros}#if N\nvoid f(int argc) {{}}\n#endif\n"
    facts = gather(parse(whole.encode()))
    assert Conditionals(facts.definitions).holds(facts.conditionals[0]) is bool(parameters)
