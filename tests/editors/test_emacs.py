"""A user at Emacs with eglot, with the configuration that the documentation gives."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.documented import block, drawn, home, installed, leave, printed
from tests.editors.programs import (
    BODY_LINE,
    DECAY,
    LOOP_LINE,
    WORK,
    build_of,
    building,
    write_decay,
    write_profile,
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
        screen = ["--no-window-system"] if script == "hover" else ["--batch"]
        start: list[str | Path] = [program, *screen, "-q", "-l", configuration, "-L", SCRIPTS, "-l"]
        command = [*start, SCRIPTS / f"{script}.el", tmp_path, *map(str, words)]
        return (drawn if script == "hover" else printed)(command, environment, tmp_path)

    return run


def test_bounds_are_given_and_follow_what_is_typed(emacs: Emacs, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    emacs("bounds", BODY_LINE, WORK)


def test_a_small_screen_shows_the_bound_first(emacs: Emacs, tmp_path: Path) -> None:
    """Where what is shown below the text is longer than that place, Emacs shows its end."""
    write_stencil(tmp_path / "stencil")
    assert re.search(r"bandwidth-bound on NVIDIA [\w ]+, [\d.]+× below the \w+ ridge point", emacs("hover"))


def test_another_gpu_is_chosen_and_others_are_compared(emacs: Emacs, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    emacs("devices")


def test_a_profile_is_imported_in_place_of_estimates(emacs: Emacs, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    write_profile(tmp_path)
    emacs("profile")


def test_a_server_that_is_not_there_is_named(emacs: Emacs, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    installed(tmp_path / "home").unlink()
    assert emacs("missing") == "Searching for program: No such file or directory, ~/.jouleline/bin/jouleline"


@pytest.mark.slow
@pytest.mark.needs("g++")
def test_a_refactoring_ends_as_an_applied_edit_or_a_discarded_one(emacs: Emacs, tmp_path: Path) -> None:
    file = write_decay(tmp_path / "decay")
    text = emacs("apply", LOOP_LINE)
    assert text != DECAY
    assert "x * pow(" not in text
    assert file.read_text("utf-8") == DECAY
    leave(tmp_path / "left", tmp_path / "home")
    emacs("discard")


def test_a_run_ends_with_its_build_when_its_user_or_the_server_ends_it(emacs: Emacs, tmp_path: Path) -> None:
    folder = tmp_path / "stuck"
    write_stuck(folder)
    emacs("cancel", LOOP_LINE, build_of(folder))
    assert not building(folder)


def test_a_server_that_is_killed_ends_its_build_and_comes_back_with_the_text_as_it_is(
    emacs: Emacs, tmp_path: Path
) -> None:
    folder = tmp_path / "stuck"
    write_stuck(folder)
    emacs("killed", LOOP_LINE, build_of(folder))
    assert not building(folder)
