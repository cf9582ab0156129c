"""A user at Neovim, with the configuration that the documentation gives."""

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.documented import block, home, installed, leave, printed
from tests.editors.programs import (
    BODY_LINE,
    DECAY,
    KERNEL_LINE,
    LOOP_LINE,
    WORK,
    building,
    write_decay,
    write_profile,
    write_stencil,
    write_stuck,
)
from tests.support.tools import skip_unless_ci

SCRIPTS = Path(__file__).parent / "neovim"
Nvim = Callable[..., str]


@pytest.fixture
def nvim(tmp_path: Path) -> Nvim:
    """Run a script as the user of a home that holds nothing but the documented configuration."""
    # No system's own: what is documented needs 0.11, and Debian's is older.
    program = shutil.which("nvim", path=sysconfig.get_path("scripts"))
    if program is None:
        skip_unless_ci("the environment has no nvim: its package is for Linux on x86-64 alone")
    environment = home(tmp_path / "home")
    configuration = tmp_path / "init.lua"
    configuration.write_text(block("Neovim", "lua"), "utf-8")

    def run(script: str, *words: object) -> str:
        ours = f"set runtimepath+={SCRIPTS}"
        start: list[str | Path] = [program, "--headless", "-u", configuration, "--cmd", ours, "-l"]
        command = [*start, SCRIPTS / f"{script}.lua", tmp_path, *map(str, words)]
        return printed(command, environment, tmp_path)

    return run


def test_bounds_are_shown_and_follow_what_is_typed(nvim: Nvim, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    nvim("bounds", KERNEL_LINE, BODY_LINE, WORK)


def test_another_gpu_is_chosen_and_others_are_compared(nvim: Nvim, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    nvim("devices")


@pytest.mark.parametrize(("marked", "servers"), [(".git", 1), ("nothing", 2)])
def test_commands_ask_the_server_of_the_program_in_front(
    nvim: Nvim, tmp_path: Path, marked: str, servers: int
) -> None:
    (tmp_path / marked).mkdir()
    for program in ("one", "two"):
        write_stencil(tmp_path / program)
        (tmp_path / program / "Makefile").write_text("run:\n")
    nvim("programs", servers)


def test_a_profile_is_imported_in_place_of_estimates(nvim: Nvim, tmp_path: Path) -> None:
    write_stencil(tmp_path / "stencil")
    write_profile(tmp_path)
    nvim("profile")


def test_a_server_that_is_not_there_is_told_of_where_the_documentation_says(
    nvim: Nvim, tmp_path: Path
) -> None:
    write_stencil(tmp_path / "stencil")
    command = installed(tmp_path / "home")
    command.unlink()
    assert f"'{command}' is not executable" in nvim("missing")


@pytest.mark.slow
@pytest.mark.needs("g++")
@pytest.mark.parametrize("kind", ["plain", "annotated"])
def test_a_refactoring_ends_as_an_applied_edit_or_a_discarded_one(
    nvim: Nvim, tmp_path: Path, kind: str
) -> None:
    file = write_decay(tmp_path / "decay")
    text = nvim("apply", LOOP_LINE, kind)
    assert text != DECAY
    assert "x * pow(" not in text
    assert file.read_text("utf-8") == DECAY
    if kind == "plain":
        leave(tmp_path / "left", tmp_path / "home")
        nvim("discard")


def test_a_run_is_cancelled_with_its_build(nvim: Nvim, tmp_path: Path) -> None:
    folder = tmp_path / "stuck"
    write_stuck(folder)
    nvim("cancel", LOOP_LINE)
    assert not building(folder)


def test_a_server_that_is_killed_ends_its_build_and_comes_back_with_the_text_as_it_is(
    nvim: Nvim, tmp_path: Path
) -> None:
    folder = tmp_path / "stuck"
    write_stuck(folder)
    nvim("killed", LOOP_LINE)
    assert not building(folder)
