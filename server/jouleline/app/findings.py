"""Kernels and launches of a file, kept from one keystroke to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar, cast, overload

from jouleline.core.change import Change
from jouleline.core.kept import cached_property
from jouleline.core.kernel import Kernel, Launch
from jouleline.core.offsets import Moving, Offsets
from jouleline.core.source import Edit
from jouleline.core.syntax import EMPTY, ParsedSource
from jouleline.languages import LanguageSupport

T = TypeVar("T", bound=Kernel | Launch)


class Findings(Moving[T]):
    """What was found in a file, in the order of its text; each is as it is now when it is asked for.

    What nobody asked for is known without its tree, so that no earlier one is kept alive.
    """

    def __init__(
        self,
        source: ParsedSource,
        known: list[T],
        starts: Offsets,
        here: dict[int, T],
        *,
        longest: int,
        half_typed: list[T],
    ) -> None:
        super().__init__(known, starts)
        self._source = source
        self._here = here
        self.longest = longest
        """How long the longest of them is, with the node in which it stands (bytes)."""
        self.half_typed = half_typed
        """Those that have no place yet, or one in a repaired text alone; they do not move."""

    @staticmethod
    def of(found: Sequence[T], source: ParsedSource) -> Findings[T]:
        """What was found in a file."""
        known, starts = [_aside(one, source) for one in found], Offsets([one.start for one in found])
        here, half_typed = dict(enumerate(found)), [one for one in found if _is_half_typed(one, source)]
        return Findings(source, known, starts, here, longest=_longest(found), half_typed=half_typed)

    def after(self, source: ParsedSource, change: Change, found: Sequence[T]) -> Findings[T]:
        """What there is in the next state of the file: ``found`` around the change, and the others."""
        by = change.by
        front, back = self.starts.before(change.start), self.starts.before(change.end - by)
        # What was looked for around the change may stand in front of it or behind.
        low = self.starts.before(min([change.start, *(one.start for one in found)]))
        high = self.starts.before(max([change.end, *(one.start + 1 for one in found)]) - by)
        inside = dict(zip(self.starts[low:front], self.known[low:front], strict=True))
        moved = (start + by for start in self.starts[back:high])
        inside |= zip(moved, self.known[back:high], strict=True)
        if change.silent:
            before = dict(zip(self.starts[low:high], self.known[low:high], strict=True))
            _tell_as_before(found, before, source, change.edit)
        again = {one.start: _aside(one, source) for one in found}
        inside |= again
        starts = sorted(inside)
        new = [inside[start] for start in starts]
        after = Findings(
            source,
            self.known[:low] + new + self.known[high:],
            self.starts.replaced(low, high, starts, by),
            {low + starts.index(one.start): one for one in found},
            longest=max(self.longest, _longest(found)),
            half_typed=[one for one in self.half_typed if one.start < change.start and one.start not in again]
            + [one for one in found if _is_half_typed(one, source)],
        )
        gone = self.known[low:high]
        if "named" in self.__dict__ and [_name(one) for one in gone] == [_name(one) for one in new]:
            after.__dict__["named"] = self.named
        return after

    def moved(self, one: T, by: int) -> T:
        if one.source is not EMPTY:
            return one  # what was found in a repaired text stays in it
        line = self._source.text.line_of(one.start + by) + 1
        return cast("T", one.moved(self._source, by, line - one.line))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        one = self._here.get(index)
        if one is None:
            known = self.known[index]
            one = self._here[index] = self.moved(known, self.starts[index] - known.start)
        return one

    @cached_property
    def named(self) -> Mapping[str, Sequence[int]]:
        """Their numbers by the names of the kernels."""
        found: dict[str, list[int]] = {}
        for index, one in enumerate(self.known):
            found.setdefault(_name(one), []).append(index)
        return found

    def starting(self, first: int, last: int) -> Iterator[tuple[int, T, int]]:
        """Those that start in a stretch: number, what is known, and how far it has moved since."""
        low, high = self.starts.before(first), self.starts.before(last)
        for index, start in enumerate(self.starts[low:high], low):
            one = self.known[index]
            yield index, one, start - one.start

    def between(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Number and anchor of those whose anchor is in a stretch of the text (bytes, both ends included)."""
        for index, one, by in self.starting(first - self.longest, last + 1):
            if first <= one.anchor + by <= last:
                yield index, one.anchor + by

    def line(self, index: int) -> int:
        """In which line one starts, from 1."""
        return self._source.text.line_of(self.starts[index]) + 1

    def meeting(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Those that reach into a stretch: number, start and end, with the nodes in which they stand."""
        for index, one, by in self.starting(first - self.longest, last + self.longest):
            start, end = _extent(one)
            if start + by < last and first < end + by:
                yield index, start + by, end + by


class Kernels(Sequence[tuple[LanguageSupport, Kernel]]):
    """The kernels of a file, language by language."""

    def __init__(self, found: Sequence[tuple[LanguageSupport, Findings[Kernel]]]) -> None:
        self.found = found

    def __len__(self) -> int:
        return sum(len(kernels) for _, kernels in self.found)

    @overload
    def __getitem__(self, index: int) -> tuple[LanguageSupport, Kernel]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[LanguageSupport, Kernel]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> tuple[LanguageSupport, Kernel] | list[tuple[LanguageSupport, Kernel]]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        for language, kernels in self.found:
            count = len(kernels.known)
            if index < count:
                return language, kernels[index]
            index -= count
        raise IndexError

    def __iter__(self) -> Iterator[tuple[LanguageSupport, Kernel]]:
        for language, kernels in self.found:
            yield from ((language, kernel) for kernel in kernels)

    def between(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Number and anchor of those whose anchor is in a stretch of the text (bytes, both ends included)."""
        for before, kernels in self._parts():
            yield from ((before + index, anchor) for index, anchor in kernels.between(first, last))

    def outline(self, number: int) -> tuple[int, bytes]:
        """In which line one starts, and the digest of its text."""
        for before, kernels in self._parts():
            if number < before + len(kernels.known):
                return kernels.line(number - before), kernels.known[number - before].digest
        raise IndexError

    def named(self, name: str) -> int | None:
        """The number of the first kernel of that name."""
        for before, kernels in self._parts():
            if name in kernels.named:
                return before + kernels.named[name][0]
        return None

    def meeting(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """Those that reach into a stretch: number, start and end."""
        for before, kernels in self._parts():
            yield from ((before + index, start, end) for index, start, end in kernels.meeting(first, last))

    @property
    def half_typed(self) -> list[Kernel]:
        """Those that have no place yet, or one in a repaired text alone."""
        return [one for _, kernels in self.found for one in kernels.half_typed]

    @property
    def longest(self) -> int:
        """How long the longest of them is, with the node in which it stands (bytes)."""
        return max((kernels.longest for _, kernels in self.found), default=0)

    def _parts(self) -> Iterator[tuple[int, Findings[Kernel]]]:
        """The kernels of each language, and how many are in front of them."""
        before = 0
        for _, kernels in self.found:
            yield before, kernels
            before += len(kernels)


def _aside(one: T, source: ParsedSource) -> T:
    """What is known of it without its tree, unless it was found in a repaired text."""
    if isinstance(one, Kernel):
        _ = one.told, one.digest  # the text says so
    return cast("T", one.moved(EMPTY, 0, 0)) if one.source is source else one


def _tell_as_before(found: Sequence[T], known: Mapping[int, T], source: ParsedSource, edit: Edit) -> None:
    """Give the kernels around an edit the digests that they had: it has left their words as they are."""
    for one in found:
        before = known.get(one.start) if one.start < edit.start else None
        if isinstance(before, Kernel) and one.source is source and before.source is EMPTY:
            one.__dict__["digest"] = before.digest


def _is_half_typed(one: Kernel | Launch, source: ParsedSource) -> bool:
    return isinstance(one, Kernel) and (one.place is None or one.source is not source)


def _extent(one: Kernel | Launch) -> tuple[int, int]:
    place = one.place if isinstance(one, Kernel) else one.where
    return (min(one.start, place.start), max(one.end, place.end)) if place else (one.start, one.end)


def _longest(found: Sequence[T]) -> int:
    extents = (_extent(one) for one in found)
    return max((end - start for start, end in extents), default=0)


def _name(one: Kernel | Launch) -> str:
    return one.name if isinstance(one, Kernel) else one.kernel
