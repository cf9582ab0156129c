"""Macros that stand for statements count as what they stand for."""

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.analyse import parse_files
from jouleline.core.counts import Operation
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import parse
from tests.support.tools import require_tool

from .kernels import INDEX, LAUNCH, kernel, per_thread, report

ROTATE = "#define ROTATE(x, n) (((x) << (n)) | ((x) >> (32 - (n))))\n"
STEP = ROTATE + "#define STEP(a, b, s) { a += (b) & 7; a = ROTATE(a, s); b ^= a; }\n"
STEP_BY_HAND = "{{ {0} += {1} & 7; {0} = ({0} << 3) | ({0} >> (32 - 3)); {1} ^= {0}; }}"


@pytest.mark.parametrize(
    ("defined", "written", "by_hand"),
    [
        (STEP, "int a = v[i], b = i; STEP(a, b, 3) STEP(b, a, 3) v[i] = a + b;", 2),
        (STEP, "int a = v[i], b = i; STEP(a, b, 3); STEP(b, a, 3); v[i] = a + b;", 2),
        (STEP + "#define TWICE(a, b) STEP(a, b, 3) STEP(b, a, 3)\n",
         "int a = v[i], b = i; TWICE(a, b) v[i] = a + b;", 2),
    ],
)  # fmt: skip
def test_a_macro_with_parameters_is_written_out(defined: str, written: str, by_hand: int) -> None:
    steps = [STEP_BY_HAND.format("a", "b"), STEP_BY_HAND.format("b", "a")] * (by_hand // 2)
    expected = kernel(f"int a = v[i], b = i; {' '.join(steps)} v[i] = a + b;")
    assert kernel(written, defined).counts.operations == expected.counts.operations


def test_macros_without_parameters_may_follow_each_other_without_semicolons() -> None:
    defined = "#define STEP s = s * s + 1.0f;\n#define FOUR STEP STEP \\\n  STEP STEP\n"
    body = "float s = x[i]; for (int j = 0; j < 10; j++) { FOUR FOUR\n FOUR } x[i] = s;"
    assert per_thread(kernel(body, defined), Operation.SP) == 10 * 12 * 2


@pytest.mark.parametrize(
    ("defined", "body", "sp"),
    [
        ("#define FOLD(op) s = s op x[i];\n", "FOLD(+);", 1),
        ("#define APPLY(a, op, b) a op b;\n", "APPLY(s, +=, 2.0f)", 1),
        ("#define SCALE(a) s = 2.0f * (a);\n", "SCALE(s + 1.0f)", 2),
        ("#define ADD(a, b) a += b;\n", "ADD(s, // first\n 2.0f * s)", 2),
        ("#define ADD(a, b) a += b;\n", "ADD(s /* :) */, 2.0f) ADD(s, 3.0f)", 2),
    ],
)
def test_what_a_macro_is_given_may_be_anything(defined: str, body: str, sp: float) -> None:
    found = kernel(f"float s = x[i]; {body} x[i] = s;", defined)
    assert per_thread(found, Operation.SP) == sp


def test_a_block_that_is_written_as_a_loop_runs_once() -> None:
    found = kernel("ADD(x[i], 2.0f); ADD(x[i], 3.0f);", "#define ADD(a, b) do { a = a + b; } while (0)\n")
    assert per_thread(found, Operation.SP) == 2
    assert found.counts.assumptions == ()


def test_the_macros_of_device_functions_are_written_out_too() -> None:
    before = STEP + "__device__ int mixed(int a, int b) { STEP(a, b, 3) STEP(b, a, 3) return a + b; }\n"
    by_hand = "int a = v[i], b = i; " + STEP_BY_HAND.format("a", "b") + STEP_BY_HAND.format("b", "a")
    expected = kernel(by_hand + " v[i] = a + b;")
    found = kernel("v[i] = mixed(v[i], i);", before)
    assert found.counts.operations == expected.counts.operations


def test_the_macros_of_an_openmp_region_are_written_out_too() -> None:
    text = """
    #define AXPY(i) y[i] = 2.0f * x[i] + y[i];
    void f(float *x, float *y) {
      #pragma omp target teams distribute parallel for
      for (int i = 0; i < 1024; i++) { AXPY(i) }
    }"""
    assert report(text).counts.operations[Operation.SP] == 2 * 1024


def test_a_loop_behind_a_macro_of_several_lines_keeps_its_line() -> None:
    text = f"""{STEP}
    __global__ void k(float *x, float *y, double *d, int *v) {{ {INDEX}
      STEP(v[i],
           i,
           3)
      while (v[i] > 0) v[i] = v[v[i]];
    }}
    """ + LAUNCH.format("x, y, d, v")
    assert any("the loop in line 8 runs 16 times" in one for one in report(text).counts.assumptions)


def test_a_macro_that_is_part_of_itself_ends() -> None:
    assert per_thread(kernel("f(x[i]);", "#define f(a) a = a + 1.0f; f(a);\n"), Operation.SP) == 1


def test_macros_that_stand_for_endless_text_are_left_alone() -> None:
    doubled = "".join(f"#define D{n} D{n - 1} D{n - 1}\n" for n in range(1, 40))
    found = kernel("float s = x[i]; D39 x[i] = s;", "#define D0 s = s + 1.0f;\n" + doubled)
    assert found.counts.operations[Operation.SP] == 0


@pytest.mark.parametrize(
    "body",
    ["STEP(" * 20_000 + ")" * 20_000, "STEP(" * 20_000, "CHAIN999", "STEP(a" + ", (" * 500 + ")" * 501],
    ids=["nested", "open", "chain", "parentheses"],
)
def test_what_nobody_writes_is_left_alone(body: str) -> None:
    chain = "".join(f"#define CHAIN{n} CHAIN{n - 1};\n" for n in range(1, 1000))
    found = kernel(f"x[i] = y[i] + 1.0f; {body}", f"#define STEP(a) {{ a += 1; }}\n#define CHAIN0 ;\n{chain}")
    assert per_thread(found, Operation.SP) <= 1


NAMES = st.sampled_from(["a", "b", "c", "x"])
EXPRESSIONS = st.recursive(
    st.one_of(NAMES, st.sampled_from(["1", "0x2F", "1e3f", '"a;b"', "x[a]", "p->q", "'a'"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+*,"), inner).map(" ".join).map("({})".format),
        inner.map("f({})".format),
    ),
    max_leaves=4,
)
STATEMENTS = st.one_of(
    st.builds("{} = {};".format, NAMES, EXPRESSIONS),
    st.builds("ONE({}, {})".format, NAMES, EXPRESSIONS),
    st.builds("TWO({})".format, EXPRESSIONS),
    st.sampled_from(
        [
            "THREE",
            "// ONE(a, b)\n",
            "/* THREE */",
            "ONE(a, /* :) */ b)",
            "TWO(a // b)\n)",
            "ONE = 1;",
            "TWO (\n a )",
            "b = ONETWO;",
        ]
    ),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(STATEMENTS, max_size=8))
def test_what_is_written_out_is_what_the_preprocessor_makes_of_it(statements: list[str]) -> None:
    defined = (
        "#define ONE(a, b) { a += b; }\n"
        "#define TWO(x) ONE(c, x) do { c = x; } while (0); THREE\n"
        "#define THREE b++; \\\n  a--;\n"
    )
    text = f"{defined}void k() {{\n{' '.join(statements)}\n}}\n"
    source = parse(text.encode())
    start = len(defined)
    files, _ = parse_files({"k.cu": text.encode()})
    macros = ProgramFacts({"k.cu": files["k.cu"].facts}).statement_macros
    written = macros.written_out(source, start, len(text)) or source
    ours = written.text.data[start:].decode()
    theirs = subprocess.run(
        [require_tool("g++"), "-E", "-P", "-xc++", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tokens(ours) == tokens(theirs)
    assert ours.count("\n") == text[start:].count("\n")


def tokens(text: str) -> list[str]:
    """The words and signs of a text, but for parentheses, of which we put some where they change nothing."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text)
    return re.findall(r'"[^"]*"|\w+|[^\s()]', text)
