"""Parsing: incremental and fresh parses agree, and what is no source is refused in a sentence."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jouleline.core.source import Edit, SourceText
from jouleline.core.syntax import (
    MAX_SOURCE_BYTES,
    ParsedSource,
    UnreadableSourceError,
    ancestor,
    descendants,
    field,
    parse,
    text_of,
)

KERNEL = b"""\
template <typename T>
__global__ void __launch_bounds__(256) scale(T *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x; // \xf0\x9f\x98\x80
    if (i < n) x[i] *= T(2);
}

void run(float *x, int n) {
    scale<float><<<(n + 255) / 256, 256>>>(x, n);
#pragma omp parallel for
    for (int i = 0; i < n; i++) x[i] += 1;
}
"""
REPLACEMENTS = st.sampled_from(
    [b"", b" ", b"\n", b"{", b"}", b"(", b"/*", b'"', b"<<<", b">>>", b"__global__ ", b"int a;\n", b"\xff"]
)


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """Edits by place (a share of the text), bytes removed, and bytes put in."""
    one = st.tuples(st.floats(0, 1), st.integers(0, 12), REPLACEMENTS)
    return draw(st.lists(one, min_size=1, max_size=6))


def incremental(changes: Iterable[Callable[[SourceText], Edit]]) -> tuple[ParsedSource, ParsedSource]:
    """The kernel after changes, parsed one after the other, and parsed afresh."""
    parsed = parse(KERNEL)
    for change in changes:
        text = SourceText(parsed.text.data)
        parsed = parse(text.apply([change(text)]).data, parsed)
    return parsed, parse(parsed.text.data)


def replaced(share: float, removed: int, replacement: bytes) -> Callable[[SourceText], Edit]:
    def change(text: SourceText) -> Edit:
        start = int(share * len(text.data))
        return Edit(start, min(len(text.data), start + removed), replacement)

    return change


def inserted(number: int, line: bytes) -> Callable[[SourceText], Edit]:
    def change(text: SourceText) -> Edit:
        start = text.line_starts[number % text.line_count]
        return Edit(start, start, line)

    return change


@example([(0.015625, 0, b">>>"), (0.0, 0, b" ")])
@given(edits())
@settings(max_examples=60)
def test_incremental_masks_are_those_of_a_fresh_look(changes: list[tuple[float, int, bytes]]) -> None:
    parsed, fresh = incremental(replaced(*change) for change in changes)
    assert parsed.masked == fresh.masked
    # How tree-sitter recovers from an error depends on what it could reuse.
    assert fresh.root.has_error or str(parsed.root) == str(fresh.root)


LINES = st.sampled_from(
    [b"int a;\n", b"\n", b"// <<<\n", b"/* }\n*/\n", b"#define A >>>\n", b"#pragma omp parallel\n{}\n"]
)


@given(st.lists(st.tuples(st.integers(0, 20), LINES), min_size=1, max_size=6))
@settings(max_examples=60)
def test_an_incremental_parse_gives_the_tree_of_a_fresh_one(lines: list[tuple[int, bytes]]) -> None:
    parsed, fresh = incremental(inserted(*line) for line in lines)
    assert str(parsed.root) == str(fresh.root)
    assert [node.start_byte for node in descendants(parsed.root, "identifier")] == [
        node.start_byte for node in descendants(fresh.root, "identifier")
    ]


def test_a_change_inside_a_launch_leaves_the_tree_and_renews_the_text() -> None:
    before = parse(KERNEL)
    after = parse(KERNEL.replace(b"256>>>", b"128>>>"), before)
    assert after.tree is before.tree
    assert [item.text for item in after.masked.blanked if item.kind == "launch"] == [b"(n + 255) / 256, 128"]


@given(st.binary(max_size=80))
def test_any_bytes_but_zero_parse(data: bytes) -> None:
    data = data.replace(b"\0", b"")
    parsed = parse(data)
    assert parsed.text.data == data
    assert parsed.root.end_byte <= len(data)


def test_a_binary_file_is_refused() -> None:
    with pytest.raises(UnreadableSourceError, match="is a binary file"):
        parse(b"\x7fELF\0\0")


def test_a_file_of_ten_megabytes_is_refused() -> None:
    with pytest.raises(UnreadableSourceError, match=r"is 10\.0 MB; sources up to 4\.2 MB are read"):
        parse(b"x" * 10_000_000)
    assert MAX_SOURCE_BYTES < 10_000_000


def test_nodes_are_found_by_type_and_field() -> None:
    source = parse(KERNEL)
    definitions = list(descendants(source.root, "function_definition"))
    assert [text_of(field(field(node, "declarator") or node, "declarator")) for node in definitions] == [
        "scale",
        "run",
    ]
    (loop,) = descendants(definitions[1], "for_statement")
    assert ancestor(loop, "function_definition") == definitions[1]
    assert ancestor(definitions[1], "for_statement") is None
    assert source.code(definitions[0]).startswith(b"void __launch_bounds__(256) scale")
    assert list(descendants(loop, "for_statement")) == [loop]
    assert text_of(None) == ""
