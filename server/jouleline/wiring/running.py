"""Compilers, and what programs are run with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jouleline.core.ports import Availability, Runner, Toolchain

from .errors import NoSandboxError, UnavailableError
from .folders import config_folder


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
    from jouleline.app.sandbox_settings import Backend, SandboxSettingsError, find_sandbox
    from jouleline.app.workload import WORKLOAD_FILE
    from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap
    from jouleline.runners.landlock import LandlockRunner, find_landlock
    from jouleline.runners.local import LocalRunner

    own = config_folder() / WORKLOAD_FILE
    try:
        settings = find_sandbox(own)
    except SandboxSettingsError as error:
        raise UnavailableError(str(error)) from error
    if not confined or settings.backend is Backend.NONE:
        return LocalRunner(), ("programs ran outside the sandbox, as you asked",)
    readable = (*readable, *settings.readable)
    problems = []
    if settings.backend in (Backend.BEST, Backend.BUBBLEWRAP):
        finding = find_bubblewrap()
        if finding.availability is Availability.READY:
            return BubblewrapRunner(readable), ()
        problems.append(f"bubblewrap: {finding.detail} ({finding.remedy})")
    if settings.backend in (Backend.BEST, Backend.LANDLOCK):
        finding = find_landlock()
        if finding.availability is not Availability.MISSING:
            weaker = LandlockRunner(readable)
            return weaker, (
                f"programs ran under landlock, where a job keeps some rights: {'; '.join(weaker.gaps)}",
            )
        problems.append(f"landlock: {finding.detail} ({finding.remedy})")
    raise NoSandboxError(
        f"there is no sandbox to run programs in: {'; '.join(problems)}; if you trust the program, run it "
        f'outside with --no-sandbox, or always with backend = "none" in [sandbox] of {own}'
    )
