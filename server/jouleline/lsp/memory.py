"""Bounds that outlive a keystroke: a kernel is counted again only when something it depends on changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from os import fsencode
from typing import Any, Final, NamedTuple

from jouleline.app.analyse import Followed, KernelReport, ParsedFile
from jouleline.core.counts import KernelCounts
from jouleline.core.kernel import Kernel, Launch
from jouleline.core.profile import KernelProfile
from jouleline.core.roofline import Bound
from jouleline.core.visit import Visit

_LEAST: Final = 2048
_MOST_STATES: Final = 4
# Each holds the syntax trees of a program.
_MOST_FOLLOWED: Final = 3

Key = Hashable
"""What a kernel's bounds follow from, its text as a digest."""
Words = dict[str, Any]
"""A part of an answer, as the protocol has it."""
State = tuple[bytes, Hashable]
"""The digest of a program without the bodies of its kernels, and what else its bounds follow from."""


@dataclass(frozen=True)
class _Remembered:
    """A report without its kernel and launch, which would keep old syntax trees alive."""

    instance: str
    launch: tuple[object, ...] | None
    counts: KernelCounts
    bound: Bound
    profile: KernelProfile | None
    visit: Visit | None


class _Said(NamedTuple):
    """Words, and the counts that they were made of: while these are held, nothing else has their identity."""

    of: Sequence[KernelCounts]
    words: Words


class Memory:
    """The reports of the last kernels, by all that they follow from."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, tuple[_Remembered, ...]] = OrderedDict()
        self._followed: OrderedDict[State, Followed] = OrderedDict()
        self._most = _LEAST
        self._said: OrderedDict[tuple[int, ...], _Said] = OrderedDict()

    def keep(self, state: State, followed: Followed) -> None:
        """Keep what was followed in a program whose kernels' bodies are not part of ``state``."""
        self._followed[state] = followed
        while len(self._followed) > _MOST_FOLLOWED:
            self._followed.popitem(last=False)

    def kept(self, state: State) -> Followed | None:
        """What was followed in that state."""
        if state in self._followed:
            self._followed.move_to_end(state)
        return self._followed.get(state)

    def kept_before(self, state: State) -> Followed | None:
        """What was followed last in a state that differs from that one in the program's text alone."""
        return next((one for known, one in reversed(self._followed.items()) if known[1] == state[1]), None)

    def make_room(self, kernels: int) -> None:
        """Remember some states of so many kernels: in a longer file the last would drive out the first."""
        self._most = max(self._most, _MOST_STATES * kernels)

    def store(self, reports: tuple[KernelReport, ...], *keys: Key) -> None:
        """Remember the reports of one kernel."""
        remembered = tuple(
            _Remembered(
                one.kernel.instance,
                way(one.launch) if one.launch else None,
                one.counts,
                one.bound,
                one.profile,
                one.visit,
            )
            for one in reports
        )
        for key in keys:
            self._known[key] = remembered
            self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def knows(self, key: Key) -> bool:
        """Whether there is something to be recalled."""
        return key in self._known

    def recall(
        self, key: Key, file: str, kernel: Kernel, launches: Callable[[tuple[object, ...]], Launch | None]
    ) -> tuple[KernelReport, ...] | None:
        """The reports of a kernel, as it is in the text now; None if it has to be counted."""
        known = self._known.get(key)
        if known is None:
            return None
        self._known.move_to_end(key)
        return tuple(
            KernelReport(
                file,
                kernel if one.instance == kernel.instance else replace(kernel, instance=one.instance),
                launches(one.launch) if one.launch else None,
                one.counts,
                one.bound,
                profile=one.profile,
                visit=one.visit,
            )
            for one in known
        )

    def words(self, key: Key, launch: tuple[object, ...] | None = None) -> Words | None:
        """What was said of a kernel, or of one way of launching it; None if nothing was."""
        known = self._known.get(key)
        if not known:
            return None
        self._known.move_to_end(key)
        if launch is not None:
            known = (next((one for one in known if one.launch == launch), known[0]),)
        said = self._said.get(tuple([id(one.counts) for one in known]))
        return said.words if said is not None else None

    def said(self, reports: Sequence[KernelReport], say: Callable[[], Words]) -> Words:
        """What is made of reports for people, which outlives a keystroke as their counts do."""
        key = tuple([id(one.counts) for one in reports])
        known = self._said.get(key)
        if known is None:
            known = self._said[key] = _Said([one.counts for one in reports], say())
            if len(self._said) > 2 * self._most:
                self._said.popitem(last=False)
        return known.words


def way(launch: Launch) -> tuple[object, ...]:
    """What makes a way of launching a kernel its own."""
    return launch.written


def around(files: Mapping[str, ParsedFile]) -> bytes:
    """A digest of a program without the bodies of its kernels, which cannot depend on each other."""
    digest = blake2b(digest_size=16)
    for name, file in files.items():
        digest.update(b"\0" + fsencode(name) + b"\0")
        digest.update(file.around)
    return digest.digest()
