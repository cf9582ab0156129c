"""A user at Emacs with eglot, with the configuration that the documentation gives."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.documented import block, home, printed
from tests.editors.programs import (
    BODY_LINE,
    DECAY,
    LOOP_LINE,
    WORK,
    build_of,
    building,
    write_decay,
    write_stencil,
    write_stuck,
)
from tests.support.tools import require_tool, skip_unless_ci

SCRIPTS = Path(__file__).parent / "emacs"
Emacs = Callable[..., str]


@pytest.fixture
def emacs(tmp_path: Path) -> Emacs:
    """Run a script as the user of a home that holds nothing but the documented configuration."""
    program = require_tool("emacs")
    if subprocess.run([program, "--batch", "--eval", "(require 'eglot)"], check=False).returncode:
        skip_unless_ci("Emacs has no eglot: it comes with Emacs 29, and with Debian's elpa-eglot before")
    environment = home(tmp_path / "home")
    configuration = tmp_path / "init.el"
    configuration.write_text(block("Emacs", "elisp"), "utf-8")

    def run(script: str, *words: object) -> str:
        start: list[str | Path] = [program, "--batch", "-q", "-l", configuration, "-L", SCRIPTS, "-l"]
        command = [*start, SCRIPTS / f"{script}.el", tmp_path, *map(str, words)]
        return printed(command, environment, tmp_path)

    return run


def test_bounds_are_given_and_follow_what_is_typed(emacs: Emacs, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    emacs("bounds", BODY_LINE, WORK)


@pytest.mark.slow
@pytest.mark.needs("g++")
def test_a_refactoring_ends_as_an_applied_edit(emacs: Emacs, tmp_path: Path) -> None:
    file = write_decay(tmp_path / "decay")
    text = emacs("apply", LOOP_LINE)
    assert text != DECAY
    assert "x * pow(" not in text
    assert file.read_text("utf-8") == DECAY


def test_a_run_ends_with_its_build_when_the_server_is_shut_down(emacs: Emacs, tmp_path: Path) -> None:
    folder = tmp_path / "stuck"
    write_stuck(folder)
    emacs("cancel", LOOP_LINE, build_of(folder))
    assert not building(folder)
