"""Compilers, and what programs are run with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jouleline.core.ports import Runner, Toolchain

from .errors import NoSandboxError, UnavailableError
from .folders import config_folder

UNCONFINED = "programs ran outside the sandbox, as you asked"


@cache
def toolchains() -> Sequence[Toolchain]:
    """The compilers we know, best first for each kind of file."""
    from jouleline.toolchains.clang import ClangToolchain
    from jouleline.toolchains.gnu import GnuToolchain
    from jouleline.toolchains.hipcc import HipccToolchain
    from jouleline.toolchains.nvcc import NvccToolchain

    return (GnuToolchain(), NvccToolchain(), HipccToolchain(), ClangToolchain())


def runner(*, confined: bool = True, readable: Sequence[str] = ()) -> tuple[Runner, tuple[str, ...]]:
    """The runner for programs, and what the user should know of it.

    ``confined`` asks for the sandbox, and so does the user's own file unless that says otherwise; a
    program's file has no say. ``readable`` are folders that jobs need though they lie where the user's
    files are.

    Raises:
        NoSandboxError: if there is none; programs run outside only if the user insists.
        UnavailableError: if the user's settings are wrong.
    """
    backends, more = sandbox_wanted(confined=confined)
    return runner_of(backends, (*readable, *more))


def runner_of(backends: Sequence[str], readable: Sequence[str]) -> tuple[Runner, tuple[str, ...]]:
    """The first of these sandboxes that works here (none named: outside of any), and notes on it.

    Raises:
        NoSandboxError: if none does.
    """
    from jouleline.app.workload import WORKLOAD_FILE
    from jouleline.runners.choice import NoSandboxHereError, sandboxed
    from jouleline.runners.local import LocalRunner

    if not backends:
        return LocalRunner(), (UNCONFINED,)
    try:
        return sandboxed(backends, readable)
    except NoSandboxHereError as error:
        own = config_folder() / WORKLOAD_FILE
        raise NoSandboxError(
            f"{error}; if you trust the program, run it outside with --no-sandbox, or always with "
            f'backend = "none" in [sandbox] of {own}'
        ) from error


def sandbox_wanted(*, confined: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sandboxes that would do, none if the user wants none, and the folders that jobs may read.

    Raises:
        UnavailableError: if the user's settings are wrong.
    """
    from jouleline.app.sandbox_settings import Backend, SandboxSettingsError, find_sandbox
    from jouleline.app.workload import WORKLOAD_FILE
    from jouleline.runners.choice import SANDBOXES

    try:
        settings = find_sandbox(config_folder() / WORKLOAD_FILE)
    except SandboxSettingsError as error:
        raise UnavailableError(str(error)) from error
    if not confined or settings.backend is Backend.NONE:
        return (), settings.readable
    wanted = SANDBOXES if settings.backend is Backend.BEST else (settings.backend.value,)
    return wanted, settings.readable
