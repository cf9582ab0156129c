"""What a user installs: the wheel and the sdist, built and tried in an environment of their own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.wheels import DEPENDENCIES, ROOT, built

PACKAGE = ROOT / "server" / "jouleline"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return built(tmp_path_factory.mktemp("dist"))


def packaged(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


@pytest.mark.xdist_group("release")
def test_the_wheel_holds_the_whole_package_and_nothing_else(release: tuple[Path, Path]) -> None:
    files = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packaged(release[0]) == {path.relative_to(PACKAGE.parent).as_posix() for path in files}


@pytest.mark.xdist_group("release")
def test_the_sdist_gives_the_same_wheel(release: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = release
    # By the program: Debian's Python 3.11.2 knows no extraction filter, and newer ones insist on it.
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    [tree] = tmp_path.iterdir()
    assert {"LICENSE", "README.md", "CHANGELOG.md", "server"} <= {path.name for path in tree.iterdir()}
    again, _ = built(tmp_path / "dist", tree)
    assert packaged(again) == packaged(wheel)


@pytest.mark.xdist_group("release")
def test_an_environment_that_has_nothing_else_tells_bounds(
    release: tuple[Path, Path], tmp_path: Path
) -> None:
    place = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=120)
    install = [
        "-m",
        "pip",
        "--python",
        str(place),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        str(release[0]),
    ]
    subprocess.run([sys.executable, *install], check=True, timeout=120)
    # The locked dependencies serve here too.
    [folder] = place.glob("lib/python*/site-packages")
    name, text = DEPENDENCIES
    (folder / name).write_text(text)

    def jouleline(*words: object) -> str:
        return subprocess.run(
            [place / "bin" / "jouleline", *map(str, words)],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        ).stdout

    where = subprocess.run(
        [place / "bin" / "python", "-c", "import jouleline; print(jouleline.__file__)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert Path(where).is_relative_to(place)
    assert jouleline("--version").startswith("jouleline ")
    assert "sandbox" in jouleline("doctor")
    assert "bandwidth-bound" in jouleline("bound", ROOT / "samples" / "jacobi-cuda")
