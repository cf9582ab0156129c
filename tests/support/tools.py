"""Programs that tests run but no Python package brings: compilers, schedulers, editors."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def cache_bin() -> Path:
    """Where tools lie that were fetched for this project alone."""
    cache = os.environ.get("JOULELINE_CACHE")
    return (Path(cache) if cache else Path.home() / ".cache" / "jouleline") / "bin"


def find_tool(name: str) -> Path | None:
    found = shutil.which(name) or shutil.which(name, path=str(cache_bin()))
    return Path(found) if found else None


def skip_unless_ci(reason: str) -> NoReturn:
    """Skip the test; in CI, where what it needs was installed, fail it: nothing is skipped there."""
    if os.environ.get("CI") == "true" or os.environ.get("JOULELINE_REQUIRE_TOOLS"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_tool(name: str) -> Path:
    """Find a program that a test needs."""
    found = find_tool(name)
    if found is not None:
        return found
    skip_unless_ci(f"{name} is neither on PATH nor in {cache_bin()}")


def with_us() -> list[str]:
    """What to begin a daemon's command with, so that it ends when these tests do, however they end."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "TERM"] if found else []


def bare_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A PATH with what a relay's script needs to start, and with no scheduler's commands."""
    for name in ("sh", "mkdir", "head", "mv", "rm", "test"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
