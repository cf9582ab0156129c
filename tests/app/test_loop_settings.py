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
