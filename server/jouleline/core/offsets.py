"""What stands in a text, in its order, through edits that move most of it.

An edit moves all that is behind it. To write that down for each line, mark and kernel of a file would
take longer than to parse the edit. So what is behind the last edit is left as it was, with how far it has
moved since, and is brought up to date when it is asked for, or when the next edit is behind it. The next
edit is near, as a rule.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, overload


class Standing(Protocol):
    """What stands somewhere in a text."""

    @property
    def start(self) -> int:
        """The offset at which it starts."""


T = TypeVar("T", bound=Standing)


class Offsets(Sequence[int]):
    """Offsets in ascending order. Immutable; an edit makes new ones.

    From ``edge`` on they are ``by`` bytes further on than they are written down.
    """

    __slots__ = ("_by", "_edge", "_written")

    def __init__(self, written: list[int], edge: int = 0, by: int = 0) -> None:
        self._written = written
        self._edge = edge
        self._by = by

    def before(self, offset: int) -> int:
        """How many of them are smaller."""
        written, edge = self._written, self._edge
        if edge < len(written) and written[edge] + self._by < offset:
            return bisect_left(written, offset - self._by, edge)
        return bisect_left(written, offset, 0, edge)

    def replaced(self, low: int, high: int, new: Iterable[int], by: int) -> Offsets:
        """The offsets with others for those of ``low:high``, and all behind them ``by`` bytes further on."""
        written, edge, moved = self._written, self._edge, self._by
        head, tail = written[:low], written[high:]
        if moved and edge < low:
            head[edge:] = [offset + moved for offset in head[edge:]]
        elif moved and high < edge:
            tail[: edge - high] = [offset - moved for offset in tail[: edge - high]]
        head += new
        edge = len(head)
        head += tail
        return Offsets(head, edge, moved + by)

    def __len__(self) -> int:
        return len(self._written)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        edge, by = self._edge, self._by
        if isinstance(index, slice):
            low, high, _ = index.indices(len(self))
            tail = [offset + by for offset in self._written[max(low, edge) : high]]
            return self._written[low : min(edge, high)] + tail
        at = index if index >= 0 else len(self._written) + index
        return self._written[at] + by if at >= edge else self._written[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Offsets) and self[:] == other[:]

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[int]:
        return iter(self[:])


class Moving(Sequence[T], Generic[T]):
    """Things in the order of a text: as they were once, and where they start now.

    None is changed: ``moved`` makes of one what it is where it stands now.
    """

    def __init__(self, known: list[T], starts: Offsets) -> None:
        self.known = known
        """Each as it was when it was found."""
        self.starts = starts
        """Where each of them starts."""

    @abstractmethod
    def moved(self, one: T, by: int) -> T:
        """The same thing so many bytes further on."""

    def __len__(self) -> int:
        return len(self.known)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            here = zip(self.known[index], self.starts[index], strict=True)
            return [self.moved(one, start - one.start) for one, start in here]
        one = self.known[index]
        return self.moved(one, self.starts[index] - one.start)

    def __iter__(self) -> Iterator[T]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moving) and self[:] == other[:]

    __hash__ = None  # type: ignore[assignment]
