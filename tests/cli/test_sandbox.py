"""What happens to programs where there is no sandbox, or only the weaker one, and what of ours they see."""

import os
from pathlib import Path

import pytest

from jouleline import wiring
from jouleline.core.ports import Availability
from jouleline.runners import confinement
from jouleline.runners.landlock import find_landlock
from tests.cli.command import Said, jouleline
from tests.support.tools import require_tool, skip_unless_ci

SECRET = "hush-hush"  # noqa: S105 - a double


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that is a shell script, and tells all it can find out about environments."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "jouleline.toml").write_text(
        '[workload]\nbuild = "true"\nrun = "sh main.c"\n'
        '[sandbox]\nbackend = "none"\n'  # a program has no say in this
    )
    (folder / "main.c").write_text(
        "{ env; cat /proc/1/environ /proc/$PPID/environ | tr '\\0' '\\n'; } | grep -aE 'TMPDIR=|KEY=' >&2\n"
        "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\n"
    )
    return folder


@pytest.fixture
def without_namespaces(tmp_path: Path) -> str:
    """A PATH where bubblewrap fails, as it does where user namespaces are switched off (a test double)."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bwrap").write_text('#!/bin/sh\necho "bwrap: No permissions (test double)" >&2\nexit 1\n')
    (folder / "bwrap").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def own_settings(home: Path, text: str) -> None:
    folder = home / ".config" / "jouleline"
    folder.mkdir(parents=True)
    (folder / "jouleline.toml").write_text(text)


def measured(program: Path, *words: str, path: str | None = None) -> Said:
    """``jouleline measure`` with as short a measurement as there is, and a secret in its environment."""
    return jouleline(
        "measure", program, "--seconds", "1", *words, home=program.parent, PATH=path or os.environ["PATH"],
        XDG_CONFIG_HOME="", OPENAI_API_KEY=SECRET,
    )  # fmt: skip


def require_landlock() -> None:
    finding = find_landlock()
    if finding.availability is Availability.MISSING:
        skip_unless_ci(f"landlock: {finding.detail}; {finding.remedy}")


def test_without_namespaces_programs_run_under_landlock_and_it_says_what_that_lacks(
    program: Path, without_namespaces: str
) -> None:
    require_landlock()
    said = measured(program, path=without_namespaces)
    assert said.code == 0, said.err
    assert "programs ran under landlock" in said.out
    assert "it sees which processes run here" in said.out.replace("\n", " ")


def test_without_a_sandbox_nothing_is_run_and_one_sentence_says_what_to_do(
    program: Path, without_namespaces: str
) -> None:
    own_settings(program.parent, '[sandbox]\nbackend = "bubblewrap"\n')
    for verb in (("measure",), ("refactor",), ("verify", program)):
        said = jouleline(*verb, program, home=program.parent, XDG_CONFIG_HOME="", PATH=without_namespaces)
        assert said.code == 1
        assert said.err.count("\n") == 1
        assert said.err.startswith(
            f"jouleline {verb[0]}: there is no sandbox to run programs in: bubblewrap: "
        )
        assert "--no-sandbox" in said.err
        assert said.out == ""


def test_without_either_both_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(confinement, "version", lambda: 0)
    with pytest.raises(
        wiring.NoSandboxError, match=r"bubblewrap: not installed .*; landlock: .*--no-sandbox"
    ):
        wiring.runner()
    with pytest.raises(wiring.NoSandboxError):
        wiring.refactor_tools()


@pytest.mark.parametrize("way", ["option", "own file"])
def test_whoever_insists_runs_it_outside_and_is_told_so(
    program: Path, without_namespaces: str, way: str
) -> None:
    if way == "own file":
        own_settings(program.parent, '[sandbox]\nbackend = "none"\n')
    words = ["--no-sandbox"] if way == "option" else []
    said = measured(program, *words, path=without_namespaces)
    assert said.code == 0, said.err
    assert "outside the sandbox, as you asked" in said.out


def test_a_wrong_setting_is_a_matter_of_configuration(program: Path) -> None:
    own_settings(program.parent, '[sandbox]\nbackend = "docker"\n')
    said = measured(program)
    assert said.code == 2
    assert "backend in [sandbox] must be one of" in said.err


@pytest.mark.parametrize("backend", ["bubblewrap", "landlock", "none"])
def test_no_secret_of_ours_reaches_a_log_a_record_or_a_cache(program: Path, backend: str) -> None:
    if backend == "bubblewrap":
        require_tool("bwrap")
    if backend == "landlock":
        require_landlock()
    own_settings(program.parent, f'[sandbox]\nbackend = "{backend}"\n')
    script = program / "main.c"
    # Unconfined it may read whatever we may; its own environment is clean all the same.
    script.write_text("env >&2; exit 1\n" if backend == "none" else script.read_text() + "exit 1\n")
    said = measured(program)
    assert said.code == 1
    assert "TMPDIR=" in said.err + said.out
    refactored = jouleline(
        "refactor", program, home=program.parent, XDG_CONFIG_HOME="", OPENAI_API_KEY=SECRET
    )
    assert refactored.code == 1
    assert SECRET not in said.err + said.out + refactored.err + refactored.out
    written = [path for path in program.parent.rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
