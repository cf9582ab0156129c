"""Writing a candidate: whole files, only where they are still what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jouleline.app.outcome import Outcome, SearchCost
from jouleline.app.program import Program
from jouleline.cli.exit_codes import UserError
from jouleline.cli.refactor import _apply
from jouleline.core.candidate import Candidate

OUTCOME = Outcome(
    improved=True,
    headline="",
    details="",
    candidate=Candidate("combined", (), {"main.cpp": b"new\n"}),
    energy=None,
    attempts=(),
    base={"main.cpp": b"old\n"},
    edits={},
    record=Path("the-record"),
    cost=SearchCost(0, 0, 0, 0),
    notes=(),
)


def measured(folder: Path) -> Program:
    (folder / "main.cpp").write_bytes(b"old\n")
    (folder / "main.cpp").chmod(0o640)
    (folder / "sizes.h").write_bytes(b"#define N 4\n")
    return Program(folder, {"main.cpp": b"old\n", "sizes.h": b"#define N 4\n"})


def test_a_candidate_replaces_whole_files_and_keeps_their_mode(tmp_path: Path) -> None:
    _apply(OUTCOME, measured(tmp_path))
    assert (tmp_path / "main.cpp").read_bytes() == b"new\n"
    assert (tmp_path / "main.cpp").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main.cpp", "sizes.h"]


def test_nothing_is_written_when_a_header_changed_meanwhile(tmp_path: Path) -> None:
    program = measured(tmp_path)
    (tmp_path / "sizes.h").write_bytes(b"#define N 5\n")
    with pytest.raises(UserError, match=r"sizes.h changed .* the patch is in the-record"):
        _apply(OUTCOME, program)
    assert (tmp_path / "main.cpp").read_bytes() == b"old\n"


def test_a_file_that_is_gone_is_named_with_the_patch(tmp_path: Path) -> None:
    program = measured(tmp_path)
    (tmp_path / "main.cpp").unlink()
    with pytest.raises(UserError, match=r"main.cpp: No such file .* the patch is in the-record"):
        _apply(OUTCOME, program)


def test_nothing_found_means_nothing_written(tmp_path: Path) -> None:
    _apply(replace(OUTCOME, candidate=None, base={}), measured(tmp_path))
    assert (tmp_path / "main.cpp").read_bytes() == b"old\n"


def test_a_write_that_fails_half_way_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    program = measured(tmp_path)
    both = Candidate("combined", (), {"main.cpp": b"new\n", "gone/more.cpp": b"new\n"})
    with pytest.raises(UserError, match="nothing was written"):
        _apply(replace(OUTCOME, candidate=both), program)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main.cpp", "sizes.h"]
    assert (tmp_path / "main.cpp").read_bytes() == b"old\n"
