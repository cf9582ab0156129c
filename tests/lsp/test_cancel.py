"""Cancelled requests are not worked on."""

from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import Client, ServerError

CANCELLED = -32800
# Each kernel takes milliseconds to count, and none is remembered from another.
KERNELS = "".join(
    f"__global__ void k{number}(float *a, int n) {{\n"
    + "".join(
        f"    for (int i = 0; i < n; i++) a[i * {line}] += a[i] * {number}.5f;\n" for line in range(1, 30)
    )
    + "}\n"
    for number in range(60)
)


def test_what_is_cancelled_before_it_is_begun_is_answered_so(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", KERNELS)
    document = {"textDocument": {"uri": uri}}
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 10_000, "character": 0}}
    asked: list[tuple[str, Any]] = [
        ("textDocument/inlayHint", {**document, "range": whole}),
        ("textDocument/codeLens", document),
        ("textDocument/documentSymbol", document),
        ("textDocument/hover", {**document, "position": {"line": 0, "character": 17}}),
        ("workspace/executeCommand", {"command": "jouleline.whatIf", "arguments": [{"uri": uri}]}),
    ]
    for method, params in asked:
        with pytest.raises(ServerError) as refused:
            client.result(client.begin_cancelled(method, params))
        assert refused.value.code == CANCELLED, method


def test_a_cancel_in_the_middle_ends_the_work(client: Client, tmp_path: Path) -> None:
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "k.cu", KERNELS)
    client.hints(uri, 0, 1)  # the file has been read
    lenses = client.begin("textDocument/codeLens", {"textDocument": {"uri": uri}})
    client.notify("$/cancelRequest", {"id": lenses})
    with pytest.raises(ServerError) as refused:
        client.result(lenses)
    assert refused.value.code == CANCELLED
