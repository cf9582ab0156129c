"""What a file declares: macros, variables, types, functions and calls."""

from collections.abc import Iterator
from dataclasses import fields
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Node

from jouleline.core.ctype import DOUBLE, FLOAT, INT, LONG, CType, Scalar, wider
from jouleline.core.declarations import Declared
from jouleline.core.facts import _KINDS, FileFacts, _gathered, gather, without
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, descendants, parse, text_of

DECLARING = (
    "#define N%d 3\n",
    "int v%d;\n",
    "using T%d = int;\n",
    "struct S%d { int member; };\n",
    "enum { E%d };\n",
    "void f%d() { int local; if (local) { float local_too; g(); } }\n",
)


SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*/*.c*"))
# What may be nested in one another, or broken, in a function or outside.
PIECES = (
    *(part.replace("%d", "") for part in DECLARING),
    "void f() {",
    "MACRO(x) {",
    "auto l = [&](int i) {",
    "struct S {",
    "enum {",
    "int t[] = {1, {2, 3}",
    "if (using T = int; a) b;",
    "for (int i = g(1); i < n; i++)",
    "typedef struct P Q;",
    "C() = default;",
    'extern "C" int e;',
    "template <class T> using U = T;",
    "E1, E2",
    "x = call(a, S{1});",
    "#ifdef N\n",
    "#endif\n",
    '"{"',
    "// {\n",
    ";",
    ")",
    "}",
)


def facts(text: str) -> FileFacts:
    return gather(parse(text.encode()))


def declared(text: str) -> dict[str, Declared]:
    return facts(text).variables


def test_macros_lose_their_comments_and_split_by_kind() -> None:
    found = facts(
        "#define N 16 // size\n#define EMPTY\n#define SQUARE(a, b) ((a) * (b)) /* area */\n#define N 17\n"
    )
    assert found.macros == {"N": "16"}
    assert found.function_macros["SQUARE"].parameters == ("a", "b")
    assert found.function_macros["SQUARE"].body == "(a * b)"


@pytest.mark.parametrize(
    ("text", "name", "kind", "space"),
    [
        ("int a;", "a", "int", ""),
        ("const float *p;", "p", "float*", ""),
        ("double **m[4];", "m", "double***", ""),
        ("__device__ float table[256];", "table", "float*", "global"),
        ("__constant__ int c = 3;", "c", "int", "constant"),
        ("static __device__ /* a; b */ int d;", "d", "int", "global"),
        ("int x; __constant__ float y; int z;", "z", "int", ""),
        ("std::vector<float> &r = v;", "r", "std::vector<float>", ""),
    ],
)
def test_variables_have_a_type_and_a_memory(text: str, name: str, kind: str, space: str) -> None:
    found = declared(text)[name]
    assert (found.type, found.space) == (kind, space)


def test_one_declaration_may_name_several() -> None:
    found = declared("const int a = 1, *b, c[2][N];")
    assert {name: (item.type, text_of(item.value)) for name, item in found.items()} == {
        "a": ("int", "1"),
        "b": ("int*", ""),
        "c": ("int**", ""),
    }
    assert [text_of(extent) for extent in found["c"].extents] == ["2", "N"]
    assert all(item.constant for item in found.values())


def test_functions_have_parameters_templates_and_attributes() -> None:
    text = """
    template <typename T, int N = 4>
    __device__ __forceinline__ T *Grid::at(const T *__restrict__ data, size_t i, float = 1) { i += 2; }
    """
    function = facts(text).functions["at"]
    assert function.attributes == {b"__device__", b"__forceinline__"}
    assert [(one.name, one.type) for one in function.parameters] == [("data", "T*"), ("i", "size_t")]
    assert function.template_parameters == ("T", "N")
    assert function.value_parameters == {"N"}
    assert function.return_type == "T*"
    assert function.changes.names == {"i"}


def test_calls_are_found_by_their_bare_name() -> None:
    program = ProgramFacts(
        {"a": facts("void f() { ns::g<int>(1); }"), "b": facts("void h() { g(2); x.g(3); }")}
    )
    assert [text_of(node) for node in program.calls["g"]] == ["ns::g<int>(1)", "g(2)"]


