"""What a rewrite rule is: match, precondition, rewrite, rationale in one place."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jouleline.core.candidate import Rewrite
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource


class Rule(Protocol):
    """Finds places in a file where a rewrite applies. Pure: parses nothing but what it is given."""

    @property
    def name(self) -> str:
        """Short name with dashes, stable: it appears in results and settings."""

    @property
    def title(self) -> str:
        """What the rewrite does, as a short imperative for a list."""

    @property
    def rationale(self) -> str:
        """Why it saves energy and when it applies, in a sentence or two."""

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each place, in the order of the text.

        Rewrites of one call never overlap. A place whose precondition cannot be proved from the
        source is left alone.
        """


@runtime_checkable
class Alternative(Rule, Protocol):
    """A rule with its parameter set, as a block size: of one family, a candidate takes at most one."""

    @property
    def family(self) -> str:
        """What the alternatives have in common; the name of each starts with it."""


@runtime_checkable
class Smelling(Rule, Protocol):
    """A rule whose places cost energy as they stand, whatever the machine; editors mark them."""

    @property
    def smell(self) -> str:
        """What costs energy at such a place and what to do, in one sentence."""
