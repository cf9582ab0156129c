"""The device functions that a kernel's count walks into, and what is kept of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from .values import Tally, Value

# A kernel beyond these is a generated one; the document path must not wait for it.
_MOST_WALKED = 400
_MOST_EXPANDED = 5000
_MOST_KEPT = 64


class Part(NamedTuple):
    """One run of a device function: what it costs and returns, and what is known after it.

    It is walked by itself, and so follows from its arguments alone. ``walked`` are the functions whose
    bodies were walked in it, with their arguments, and ``expanded`` says how many macros were expanded.
    """

    tally: Tally
    returned: Value | None
    stored: Mapping[str, int]
    unrolled: AbstractSet[str]
    walked: frozenset[Hashable] = frozenset()
    expanded: int = 0


@dataclass
class Inlined:
    """What bounds a walk: the device functions whose bodies are part of it, and the macros expanded.

    ``kept`` are parts by all that they follow from, which other walks may share.
    """

    walked: set[Hashable] = field(default_factory=set)
    expanded: int = 0
    kept: dict[Hashable, Part] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether no further body is walked."""
        return len(self.walked) >= _MOST_WALKED

    @property
    def is_full_of_macros(self) -> bool:
        """Whether no further macro is expanded."""
        return self.expanded >= _MOST_EXPANDED

    def admits(self, part: Part) -> bool:
        """Whether a walk of this part would come to its end within the bounds."""
        return (
            len(self.walked | part.walked) < _MOST_WALKED and self.expanded + part.expanded < _MOST_EXPANDED
        )

    def keep(self, key: Hashable, part: Part) -> None:
        """Keep a part, and no more than a program of many device functions has."""
        self.kept[key] = part
        if len(self.kept) > _MOST_KEPT:
            del self.kept[next(iter(self.kept))]
