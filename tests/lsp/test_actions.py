from pathlib import Path

import pytest

from tests.lsp.client import FULL, Client


def test_a_lens_stands_above_each_kernel(client: Client, samples: Path) -> None:
    client.initialize(samples, options={"gpu": "rtx-3080"})
    uri = client.open(samples / "histogram-cuda" / "main.cu")
    lenses = client.lenses(uri)
    assert lenses
    for lens in lenses:
        assert "-bound" in lens["command"]["title"]
        assert "RTX 3080 10 GB (source estimate) · Refactor for energy" in lens["command"]["title"]
        assert lens["command"]["command"] == "jouleline.refactor"
        (argument,) = lens["command"]["arguments"]
        assert argument == {"uri": uri, "version": 1, "line": lens["range"]["start"]["line"]}


def test_a_lens_begins_within_its_line_and_so_moves_with_it(client: Client, samples: Path) -> None:
    client.initialize(samples)
    uri = client.open(samples / "jacobi-omp" / "main.cpp")
    assert [lens["range"]["start"]["character"] for lens in client.lenses(uri)] == [1, 1]


@pytest.mark.parametrize(
    ("sample", "inside", "outside"),
    [
        ("jacobi-cuda/main.cu", [7, 10, 54, 30], [0, 20]),
        ("jacobi-omp/main.cpp", [7, 8, 10, 23], [0, 30]),
    ],
)
def test_the_action_is_offered_in_kernels_and_in_functions_that_start_one(
    client: Client, samples: Path, sample: str, inside: list[int], outside: list[int]
) -> None:
    client.initialize(samples)
    uri = client.open(samples / sample)
    for line in inside:
        (action,) = client.actions(uri, line)
        assert action["title"] == "Refactor for energy"
        assert action["kind"] == "refactor.rewrite.jouleline"
        assert action["command"]["command"] == "jouleline.refactor"
        assert action["command"]["arguments"] == [{"uri": uri, "version": 1, "line": line}]
    for line in outside:
        assert client.actions(uri, line) == []


def test_the_action_is_offered_for_its_kind_only(client: Client, samples: Path) -> None:
    client.initialize(samples)
    uri = client.open(samples / "jacobi-cuda" / "main.cu")
    for kinds in (["refactor"], ["refactor.rewrite"], ["quickfix", "refactor.rewrite.jouleline"], [""]):
        assert len(client.actions(uri, 10, kinds)) == 1
    for kinds in (["quickfix"], ["refactor.extract"], ["refactor.rewrite.jouleline.more"], ["ref"]):
        assert client.actions(uri, 10, kinds) == []


def test_an_old_client_gets_a_plain_command(client: Client, samples: Path) -> None:
    client.initialize(samples, {**FULL, "textDocument": {}})
    uri = client.open(samples / "jacobi-cuda" / "main.cu")
    (command,) = client.actions(uri, 10)
    assert command["command"] == "jouleline.refactor"
