import pytest

from jouleline.app.contention import crowded_atomics
from jouleline.app.parsed_file import parse_file

KERNEL = """\
__global__ void count(const int *data, int *hits, int *bins, int n) {{
    int own = threadIdx.x;
    {statement}
}}
"""


def marked(statement: str) -> list[str]:
    file = parse_file(KERNEL.format(statement=statement).encode())
    return [file.source.text.data[one.start : one.end].decode() for one in crowded_atomics(file)]


@pytest.mark.parametrize(
    "statement",
    [
        "for (int i = 0; i < n; i++) atomicAdd(hits, 1);",
        "for (int i = 0; i < n; i++) { if (data[i] > 0) { atomicAdd(hits, 1); } }",
        "while (n-- > 0) atomicAdd(&bins[own], data[n]);",
        "int i = 0; do atomicMax(&hits[0], data[i]); while (++i < n);",
    ],
)
def test_an_address_that_the_loop_does_not_move_is_marked(statement: str) -> None:
    (found,) = marked(statement)
    assert found.startswith("atomic")
    assert found.endswith(")")


@pytest.mark.parametrize(
    "statement",
    [
        "atomicAdd(hits, 1);",
        "for (int i = 0; i < n; i++) atomicAdd(&bins[data[i]], 1);",
        "for (int i = 0; i < n; i++) { int b = data[i] & 7; atomicAdd(&bins[b], 1); }",
        "for (int i = 0; i < n; i++) { atomicAdd(hits, 1); hits++; }",
        "for (int i = 0; i < n; i++) bins[atomicAdd(hits, 1)] = data[i];",
        "for (int i = 0; i < n; i++) own += atomicAdd(hits, 1);",
        "for (int i = 0; i < n; i++) atomicAdd(where(bins), 1);",
        "for (int i = 0; i < n; i++) atomicExch(hits, i);",
        "for (int i = 0; i < n; i++) atomicCAS(hits, 0, 1);",
        "for (int i = 0; i < n; i++) atomicAdd();",
        "",
    ],
)
def test_what_moves_is_used_or_cannot_be_gathered_is_not(statement: str) -> None:
    assert marked(statement) == []


def test_a_loop_on_the_host_is_none_of_a_kernel() -> None:
    file = parse_file(b"int main() { for (int i = 0; i < 9; i++) atomicAdd(p, 1); }")
    assert list(crowded_atomics(file)) == []
