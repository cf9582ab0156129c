import random
import re
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import FULL, Client

KERNEL = "__global__ void scale(float *a) { a[blockIdx.x * blockDim.x + threadIdx.x] *= 2.0f; }"
UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def units(text: str, encoding: str) -> int:
    codec, width = UNITS[encoding]
    return len(text.encode(codec)) // width


def speaking(encoding: str) -> dict[str, Any]:
    return {**FULL, "general": {"positionEncodings": [encoding]}}


@pytest.mark.parametrize("encoding", UNITS)
def test_characters_before_a_kernel_are_counted_as_the_client_counts(
    client: Client, tmp_path: Path, encoding: str
) -> None:
    client.initialize(capabilities=speaking(encoding))
    line = f"/* 😀 é 漢 */ {KERNEL}"
    uri = client.open(tmp_path / "emoji.cu", f"// first\r\n{line}\r\n")
    (hint,) = client.hints(uri)
    head = line[: line.index(")") + 1]
    assert hint["position"] == {"line": 1, "character": units(head, encoding)}
    name = line.index("scale")
    assert client.hover(uri, 1, units(line[: name + 1], encoding)) is not None
    assert client.hover(uri, 1, units(line[: name - 2], encoding)) is None


@pytest.mark.parametrize("encoding", UNITS)
def test_incremental_edits_keep_the_text_that_the_client_has(
    client: Client, tmp_path: Path, encoding: str
) -> None:
    """Random edits; a hint after all of them stands where the client's own text says."""
    chosen = random.Random(4711)  # noqa: S311 - the same edits each time
    pieces = ["x", "😀", "é", "\n", "\r\n", "漢字", "  ", "// 𝄞\n", ""]
    client.initialize(capabilities=speaking(encoding))
    text = "/* 😀 */ int a;\r\n// é漢\n\n/* 𝄞 */ int b;\n"
    uri = client.open(tmp_path / "edits.cu", text)
    for version in range(2, 80):
        first, last = sorted(chosen.choices(range(len(text) + 1), k=2))
        last = min(last, first + 6)
        if "\r\n" in (text[first - 1 : first + 1], text[last - 1 : last + 1]):
            continue  # there is no position between the two
        piece = chosen.choice(pieces)
        range_ = {"start": place(text, first, encoding), "end": place(text, last, encoding)}
        client.change(uri, version, {"range": range_, "text": piece})
        text = text[:first] + piece + text[last:]
    end = place(text, len(text), encoding)
    client.change(uri, 80, {"range": {"start": end, "end": end}, "text": "\n" + KERNEL})
    text += "\n" + KERNEL
    assert client.hints(uri)[-1]["position"] == place(text, text.rindex(") {") + 1, encoding)


def place(text: str, offset: int, encoding: str) -> dict[str, int]:
    lines = re.split(r"\r\n|\n|\r", text[:offset])
    return {"line": len(lines) - 1, "character": units(lines[-1], encoding)}


def test_several_changes_in_one_notification_follow_each_other(client: Client, tmp_path: Path) -> None:
    client.initialize()
    uri = client.open(tmp_path / "k.cu", "")
    start = {"line": 0, "character": 0}
    client.change(
        uri,
        2,
        {"text": KERNEL},
        {"range": {"start": start, "end": start}, "text": "// 😀\n"},
        {"range": {"start": start, "end": {"line": 1, "character": 0}}, "text": "\n\n"},
    )
    (hint,) = client.hints(uri)
    assert hint["position"]["line"] == 2


