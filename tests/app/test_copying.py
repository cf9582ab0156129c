"""Copies of a program: complete, free of old builds, and with no way back to the original."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jouleline.app import copying
from jouleline.app.copying import CopyError, copy_program
from tests.cli.command import snapshot


def test_a_copy_holds_the_program_and_leaves_old_builds_behind(tmp_path: Path) -> None:
    folder = tmp_path / "program"
    (folder / "data").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    (folder / "main.cpp").write_text("int main() {}\n")
    (folder / "data" / "input.bin").write_bytes(b"\0\1")
    (folder / "main.o").write_bytes(b"old")
    shutil.copy("/bin/true", folder / "main")
    copy_program(folder, tmp_path / "copy")
    assert snapshot(tmp_path / "copy") == {"main.cpp": b"int main() {}\n", "data/input.bin": b"\0\1"}


def test_writing_to_a_copy_never_follows_a_link_into_the_original(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "program", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "kernel.h").write_text("original")
    (folder / "kernel.h").symlink_to(elsewhere / "kernel.h")
    (folder / "shared").symlink_to(elsewhere)
    (folder / "circle").symlink_to(folder)
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    copy_program(folder, tmp_path / "copy")
    (tmp_path / "copy" / "kernel.h").write_text("candidate")
    (tmp_path / "copy" / "shared" / "kernel.h").write_text("candidate")
    assert (elsewhere / "kernel.h").read_text() == "original"
    assert not any(path.is_symlink() for path in (tmp_path / "copy").rglob("*"))


@pytest.mark.parametrize("place", ["jouleline-scratch/01-baseline", "copy"])
def test_copies_that_are_made_below_the_program_are_no_part_of_it(tmp_path: Path, place: str) -> None:
    (tmp_path / "jouleline-scratch/00-earlier").mkdir(parents=True)
    (tmp_path / "main.cpp").write_text("int main() {}\n")
    copy_program(tmp_path, tmp_path / place)
    assert snapshot(tmp_path / place) == {"main.cpp": b"int main() {}\n"}


def test_a_folder_too_large_to_copy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "MAX_COPY_BYTES", 10)
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "data.bin").write_bytes(b"x" * 11)
    with pytest.raises(CopyError, match="too much to copy"):
        copy_program(folder, tmp_path / "copy")
