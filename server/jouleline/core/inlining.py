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
_MOST_KEPT = 2000


class Part(NamedTuple):
    """One run of a device function: what it costs and returns, and what is known after it.

    It is walked by itself, and so follows from what it is kept by alone.
    """

    tally: Tally
    returned: Value | None
    stored: Mapping[str, int]
    unrolled: AbstractSet[str]
    walk: Walk


@dataclass
class Walk:
    """What a walk through one body meets: the ``parts`` in it, in those, and so on, by identity.

    ``expanded`` says how many macros are expanded in the body itself, and ``hands_out`` whether something in
    it is handed to teams or threads, which depends on how many there are.
    """

    parts: dict[int, Part] = field(default_factory=dict)
    expanded: int = 0
    hands_out: bool = False

    def meet(self, part: Part) -> None:
        """Go through a part."""
        self.parts[id(part)] = part
        self.parts.update(part.walk.parts)
        self.hands_out |= part.walk.hands_out


@dataclass
class Inlined:
    """What bounds the count of a kernel: the ``parts`` in it, and how many macros were expanded.

    ``kept`` are parts that kernels share, by all that they follow from: which other kernels were counted
    before changes no answer. Those that are this kernel's alone are its ``own``.
    """

    kept: dict[Hashable, Part] = field(default_factory=dict)
    own: dict[Hashable, Part] = field(default_factory=dict)
    parts: dict[int, Part] = field(default_factory=dict)
    expanded: int = 0

    def __post_init__(self) -> None:
        """Forget what was kept first where there is much; never while a kernel is counted."""
        for key in [*self.kept][: max(0, len(self.kept) - _MOST_KEPT)]:
            del self.kept[key]

    @property
    def is_full(self) -> bool:
        """Whether no further body is walked."""
        return len(self.parts) >= _MOST_WALKED

    @property
    def is_full_of_macros(self) -> bool:
        """Whether no further macro is expanded."""
        return self.expanded >= _MOST_EXPANDED

    def known(self, key: Hashable) -> Part | None:
        """A part that was walked for this kernel, or for another if this one has room for it."""
        part = self.own.get(key) if self.own else None
        part = part or self.kept.get(key)
        if part is None or id(part) in self.parts:
            return part
        new = {id(part): part, **part.walk.parts}
        new = {inner: one for inner, one in new.items() if inner not in self.parts}
        expanded = self.expanded + sum(one.walk.expanded for one in new.values())
        if len(self.parts) + len(new) >= _MOST_WALKED or expanded >= _MOST_EXPANDED:
            return None
        self.parts.update(new)
        self.expanded = expanded
        return part

    def keep(self, key: Hashable, part: Part, *, is_own: bool) -> None:
        """Keep a part that was walked; for other kernels, too, unless it is not the same for them."""
        self.parts[id(part)] = part
        is_own = is_own or part.walk.hands_out or self.is_full or self.is_full_of_macros
        (self.own if is_own else self.kept)[key] = part
