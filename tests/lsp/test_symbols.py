from pathlib import Path
from typing import Any

from tests.lsp.client import FULL, Client, Message

TEXT = """\
// ½
template <typename T> __global__ void scale(T *x, int n) {
    x[threadIdx.x] *= 2.0f;
}
__global__ void empty() {}
int main() { scale<float><<<9, 256>>>(0, 0); }
"""
NESTED: dict[str, Any] = {
    **FULL,
    "textDocument": {
        **FULL["textDocument"],
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
    },
}


def symbols(client: Client, uri: str) -> list[Message]:
    found: list[Message] = client.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    return found


def test_the_outline_has_the_kernels_with_their_bounds(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path, NESTED)
    uri = client.open(tmp_path / "k.cu", TEXT)
    scale, empty = symbols(client, uri)
    assert scale["name"].startswith("scale(")
    assert scale["detail"].startswith("bandwidth-bound")
    assert scale["range"]["start"]["line"] == 1
    assert scale["range"]["end"] == {"line": 3, "character": 1}
    for place in ("start", "end"):
        chosen = scale["selectionRange"][place]
        assert scale["range"]["start"]["line"] <= chosen["line"] <= scale["range"]["end"]["line"]
    assert (empty["name"], empty["detail"]) == ("empty()", "bound unknown · cuda kernel")


def test_a_client_without_nesting_gets_places(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", TEXT)
    scale, _ = symbols(client, uri)
    assert scale["location"]["uri"] == uri
    assert scale["containerName"].endswith(" · cuda kernel")


def test_the_workspaces_kernels_are_found_by_their_letters_in_all_files(
    client: Client, tmp_path: Path
) -> None:
    header = tmp_path / "other.cuh"
    header.write_text("__global__ void reduce_rows(float *x) { x[threadIdx.x] += 1.0f; }\n")
    (tmp_path / "k.cu").write_text('#include "other.cuh"\n' + TEXT)
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu")
    client.hints(uri)

    def found(query: str) -> list[Message]:
        answer: list[Message] = client.request("workspace/symbol", {"query": query})
        return answer

    assert {one["name"].split("(")[0] for one in found("")} == {"scale", "empty", "reduce_rows"}
    (reduce,) = found("rdRows")
    assert reduce["location"]["uri"] == header.as_uri()
    assert reduce["location"]["range"]["start"] == {"line": 0, "character": 0}
    assert found("zzz") == []


def test_what_is_no_source_has_none(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    assert symbols(client, (tmp_path / "never-opened.cu").as_uri()) == []