def test_a_half_typed_file_shows_what_can_be_seen(client: Client, tmp_path: Path) -> None:
    client.initialize()
    uri = client.open(
        tmp_path / "half.cu", f"{KERNEL}\n__global__ void add(float *a, float *b) {{\n  a[0] +="
    )
    assert {hint["position"]["line"] for hint in client.hints(uri)} == {0, 1}
    client.change(uri, 2, {"text": f"{KERNEL}\nint main() {{ scale<<<1, 2"})
    assert client.hints(uri)[0]["position"]["line"] == 0
    client.change(uri, 3, {"text": "__global__ void"})
    assert client.hints(uri) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "}}}}))))",
        "def f():\n    return 1\n",
        "\ud83d half a pair",
        "((((" * 2000,
        "#pragma omp parallel for",
    ],
)
def test_a_text_that_is_no_program_does_no_harm(client: Client, tmp_path: Path, text: str) -> None:
    client.initialize()
    uri = client.open(tmp_path / "odd.cpp", text, "cpp")
    assert isinstance(client.hints(uri), list)
    assert isinstance(client.actions(uri, 0), list)
    client.change(uri, 2, {"text": KERNEL})
    assert len(client.hints(uri)) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [("ELF\0\0\0" + KERNEL, "is a binary file, not C++ source"), ("x" * 10_000_000, "is 10.0 MB")],
)
def test_what_is_no_source_is_said_once_and_left_alone(
    client: Client, tmp_path: Path, text: str, why: str
) -> None:
    client.initialize()
    uri = client.open(tmp_path / "big.cu", text)
    message = client.expect("window/showMessage")["params"]["message"]
    assert message.startswith(f"big.cu {why}")
    assert message.endswith("No hints are shown for it.")
    assert client.expect("jouleline/status")["params"]["message"] == message
    assert client.hints(uri) == []
    assert client.hover(uri, 0, 3) is None
    assert client.lenses(uri) == []
    assert client.actions(uri, 0) == []
    client.change(uri, 2, {"text": KERNEL})
    assert len(client.hints(uri)) == 1


def test_a_closed_document_is_forgotten(client: Client, tmp_path: Path) -> None:
    client.initialize()
    uri = client.open(tmp_path / "k.cu", KERNEL)
    assert len(client.hints(uri)) == 1
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert client.hints(uri) == []


def refreshing() -> dict[str, Any]:
    workspace = {**FULL["workspace"], "inlayHint": {"refreshSupport": True}}
    return {**FULL, "workspace": workspace}


def test_a_kernel_of_another_file_is_known_once_the_disk_was_read(client: Client, tmp_path: Path) -> None:
    (tmp_path / "kernels.cu").write_text(KERNEL, "utf-8")
    client.initialize(tmp_path)
    uri = client.open(tmp_path / "main.cu", "int main() { scale<<<64, 256>>>(nullptr); }")
    (hint,) = client.hints(uri)
    assert hint["position"] == {"line": 0, "character": 31}
    assert "bandwidth-bound" in hint["label"]


def test_a_file_that_is_open_counts_as_it_is_in_the_editor(client: Client, tmp_path: Path) -> None:
    (tmp_path / "kernels.cu").write_text(KERNEL, "utf-8")
    client.initialize(tmp_path)
    main = client.open(tmp_path / "main.cu", "int main() { scale<<<64, 256>>>(nullptr); }")
    assert len(client.hints(main)) == 1
    kernels = client.open(tmp_path / "kernels.cu", KERNEL.replace("scale", "renamed"))
    assert client.hints(main) == []
    client.change(kernels, 2, {"text": KERNEL})
    assert len(client.hints(main)) == 1


def test_a_change_on_disk_is_followed(client: Client, tmp_path: Path) -> None:
    other = tmp_path / "kernels.cu"
    other.write_text(KERNEL.replace("scale", "early"), "utf-8")
    workspace = {**refreshing()["workspace"], "didChangeWatchedFiles": {"dynamicRegistration": True}}
    client.initialize(tmp_path, {**FULL, "workspace": workspace})
    asked = client.expect("client/registerCapability")
    assert [one["method"] for one in asked["params"]["registrations"]] == ["workspace/didChangeWatchedFiles"]
    client.reply(asked, None)
    uri = client.open(tmp_path / "main.cu", "int main() { scale<<<64, 256>>>(nullptr); }")
    assert client.hints(uri) == []
    client.drop("workspace/inlayHint/refresh")  # on a busy machine the disk may have come late
    other.write_text(KERNEL, "utf-8")
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": other.as_uri(), "type": 2}]})
    client.reply(client.expect("workspace/inlayHint/refresh"), None)
    assert len(client.hints(uri)) == 1


def test_another_program_in_the_same_folder_is_not_ours(client: Client, tmp_path: Path) -> None:
    (tmp_path / "other.cu").write_text(f"#define N 7\n{KERNEL}\nint main() {{}}", "utf-8")
    (tmp_path / "shared.cuh").write_text("#define N 4096\n", "utf-8")
    client.initialize(tmp_path)
    uri = client.open(
        tmp_path / "main.cu", f'#include "shared.cuh"\n{KERNEL}\nint main() {{ scale<<<N, 256>>>(nullptr); }}'
    )
    shown = client.hover(uri, 2, 15)
    assert shown is not None
    assert "grid 4096, block 256" in shown
