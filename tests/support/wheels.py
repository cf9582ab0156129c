"""The wheel of the package as it stands, and one that needs no index to be installed from."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A path in a .pth file brings no .pth files of that folder, so the package that we work on is not among them.
DEPENDENCIES = ("dependencies.pth", sysconfig.get_path("purelib") + "\n")


def built(folder: Path, source: Path = ROOT) -> tuple[Path, Path]:
    """The wheel and the sdist of a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def with_dependencies(wheel: Path) -> None:
    """Have the wheel bring the locked dependencies, which its environment finds where they are."""
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(*DEPENDENCIES)
