"""``initialize`` is answered before what does the work is there, and as that would answer."""

import os
import subprocess
import sys
from typing import Any

import pytest

from jouleline.lsp.greeting import ENCODINGS, initialize_result
from tests.lsp.client import FULL, Client, over_tcp

LIBRARIES = {"lsprotocol", "cattrs", "attrs", "asyncio", "tree_sitter"}
"""Of the protocol and the parser: to import them takes longer than an editor should wait."""

VS_CODE: dict[str, Any] = {
    **FULL,
    "general": {"positionEncodings": ["utf-16"], "markdown": {"parser": "marked", "version": "1.1.0"}},
    "notebookDocument": {"synchronization": {"dynamicRegistration": True, "executionSummarySupport": True}},
    "workspace": {
        **FULL["workspace"],
        "fileOperations": {"dynamicRegistration": True, "didCreate": True, "willRename": True},
        "inlayHint": {"refreshSupport": True},
        "workspaceFolders": True,
    },
    "textDocument": {
        **FULL["textDocument"],
        "synchronization": {"willSave": True, "willSaveWaitUntil": True, "didSave": True},
        "rename": {"prepareSupport": True},
        "semanticTokens": {"requests": {"full": True}, "tokenTypes": [], "tokenModifiers": [], "formats": []},
    },
}


@pytest.mark.parametrize(
    "capabilities",
    [{}, FULL, VS_CODE, *({"general": {"positionEncodings": [one, "utf-16"]}} for one in (*ENCODINGS, "x"))],
)
def test_the_answer_is_the_one_that_follows_from_the_features(capabilities: dict[str, Any]) -> None:
    with over_tcp() as client:  # where nobody has greeted
        answer = client.initialize(capabilities=capabilities)
        client.shut_down()
    # To say that there is none of what an editor offers is to say nothing.
    sync = answer["capabilities"]["textDocumentSync"]
    assert not sync.pop("willSave", False)
    assert not sync.pop("willSaveWaitUntil", False)
    assert answer == initialize_result(answer["capabilities"]["positionEncoding"])


@pytest.mark.parametrize("offered", [["utf-8", "utf-16"], ["utf-7"], None])
def test_the_greeting_is_that_answer(client: Client, offered: list[str] | None) -> None:
    general = {"positionEncodings": offered} if offered else {}
    answer = client.initialize(capabilities={**FULL, "general": general})
    assert answer == initialize_result("utf-8" if offered and offered[0] == "utf-8" else "utf-16")


def test_what_is_sent_before_the_server_is_ready_is_not_lost(client: Client) -> None:
    begun = client.begin("initialize", {"processId": os.getpid(), "capabilities": FULL})
    client.notify("initialized", {})
    uri = "file:///k.cu"
    kernel = "__global__ void scale(float *a) { a[threadIdx.x] *= 2.0f; }\n" * 2000  # more than a pipe holds
    item = {"uri": uri, "languageId": "cuda-cpp", "version": 1, "text": kernel}
    client.notify("textDocument/didOpen", {"textDocument": item})
    asked = client.begin(
        "textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 18}}
    )
    assert client.result(begun)["serverInfo"]["name"] == "jouleline"
    assert "scale" in client.result(asked)["contents"]["value"]
    client.expect("jouleline/status")


def test_an_initialize_that_is_odd_inside_is_made_the_best_of(client: Client) -> None:
    odd = {"processId": os.getpid(), "rootUri": 7, "capabilities": {"textDocument": 5}}
    assert client.request("initialize", odd)["serverInfo"]["name"] == "jouleline"
    client.expect("jouleline/status")
    assert client.execute("jouleline.devices")["current"] == "a100-sxm4-40gb"


def test_the_greeting_imports_no_library_of_the_server() -> None:
    assert not loaded_by("jouleline.lsp.greeting") & {*LIBRARIES, "pygls"}


def test_hints_that_were_kept_are_told_before_they_are_imported() -> None:
    assert not loaded_by("jouleline.lsp.beginning", "jouleline.lsp.kept_hints", "jouleline.cache") & LIBRARIES


def loaded_by(*modules: str) -> set[str]:
    """What a server has imported with these, of libraries the name alone."""
    wanted = ", ".join(("jouleline.cli.serve", "jouleline.wiring", *modules))
    program = f"import sys, {wanted}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in result.stdout.split()}
