import os
from pathlib import Path

import pytest

from jouleline.meters.neighbours import Neighbours


def processes(folder: Path, parents: dict[int, int]) -> Path:
    """A double of /proc: the parent of each process."""
    for pid, parent in parents.items():
        (folder / str(pid)).mkdir(parents=True)
        # A name may hold blanks and parentheses.
        (folder / str(pid) / "stat").write_text(f"{pid} (a) b (c) S {parent} 0 0\n")
    return folder


@pytest.fixture
def on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Neighbours, "_in_host_namespace", lambda _: True)


@pytest.mark.usefixtures("on_the_host")
def test_our_own_processes_are_no_neighbours(tmp_path: Path) -> None:
    ours = os.getpid()
    proc = processes(tmp_path, {900001: ours, 900002: 900001, 900003: 1, 900004: 900003, 900005: 0})
    count = Neighbours(proc).count
    assert count([ours, 900001, 900002]) == 0
    assert count([900003, 900004, 900005, 900004, 900002]) == 3
    assert count([]) == 0


@pytest.mark.usefixtures("on_the_host")
def test_one_that_has_ended_is_no_neighbour(tmp_path: Path) -> None:
    assert Neighbours(tmp_path).count([900006]) == 0


def test_in_a_container_nothing_can_be_said(tmp_path: Path) -> None:
    proc = processes(tmp_path, {900003: 1})
    (proc / "self" / "ns").mkdir(parents=True)
    (proc / "self" / "ns" / "pid").touch()
    assert Neighbours(proc).count([900003]) is None
