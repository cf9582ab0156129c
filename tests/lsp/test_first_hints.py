"""An editor that opens a file at once has its hints before the whole server is there, and the same hints."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import FULL, Client, Message, ServerError

KERNEL = "__global__ void scale(float *a) { a[threadIdx.x] *= 2.0f; }\n"
OTHER = "__global__ void scale(float *a) { for (int i = 0; i < 999; ++i) a[threadIdx.x] += a[i] * 2.0f; }\n"
URI = "file:///k.cu"
ALL = {"start": {"line": 0, "character": 0}, "end": {"line": 1000, "character": 0}}


def initialize(number: int, folder: Path | None = None, **options: Any) -> Message:
    params = {
        "processId": os.getpid(),
        "capabilities": FULL,
        "workspaceFolders": [{"uri": folder.as_uri(), "name": "w"}] if folder else None,
        "initializationOptions": {"compiledEvidence": {"enable": False}, **options},
    }
    return {"id": number, "method": "initialize", "params": params}


def opened(text: str, uri: str = URI) -> Message:
    item = {"uri": uri, "languageId": "cuda-cpp", "version": 1, "text": text}
    return {"method": "textDocument/didOpen", "params": {"textDocument": item}}


def asked(number: int, uri: str = URI, seen: object = ALL) -> Message:
    return {
        "id": number,
        "method": "textDocument/inlayHint",
        "params": {"textDocument": {"uri": uri}, "range": seen},
    }


INITIALIZED: Message = {"method": "initialized", "params": {}}


def test_they_come_first_and_are_those_that_are_given_later(client: Client, samples: Path) -> None:
    path = samples / "jacobi-cuda" / "main.cu"
    uri = path.as_uri()
    hover = {"textDocument": {"uri": uri}, "position": {"line": 7, "character": 18}}
    client.send(
        initialize(1, samples),
        INITIALIZED,
        opened(path.read_text("utf-8"), uri),
        {"id": 2, "method": "textDocument/hover", "params": hover},
        asked(3, uri),
    )
    arrived = [client.take(lambda _: True) for _ in range(4)]
    assert [one.get("id") or one["method"] for one in arrived] == [1, 3, "jouleline/status", 2]
    first = arrived[1]["result"]
    assert [hint["position"]["line"] for hint in first] == [7, 54]
    client._number = 3
    assert client.hints(uri) == first


def test_settings_that_are_pushed_and_texts_that_change_before_count(
    client: Client,
) -> None:
    settings = {"settings": {"jouleline": {"gpu": "h200"}}}
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": OTHER}]}
    client.send(
        initialize(1),
        INITIALIZED,
        {"method": "workspace/didChangeConfiguration", "params": settings},
        opened(KERNEL),
        asked(2),
        {"method": "textDocument/didChange", "params": change},
        asked(3),
    )
    of_kernel, of_other = client.result(2), client.result(3)
    assert client.result(1)
    assert client.expect("jouleline/status")["params"]["device"] == "h200"
    client._number = 3
    assert client.hints(URI) == of_other != of_kernel
    client.change(URI, 3, {"text": KERNEL})
    assert client.hints(URI) == of_kernel
    assert "H200" in of_kernel[0]["tooltip"]["value"]


def test_an_editor_that_has_its_settings_still_to_tell_is_asked_for_them_first(client: Client) -> None:
    capabilities = {**FULL, "workspace": {"configuration": True}}
    params = {"processId": os.getpid(), "capabilities": capabilities}
    client.send({"id": 1, "method": "initialize", "params": params}, INITIALIZED, opened(KERNEL), asked(2))
    assert client.result(1)
    first = client.take(lambda one: one.get("method") == "workspace/configuration" or one.get("id") == 2)
    assert "method" in first
    client.reply(first, [{"gpu": "v100-sxm2"}])
    while client.expect("jouleline/status")["params"]["device"] != "v100-sxm2":
        pass  # the default one was ready first
    assert client.result(2)
    client._number = 2
    assert "V100" in client.hints(URI)[0]["tooltip"]["value"]


def test_a_question_that_was_answered_cannot_be_cancelled(client: Client) -> None:
    cancel = {"method": "$/cancelRequest", "params": {"id": 2}}
    client.send(initialize(1), INITIALIZED, opened(KERNEL), asked(2), cancel, asked(3))
    assert client.result(1)
    assert client.result(2) == client.result(3)
    client._number = 3
    client.shut_down()
    assert not any("cancel" in line.lower() for line in client.log)


def test_what_is_odd_is_left_to_the_server(client: Client) -> None:
    client.send(
        initialize(1, gpu="abacus"),
        INITIALIZED,
        opened(KERNEL),
        asked(2, seen=7),
        asked(3),
        asked(4, "file:///x"),
    )
    assert client.result(1)
    with pytest.raises(ServerError, match="parameters of another shape"):
        client.result(2)
    assert len(client.result(3)) == 1
    assert client.result(4) == []
    assert "abacus" in client.expect("window/showMessage")["params"]["message"]
    client.expect("jouleline/status")


def test_they_need_no_library_of_the_protocol() -> None:
    program = "import sys, jouleline.lsp.start; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"lsprotocol", "pygls.server", "pygls.protocol"} & set(result.stdout.split())