def test_the_first_definition_of_a_name_counts() -> None:
    program = ProgramFacts(
        {"a": facts("#define N 1\nint f() { return 1; }"), "b": facts("#define N 2\nint f() {}")}
    )
    assert program.macros["N"] == "1"
    assert text_of(program.functions["f"].body) == "{ return 1; }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("float", FLOAT),
        ("const unsigned int", INT),
        ("unsigned long long", LONG),
        ("std::size_t", LONG),
        ("uint8_t", CType(Scalar.INT, 1)),
        ("real", DOUBLE),
        ("vec *", FLOAT.pointer(2)),
        ("T", FLOAT),
        ("WORD", LONG),
        ("auto", None),
        ("struct P", CType(Scalar.OTHER, 24, struct="P")),
        ("float4", CType(Scalar.SP, 16, struct="float4")),
        ("loop", CType(Scalar.OTHER, 4)),
    ],
)
def test_types_resolve_through_aliases_macros_structs_and_templates(
    text: str, expected: CType | None
) -> None:
    program = ProgramFacts(
        {
            "a": facts(
                "typedef double real; using vec = float *; #define WORD unsigned long\n"
                "#define WORD unsigned long\nusing loop = loop2; using loop2 = loop;\n"
                "struct P { double m; float x[3]; int n; };"
            )
        }
    )
    assert program.type_of(text, {"T": "float"}) == expected


def test_members_have_types() -> None:
    program = ProgramFacts({"a": facts("typedef struct { float x, *p; } P; struct Q { P inner; };")})
    point = program.type_of("P")
    assert point is not None
    assert program.member_type(point, "x") == FLOAT
    assert program.member_type(point, "p") == FLOAT.pointer()
    assert program.member_type(CType(Scalar.SP, 16, struct="float4"), "w") == FLOAT
    assert program.member_type(CType(Scalar.INT, 8, struct="uchar4"), "w").size == 1


def test_arithmetic_takes_the_wider_type() -> None:
    assert wider(INT, FLOAT) == FLOAT
    assert wider(DOUBLE, FLOAT) == DOUBLE
    assert wider(INT, LONG) == LONG
    assert wider(LONG, FLOAT.pointer()) == FLOAT.pointer()
    assert FLOAT.pointer(2).element.element == FLOAT
    assert (FLOAT.pointer().bytes, FLOAT.bytes, DOUBLE.pointer().arithmetic) == (8, 4, Scalar.INT)


@given(st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"")))
def test_any_text_has_some_facts(data: bytes) -> None:
    gather(parse(b"struct S { int a; " + data + b" template <int"))


@given(st.lists(st.tuples(st.sampled_from(DECLARING), st.booleans()), max_size=12))
def test_what_is_left_out_tells_nothing(parts: list[tuple[str, bool]]) -> None:
    texts = [part % number for number, (part, _) in enumerate(parts)]
    ends = list(accumulate(map(len, texts)))
    left_out = [range(end - len(texts[at]), end) for at, end in enumerate(ends) if parts[at][1]]
    kept = "".join(text for text, (_, out) in zip(texts, parts, strict=True) if not out)
    some, alone = without(facts("".join(texts)), left_out), facts(kept)
    for table in ("macros", "variables", "aliases", "structs", "functions", "enumerators"):
        assert getattr(some, table).keys() == getattr(alone, table).keys()
    assert not any(name.startswith("local") for name in some.variables)


def everywhere(source: ParsedSource) -> FileFacts:
    """The facts of a file by a walk that goes into everything."""

    def telling() -> Iterator[Node]:
        function_end = 0
        for node in descendants(source.root, *_KINDS):
            if node.type == "function_definition":
                function_end = max(function_end, node.end_byte)
            if node.type != "declaration" or node.start_byte >= function_end:
                yield node

    return _gathered(source, list(telling()))


def tables(found: FileFacts) -> dict[str, object]:
    """All that is known of a file, tables in their order."""
    known = {
        one.name: getattr(found, one.name) for one in fields(found) if one.name not in ("source", "nodes")
    }
    return {name: list(table.items()) if isinstance(table, dict) else table for name, table in known.items()}


@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join))
def test_what_declares_nothing_is_not_gone_into(text: str) -> None:
    source = parse(text.encode())
    assert tables(gather(source)) == tables(everywhere(source))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)
def test_the_facts_of_a_sample_are_those_of_all_its_nodes(path: Path) -> None:
    source = parse(path.read_bytes())
    assert tables(gather(source)) == tables(everywhere(source))
