"""Programs that tests run but no Python package brings: compilers, schedulers, editors."""

import os
import shutil
from pathlib import Path

import pytest


def cache_bin() -> Path:
    """Where tools lie that were fetched for this project alone."""
    cache = os.environ.get("JOULELINE_CACHE")
    return (Path(cache) if cache else Path.home() / ".cache" / "jouleline") / "bin"


def find_tool(name: str) -> Path | None:
    found = shutil.which(name) or shutil.which(name, path=str(cache_bin()))
    return Path(found) if found else None


def require_tool(name: str) -> Path:
    """Find a program, or skip the test; in CI a missing program is a failure, so nothing is skipped there."""
    found = find_tool(name)
    if found is not None:
        return found
    sentence = f"{name} is neither on PATH nor in {cache_bin()}"
    if os.environ.get("CI") == "true" or os.environ.get("JOULELINE_REQUIRE_TOOLS"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
