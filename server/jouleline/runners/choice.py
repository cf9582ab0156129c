"""Which sandbox confines programs: the first of those asked for that works on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jouleline.core.ports import Availability, Finding, Runner, RunnerError
from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap
from jouleline.runners.landlock import LandlockRunner, find_landlock

SANDBOXES: Final = ("bubblewrap", "landlock")
"""Every sandbox, the strongest first."""


class NoSandboxHereError(RunnerError):
    """None of the sandboxes that were asked for works here; the message says why, for each."""


def sandboxed(backends: Sequence[str], readable: Sequence[str]) -> tuple[Runner, tuple[str, ...]]:
    """The first of ``backends`` that works here, and what the user should know of it.

    Raises:
        NoSandboxHereError: if none does.
    """
    problems = []
    if "bubblewrap" in backends:
        finding = find_bubblewrap()
        if finding.availability is Availability.READY:
            return BubblewrapRunner(readable), ()
        problems.append(f"bubblewrap: {finding.detail} ({finding.remedy})")
    if "landlock" in backends:
        finding = find_landlock()
        if finding.availability is not Availability.MISSING:
            weaker = LandlockRunner(readable)
            note = f"programs ran under landlock, where a job keeps some rights: {'; '.join(weaker.gaps)}"
            return weaker, (note,)
        problems.append(f"landlock: {finding.detail} ({finding.remedy})")
    raise NoSandboxHereError(f"there is no sandbox to run programs in: {'; '.join(problems)}")


def find_sandboxes() -> list[Finding]:
    """Each sandbox, and whether it works here."""
    return [find_bubblewrap(), find_landlock()]
