"""The study of the measuring protocol as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import jouleline


@pytest.mark.slow
def test_a_study_prints_what_is_asked_and_keeps_its_document(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("study", "measuring", "--trials", "1", "--seed", "5")
    said = jouleline(*words, "--jobs", "2", "--out", out, home=tmp_path)
    assert said.code == 0, said.err
    assert "false positives" in said.out
    document = json.loads((out / "measuring.json").read_text())
    assert document["schema"] == "jouleline/measuring-study/1"
    assert (document["seed"], document["trials"], len(document["settings"])) == (5, 1, 36)
    assert (out / "measuring.md").read_text() in said.out
    again = jouleline(*words, "--jobs", "1", "--format", "json", home=tmp_path)
    assert json.loads(again.out) == document, "the number of processes changes nothing"


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    none = jouleline("study", "measuring", "--trials", "0", home=tmp_path)
    assert none.code == 2
    assert "'0' is no whole number from 1 to 1000000" in none.err
    file = tmp_path / "file"
    file.write_text("")
    taken = jouleline("study", "measuring", "--trials", "1", "--out", file / "out", home=tmp_path)
    assert taken.code == 1
    assert "cannot be written" in taken.err
    assert "Traceback" not in taken.err
