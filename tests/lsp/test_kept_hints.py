"""A text that was looked at before has the same hints at once; what does not hold is mended at once."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import TIMEOUT_S, Message
from tests.lsp.keeping import REFRESH, WRONG, falsify, kept_in, labels, look, server, wait_until_kept
from tests.lsp.test_configuration import refreshed, refreshing
from tests.lsp.test_first_hints import INITIALIZED, asked, opened
from tests.support.profiles import Launched, ncu_csv

KERNEL = """\
#include "times.h"
__global__ void scale(float *a) { for (int i = 0; i < TIMES; ++i) a[threadIdx.x] *= 2.0f; }
int main() { scale<<<1000, 256>>>(0); }
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A program on disk."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "times.h").write_text("#define TIMES 4\n")
    (folder / "kernel.cu").write_text(KERNEL)
    return folder / "kernel.cu"


@pytest.fixture
def before(kernel: Path, kept: Path) -> list[Message]:
    """The hints of a first session; what was kept of them says something else, so that one sees it told."""
    with server(kept) as client:
        hints = look(client, kernel)
        (file,) = wait_until_kept(kept)
    assert kept_in(file) == hints
    assert len(hints) == 2
    falsify(file)
    return hints


def test_they_are_told_first_and_mended_after(kernel: Path, kept: Path, before: list[Message]) -> None:
    with server(kept) as client:
        told = look(client, kernel)
        assert labels(told) == {WRONG}
        assert [hint["position"] for hint in told] == [hint["position"] for hint in before]
        refreshed(client)
        assert client.hints(kernel.as_uri()) == before
        (file,) = kept.glob("*.json")
        end = time.monotonic() + TIMEOUT_S
        while kept_in(file) != before:
            assert time.monotonic() < end, "what is wrong is kept"
            time.sleep(0.01)


def test_those_of_a_part_of_the_text_are_those_of_the_view(
    kernel: Path, kept: Path, before: list[Message]
) -> None:
    assert before
    with server(kept) as client:
        client.initialize(kernel.parent, capabilities=refreshing())
        uri = client.open(kernel)
        assert [hint["position"]["line"] for hint in client.hints(uri, 2, 3)] == [2]
        assert [hint["position"]["line"] for hint in client.hints(uri, 0, 2)] == [1]


def test_an_editor_that_starts_with_the_file_has_them_before_anything_is_imported(
    kernel: Path, kept: Path, before: list[Message]
) -> None:
    params = {
        "processId": None,
        "capabilities": refreshing(),
        "workspaceFolders": [{"uri": kernel.parent.as_uri(), "name": "w"}],
        "initializationOptions": {"compiledEvidence": {"enable": False}},
    }
    begin = {"id": 1, "method": "initialize", "params": params}
    uri = kernel.as_uri()
    with server(kept) as client:
        client.send(begin, INITIALIZED, opened(KERNEL, uri), asked(2, uri), asked(3, uri))
        assert client.result(1)
        assert labels(client.result(2)) == labels(client.result(3)) == {WRONG}
        client.expect("jouleline/status")
        refreshed(client)
        client._number = 3
        assert client.hints(uri) == before


def test_another_header_is_seen_a_moment_after(kernel: Path, kept: Path) -> None:
    with server(kept) as client:
        few = look(client, kernel)
        wait_until_kept(kept)
    (kernel.parent / "times.h").write_text("#define TIMES 4000\n")
    with server(kept) as client:
        assert look(client, kernel) == few
        refreshed(client)
        many = client.hints(kernel.as_uri())
    assert labels(many) != labels(few)


def test_what_holds_is_not_asked_for_again(kernel: Path, kept: Path) -> None:
    with server(kept) as client:
        hints = look(client, kernel)
        wait_until_kept(kept)
    with server(kept) as client:
        assert look(client, kernel) == hints
        time.sleep(1.0)
        assert client.hints(kernel.as_uri()) == hints
        assert client.drop(REFRESH) == []


def test_a_saved_text_is_kept_as_well(kernel: Path, kept: Path) -> None:
    with server(kept) as client:
        look(client, kernel)
        wait_until_kept(kept)
        uri, text = kernel.as_uri(), KERNEL.replace("*= 2.0f", "= sinf(a[threadIdx.x])")
        client.change(uri, 2, {"text": text})
        hints = client.hints(uri)
        kernel.write_text(text)
        client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        (file,) = wait_until_kept(kept)
        end = time.monotonic() + TIMEOUT_S
        while kept_in(file) != hints:  # the document has one file, whatever its text
            assert time.monotonic() < end, "the old text's are kept"
            time.sleep(0.01)


