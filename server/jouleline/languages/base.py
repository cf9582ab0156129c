"""What a programming model must tell of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jouleline.core.estimate import Setting
from jouleline.core.hostscope import HostScope
from jouleline.core.kernel import Kernel, Language, Launch
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource


class LanguageSupport(Protocol):
    """Finds kernels and launches, and sets up the walk over a kernel's body."""

    @property
    def language(self) -> Language:
        """Which language this is."""

    @property
    def suffixes(self) -> Mapping[str, str]:
        """File suffixes of this language, with the name editors give to it."""

    def spoken_in(self, source: ParsedSource) -> bool:
        """Whether a file may have kernels of this language."""

    def kernels(self, source: ParsedSource, within: range | None = None) -> list[Kernel]:
        """The kernels in a file, in the order of the text; at least those ``within`` a stretch (bytes)."""

    def launches(self, source: ParsedSource, within: range | None = None) -> list[Launch]:
        """The launches in a file, in the order of the text; at least those ``within`` a stretch (bytes)."""

    def enter(self, kernel: Kernel, launch: Launch | None, program: ProgramFacts, host: HostScope) -> Setting:
        """What is known at the start of a kernel that is launched by ``launch``."""
