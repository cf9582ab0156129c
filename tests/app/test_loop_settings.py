"""Whose settings of the loop count."""

from __future__ import annotations

from pathlib import Path

from jouleline.app.loop_settings import find_loop_settings


def test_a_program_neither_asks_a_model_that_is_switched_off_nor_takes_longer(tmp_path: Path) -> None:
    own, program = tmp_path / "own.toml", tmp_path / "jouleline.toml"
    own.write_text('[refactor]\nuse = "rules"\nseconds = 60\n')
    for theirs, seconds in (('use = "full"', 60), ("model = true\nseconds = 900", 60), ("seconds = 5", 5)):
        program.write_text(f"[refactor]\n{theirs}\n")
        found = find_loop_settings(own, program)
        assert not found.model
        assert found.seconds == seconds
    assert find_loop_settings(own, program, "full").model


def test_a_program_asks_a_model_no_more_than_its_user_does(tmp_path: Path) -> None:
    own, program = tmp_path / "own.toml", tmp_path / "jouleline.toml"
    own.write_text("[refactor]\ncandidates = 2\nrounds = 1\ncorrections = 0\njudge = false\nplan = false\n")
    program.write_text(
        "[refactor]\ncandidates = 32\nrounds = 9\ncorrections = 9\njudge = true\nplan = true\n"
        "source_bytes = 9_000_000\n"
    )
    found = find_loop_settings(own, program)
    assert (found.candidates, found.rounds, found.corrections) == (2, 1, 0)
    assert (found.judge, found.plan, found.context) == (False, False, True)
    assert found.source_bytes == 200_000
    program.write_text("[refactor]\ncandidates = 1\ncontext = false\nrules = false\nsource_bytes = 500\n")
    found = find_loop_settings(own, program)
    assert (found.candidates, found.context, found.rules, found.source_bytes) == (1, False, False, 500)