def test_one_that_was_open_in_this_session_is_better_known(
    kernel: Path, kept: Path, before: list[Message]
) -> None:
    with server(kept) as client:
        assert labels(look(client, kernel)) == {WRONG}
        refreshed(client)
        client.notify("textDocument/didClose", {"textDocument": {"uri": kernel.as_uri()}})
        (file,) = kept.glob("*.json")
        falsify(file)
        assert client.hints(client.open(kernel)) == before


@pytest.mark.parametrize("options", [{"gpu": "h200"}, {"arguments": "7"}], ids=["gpu", "run-line"])
def test_those_for_something_else_are_not_told(
    kernel: Path, kept: Path, before: list[Message], options: dict[str, Any]
) -> None:
    assert before
    with server(kept) as client:
        assert WRONG not in labels(look(client, kernel, **options))


def test_another_text_has_its_own(kernel: Path, kept: Path, before: list[Message]) -> None:
    kernel.write_text(KERNEL.replace("2.0f", "2.5f"))
    with server(kept) as client:
        assert look(client, kernel) == before


def test_an_editor_that_cannot_be_told_to_ask_again_waits(
    kernel: Path, kept: Path, before: list[Message]
) -> None:
    with server(kept) as client:
        client.initialize(kernel.parent)
        assert client.hints(client.open(kernel)) == before


def test_hints_that_are_switched_off_are_not_told(kernel: Path, kept: Path, before: list[Message]) -> None:
    assert before
    with server(kept) as client:
        assert look(client, kernel, inlayHints={"enable": False}) == []


@pytest.mark.parametrize("text", ["", "{", "[" * 200_000, "[7]", '{"state": "STATE", "hints": [7]}'])
def test_a_damaged_file_costs_time_and_nothing_else(
    kernel: Path, kept: Path, before: list[Message], text: str
) -> None:
    (file,) = kept.glob("*.json")
    file.write_text(text.replace("STATE", json.loads(file.read_text())["state"]))
    with server(kept) as client:
        assert look(client, kernel) == before


def test_a_measured_bound_is_not_taken_back(kernel: Path, kept: Path) -> None:
    profile = kernel.parent.parent / "profile.csv"
    profile.write_text(ncu_csv([Launched("scale(float *)", sp=3_000_000, dram_bytes=134_000_000)]))
    with server(kept) as client:
        look(client, kernel)
        wait_until_kept(kept)
        uri = kernel.as_uri()
        client.execute("jouleline.importProfile", {"uri": uri, "files": [str(profile)]})
        refreshed(client)
        assert all("profile" in label for label in labels(client.hints(uri)))


def test_a_gpu_that_is_chosen_after_them_is_told_of(kernel: Path, kept: Path, before: list[Message]) -> None:
    options = {"compiledEvidence": {"enable": False}}
    params = {"processId": None, "capabilities": refreshing(), "initializationOptions": options}
    begin = {"id": 1, "method": "initialize", "params": params}
    uri = kernel.as_uri()
    with server(kept) as client:
        client.send(begin, INITIALIZED, opened(KERNEL, uri), asked(2, uri))
        assert labels(client.result(2)) == {WRONG}
        client.notify("workspace/didChangeConfiguration", {"settings": {"jouleline": {"gpu": "h200"}}})
        client.expect("jouleline/status")
        refreshed(client)
        client._number = 2
        assert labels(client.hints(uri)) != labels(before)
        assert client.result(1)


def test_what_was_wrong_is_told_though_somebody_types_elsewhere(kernel: Path, kept: Path) -> None:
    with server(kept) as client:
        few = look(client, kernel)
        wait_until_kept(kept)
    (kernel.parent / "times.h").write_text("#define TIMES 4000\n")
    other = kernel.parent.parent / "other.cu"
    other.write_text("__global__ void k(float *a) { a[threadIdx.x] = 1.0f; }\n")
    with server(kept) as client:
        assert look(client, kernel) == few
        typed = client.open(other)
        for version in range(2, 12):
            change = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
            client.change(typed, version, {"range": change, "text": " "})
            time.sleep(0.05)
        refreshed(client)
        assert labels(client.hints(kernel.as_uri())) != labels(few)
