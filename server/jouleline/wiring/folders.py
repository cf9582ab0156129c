"""Where settings, records and caches are kept for this user."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jouleline.core.ports import Cache


def config_folder() -> Path:
    """Where the user keeps settings of Jouleline."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def records_folder() -> Path:
    """Where the records of refactoring runs are kept."""
    return state_folder() / "runs"


def state_folder() -> Path:
    """Where what should outlive a run is kept."""
    return _xdg("XDG_STATE_HOME", ".local/state")


@cache
def disk_cache(name: str) -> Cache:
    """The cache of one purpose, such as ``compiled``, in the user's cache folder."""
    from jouleline.cache import DiskCache

    return DiskCache(_cache_folder(name))


@cache
def file_cache(name: str) -> Cache:
    """The same for a few small values, which takes no library."""
    from jouleline.cache import FileCache

    return FileCache(_cache_folder(name))


def _cache_folder(name: str) -> Path:
    return _xdg("XDG_CACHE_HOME", ".cache") / name


def _xdg(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback) / "jouleline"
