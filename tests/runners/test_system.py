"""What a confined job sees of this machine."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from jouleline.core.ports import Job, Runner
from jouleline.runners import bubblewrap, landlock, system
from jouleline.runners.system import system_paths


def test_the_system_is_shown_and_the_user_is_not(tmp_path: Path) -> None:
    shown = system_paths({}, (), gpu=False)
    assert any(Path("/usr/bin").is_relative_to(each) for each in shown)
    hidden = (
        "/home/ada",
        "/root",
        "/srv/data",
        "/mnt/disk",
        "/var/lib",
        "/etc/shadow",
        "/etc/ssh",
        str(tmp_path),
    )
    for private in hidden:
        assert not any(Path(private).is_relative_to(each) for each in shown), private


def test_a_home_inside_a_system_folder_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opt = tmp_path / "opt"
    for each in ("home/keys", "cuda/bin"):
        (opt / each).mkdir(parents=True)
    monkeypatch.setattr(system, "_FOLDERS", (str(opt),))
    monkeypatch.setattr(system, "hidden_folders", lambda: [opt / "home"])
    shown = system_paths({}, (), gpu=False)
    assert opt / "cuda" in shown
    assert not {opt, opt / "home"} & {*shown}


def test_compilers_elsewhere_on_the_path_are_shown_with_their_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "hidden_folders", lambda: [tmp_path / "home"])
    for each in ("apps/gcc/bin", "home/bin"):
        (tmp_path / each).mkdir(parents=True)
    path = f"{tmp_path}/apps/gcc/bin:{tmp_path}/home/bin:relative:"
    shown = system_paths({"PATH": path}, (), gpu=False)
    assert tmp_path / "apps/gcc" in shown
    assert not any((tmp_path / "home/bin").is_relative_to(each) for each in shown)


# Under bubblewrap nothing of a GPU is seen; under landlock it is, but cannot be opened.
LOOKS = {"confined": (bubblewrap, "test -e {}"), "landlocked": (landlock, "true < {}")}


@pytest.mark.parametrize("sandbox", LOOKS)
def test_a_gpu_is_reached_only_on_request(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: str
) -> None:
    runner: Runner = request.getfixturevalue(sandbox)
    module, look = LOOKS[sandbox]
    # Stands for a GPU's node, which this machine need not have: a sandbox shows neither.
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as node:
        monkeypatch.setattr(module, "gpu_nodes", lambda: [node.name])
        looks = f"({look.format(node.name)}) 2>/dev/null && echo device"
        command = f"{looks}; ls /sys/class >/dev/null 2>&1 && echo sys"

        def seen(*, gpu: bool) -> bytes:
            return asyncio.run(runner.run(Job(command, str(tmp_path), gpu=gpu))).stdout

        assert seen(gpu=False) == b""
        assert seen(gpu=True) == b"device\nsys\n"
