from pathlib import Path

from jouleline.app.analyse import parse_file
from jouleline.app.smells import text_smells
from jouleline.core.candidate import Rewrite
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.smell import Smell, line_span
from jouleline.core.source import SourceText
from jouleline.core.syntax import ParsedSource
from jouleline.rules import RULES

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
KERNEL = b"""\
__global__ void k(float *__restrict__ x, const float *__restrict__ y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    x[i] = 0.1 * y[i];
    x[i] += pow(x[i], 2);
}
"""


def test_the_smells_of_a_file_are_the_places_of_the_rules_in_the_order_of_the_text() -> None:
    found = text_smells({"k.cu": KERNEL}, "k.cu", RULES)
    assert [smell.code for smell in found] == sorted(
        (smell.code for smell in found), key=[smell.code for smell in found].index
    )
    assert [smell.start for smell in found] == sorted(smell.start for smell in found)
    assert {"single-precision", "strength-reduction"} <= {smell.code for smell in found}
    for smell in found:
        assert smell.fix is not None
        rule = next(rule for rule in RULES if rule.name == smell.code)
        facts = text_facts(KERNEL)
        assert smell.fix in rule.rewrites(facts.files["k.cu"].source, facts)
        assert SourceText(KERNEL).point(smell.start).line == smell.fix.line - 1


def text_facts(data: bytes) -> ProgramFacts:
    from jouleline.app.analyse import parse_files

    parsed, _ = parse_files({"k.cu": data})
    return ProgramFacts({"k.cu": parsed["k.cu"].facts})


def test_choices_that_only_measuring_decides_are_no_smells() -> None:
    launch = KERNEL + b"int main() { int n = 9; k<<<(n + 255) / 256, 256>>>(0, 0, n); }\n"
    assert not any(
        smell.code.startswith("block-size") for smell in text_smells({"k.cu": launch}, "k.cu", RULES)
    )


def test_a_file_that_is_no_source_has_none() -> None:
    assert text_smells({"k.cu": b"\0\1"}, "k.cu", RULES) == []
    assert text_smells({"k.cu": b""}, "k.cu", RULES) == []


class BrokenRule:
    """A double: a rule that raises."""

    name = "broken"
    title = "Break"
    rationale = "To see what becomes of the others."
    smell = "Nothing."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        raise ValueError(source, program)


def test_a_rule_that_fails_leaves_the_others_their_smells() -> None:
    assert text_smells({"k.cu": KERNEL}, "k.cu", [BrokenRule(), *RULES]) == text_smells(
        {"k.cu": KERNEL}, "k.cu", RULES
    )


def test_a_line_is_marked_without_the_blanks_around_it() -> None:
    text = SourceText(b"a\r\n\t b; \r\n\r\n")
    assert line_span(text, 2) == (5, 7)
    start, end = line_span(text, 3)
    assert start == end
    assert Smell("c", start, end, "m").fix is None


def test_the_smells_of_one_kernel_are_those_that_the_whole_file_has_there() -> None:
    texts = {path.name: path.read_bytes() for path in SAMPLES.glob("*/*.cu")}
    texts["k.cu"] = b"\n".join(
        (
            KERNEL.replace(b"void k", b"void plain"),
            KERNEL.replace(b"void k", b"void other").replace(b"pow(x[i], 2)", b"sin(0.5 * x[i])"),
            b"__global__ void starts(float *x, int n) { plain<<<n, 32>>>(x, x, n); }",
            b"int main() { float *x, *y; cudaMalloc(&x, 9); cudaMalloc(&y, 9); other<<<1, 9>>>(x, y, 9); }",
        )
    )
    seen = 0
    for name, data in texts.items():
        whole = text_smells({name: data}, name, RULES)
        for _, kernel in parse_file(data).kernels:
            if kernel.directive is None and kernel.is_closed:
                here = [one for one in whole if kernel.start <= one.start < kernel.end]
                assert text_smells({name: data}, name, RULES, (kernel.start, kernel.end)) == here
                seen += len(here)
    assert seen >= 4
